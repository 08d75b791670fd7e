/** Maintenance schedule, inverse offers, machines down and up (AGT-16 to AGT-18, OFF-15 to OFF-17). */
import { describe, expect, test } from "bun:test";
import { MasterView } from "../../src/master/views.ts";
import type { MachineID } from "../../src/model/v1/ids.ts";
import type { Schedule } from "../../src/model/v1/maintenance.ts";
import { MasterBench } from "../support/master-bench.ts";
import { running, type Started } from "../support/started-bench.ts";

const WINDOW = { start: { nanoseconds: 5e15 }, duration: { nanoseconds: 1e9 } };
const MACHINE: MachineID = { hostname: "agent-1.test", ip: "10.0.1.1" };

function scheduleOf(...machine_ids: MachineID[]): Schedule {
  return machine_ids.length === 0 ? {} : { windows: [{ machine_ids, unavailability: WINDOW }] };
}

function plan(bench: MasterBench, ...machines: MachineID[]): number | undefined {
  return bench.change({ kind: "schedule", schedule: scheduleOf(...machines) })?.status;
}

const view = ({ core, registry, now }: MasterBench) => new MasterView(registry, core.leader, now);

describe("a schedule", () => {
  test("is refused with Mesos' reasons", () => {
    const { bench } = running();
    const body = (schedule: Schedule) => bench.change({ kind: "schedule", schedule })?.body;
    expect(body({ windows: [{ unavailability: WINDOW }] })).toInclude("is empty");
    expect(body(scheduleOf({}))).toInclude("Both 'hostname' and 'ip' for a machine are empty");
    expect(body(scheduleOf({ ip: "10.0.1" }))).toInclude("'ip'");
    expect(body(scheduleOf(MACHINE, { ...MACHINE, hostname: "AGENT-1.test" }))).toInclude("more than once");
    const unavailability = { ...WINDOW, duration: { nanoseconds: -1 } };
    expect(body({ windows: [{ machine_ids: [MACHINE], unavailability }] })).toInclude("negative");
    expect(view(bench).schedule()).toEqual({});
  });

  test("of more machines than a call has arguments is read as any", () => {
    const { bench } = running();
    const machine_ids = new Array<MachineID>(1_000_000).fill(MACHINE);
    const windows = [{ machine_ids, unavailability: WINDOW }];
    expect(bench.change({ kind: "schedule", schedule: { windows } })?.body).toInclude("more than once");
  });

  test("puts the window on offers, and takes it off again", () => {
    const { bench, framework } = running();
    expect(plan(bench, MACHINE)).toBe(200);
    const events = framework.events();
    expect(events.map((event) => event.type)).toEqual(["RESCIND", "INVERSE_OFFERS", "OFFERS"]);
    expect(events[2]?.offers?.offers).toMatchObject([{ unavailability: WINDOW }]);
    expect(plan(bench)).toBe(200);
    const later = framework.events();
    expect(later.map((event) => event.type)).toEqual(["RESCIND", "RESCIND_INVERSE_OFFER", "OFFERS"]);
    expect(later[2]?.offers?.offers?.[0]?.unavailability).toBeUndefined();
  });

  test("of other machines leaves offers alone; a machine may be named by host name or address alone", () => {
    const { bench, framework } = running();
    plan(bench, { hostname: "agent-9.test" });
    expect(framework.types()).toEqual([]);
    plan(bench, { hostname: "AGENT-1.test" });
    expect(framework.types()).toContain("INVERSE_OFFERS");
    plan(bench, { ip: "10.0.1.1" });
    expect(framework.types()).toEqual([]);
    expect(bench.core.leader?.agents.get("m1-S0")?.unavailability).toEqual(WINDOW);
  });

  test("is there under the next leader, also for agents that come later", () => {
    const { bench } = running();
    plan(bench, MACHINE, { ip: "10.0.1.2" });
    bench.step({ kind: "leadership-lost" });
    bench.lead(2);
    const framework = bench.framework();
    bench.agent(2);
    expect(framework.newOffers()).toMatchObject([{ unavailability: WINDOW }]);
    expect(view(bench).schedule()).toEqual(scheduleOf(MACHINE, { ip: "10.0.1.2" }));
    expect(view(bench).maintenanceStatus().draining_machines).toMatchObject([{ id: MACHINE }, {}]);
  });
});

describe("inverse offers", () => {
  test("go to who has tasks on the agent; the answer is shown, and asked again when the filter ends", () => {
    const { bench, agentId, framework } = running();
    const idle = bench.framework();
    idle.events();
    plan(bench, MACHINE);
    expect(idle.types()).not.toContain("INVERSE_OFFERS");
    const offers = framework.events().flatMap((event) => event.inverse_offers?.inverse_offers ?? []);
    expect(offers).toMatchObject([
      {
        framework_id: { value: framework.id },
        agent_id: { value: agentId },
        unavailability: WINDOW,
        url: { address: { ip: "10.0.1.1", port: 5051 } },
      },
    ]);
    expect(view(bench).framework(framework.id)?.inverseOffers).toEqual(offers);
    const statuses = () => view(bench).maintenanceStatus().draining_machines?.[0]?.statuses;
    expect(statuses()).toMatchObject([{ status: "UNKNOWN", framework_id: { value: framework.id } }]);
    framework.call({
      type: "DECLINE_INVERSE_OFFERS",
      decline_inverse_offers: {
        inverse_offer_ids: offers.map(({ id }) => id),
        filters: { refuse_seconds: 10 },
      },
    });
    expect(statuses()).toMatchObject([
      { status: "DECLINE", timestamp: { nanoseconds: bench.now.wallMs * 1e6 } },
    ]);
    bench.pass(9_999);
    expect(framework.types()).not.toContain("INVERSE_OFFERS");
    bench.pass(1);
    const again = framework.events().flatMap((event) => event.inverse_offers?.inverse_offers ?? []);
    expect(again).toHaveLength(1);
    framework.call({
      type: "ACCEPT_INVERSE_OFFERS",
      accept_inverse_offers: { inverse_offer_ids: again.map(({ id }) => id) },
    });
    expect(statuses()).toMatchObject([{ status: "ACCEPT" }]);
  });

  test("are made anew in spite of a filter: for another window, after REVIVE, and after a new subscription", () => {
    const { bench, agentId, framework } = running();
    const declined = (): number => {
      const offers = framework.events().flatMap((event) => event.inverse_offers?.inverse_offers ?? []);
      const decline_inverse_offers = {
        inverse_offer_ids: offers.map(({ id }) => id),
        filters: { refuse_seconds: 1_000 },
      };
      framework.call({ type: "DECLINE_INVERSE_OFFERS", decline_inverse_offers });
      return offers.length;
    };
    plan(bench, MACHINE);
    expect([declined(), declined()]).toEqual([1, 0]);
    const unavailability = { ...WINDOW, duration: { nanoseconds: 2e9 } };
    const status = () => bench.core.leader?.inverseOffers.answersOn(agentId).get(framework.id)?.status;
    expect(status()).toBe("DECLINE");
    bench.change({ kind: "schedule", schedule: { windows: [{ machine_ids: [MACHINE], unavailability }] } });
    // What was said of the old window says nothing of this one.
    expect(status()).toBe("UNKNOWN");
    expect([declined(), declined()]).toEqual([1, 0]);
    framework.call({ type: "REVIVE", revive: { roles: ["other"] } });
    expect(declined()).toBe(0);
    framework.call({ type: "REVIVE" });
    expect([declined(), declined()]).toEqual([1, 0]);
    bench.step({ kind: "stream-closed", streamId: framework.streamId });
    framework.streamId = bench.subscribe({ id: { value: framework.id }, failover_timeout: 3600 });
    expect([declined(), declined()]).toEqual([1, 0]);
    expect(status()).toBe("DECLINE");
  });

  test("one at a time; others' and unknown ids are ignored", () => {
    const { bench, framework } = running();
    plan(bench, MACHINE);
    const [offer] = framework.events().flatMap((event) => event.inverse_offers?.inverse_offers ?? []);
    const other = bench.framework();
    const inverse_offer_ids = [{ value: "nothing" }, ...(offer === undefined ? [] : [offer.id])];
    other.call({ type: "ACCEPT_INVERSE_OFFERS", accept_inverse_offers: { inverse_offer_ids } });
    expect(view(bench).maintenanceStatus().draining_machines?.[0]?.statuses).toMatchObject([
      { status: "UNKNOWN" },
    ]);
    bench.pass(60_000);
    expect(framework.types()).not.toContain("INVERSE_OFFERS");
  });

  test("are made anew for a framework that subscribes again, and for a launch on the agent", () => {
    const { bench, framework } = running();
    plan(bench, MACHINE);
    framework.events();
    bench.step({ kind: "stream-closed", streamId: framework.streamId });
    framework.streamId = bench.subscribe({ id: { value: framework.id }, failover_timeout: 3600 });
    const events = framework.events();
    expect(events.map((event) => event.type)).toContain("INVERSE_OFFERS");
    framework.call({ type: "SUPPRESS", suppress: {} });
    const other = bench.framework();
    for (const offer of events.flatMap((event) => event.offers?.offers ?? [])) {
      framework.call({ type: "DECLINE", decline: { offer_ids: [offer.id] } });
    }
    other.launch([...other.offers, ...other.newOffers()].at(-1), other.task("u", "m1-S0"));
    expect(other.types()).toContain("INVERSE_OFFERS");
  });

  test("not answered in time are withdrawn and made again", () => {
    const bench = new MasterBench({ offerTimeoutMs: 30_000 });
    bench.lead();
    const agentId = bench.agent(1);
    const framework = bench.framework();
    framework.launch(framework.offers[0], framework.task("t", agentId));
    plan(bench, MACHINE);
    framework.events();
    bench.pass(30_000);
    expect(framework.types()).toEqual(expect.arrayContaining(["RESCIND_INVERSE_OFFER", "INVERSE_OFFERS"]));
  });
});

describe("a machine that goes down", () => {
  function down(started: Started): void {
    const { bench } = started;
    plan(bench, MACHINE);
    started.framework.events();
    expect(bench.change({ kind: "machines-down", machines: [MACHINE] })?.status).toBe(200);
  }

  test("must be scheduled first, and only what is down comes up", () => {
    const { bench } = running();
    const take = (machines: MachineID[]) => bench.change({ kind: "machines-down", machines })?.body;
    expect(take([])).toInclude("is empty");
    expect(take([MACHINE])).toInclude("is not part of a maintenance schedule");
    plan(bench, MACHINE);
    expect(bench.change({ kind: "machines-up", machines: [MACHINE] })?.body).toInclude("is not in DOWN mode");
    expect(take([MACHINE])).toBe("");
    expect(take([MACHINE])).toInclude("is not in DRAINING mode");
    expect(bench.change({ kind: "schedule", schedule: {} })?.body).toInclude("cannot be removed");
  });

  test("ends its tasks and stops its agent, which is refused until the machine is up", () => {
    const started = running();
    const { bench, agentId, framework } = started;
    down(started);
    const events = framework.events();
    expect(events.map((event) => event.type)).toEqual([
      "RESCIND",
      "RESCIND_INVERSE_OFFER",
      "FAILURE",
      "UPDATE",
    ]);
    expect(events[3]?.update?.status).toMatchObject({ state: "TASK_GONE", reason: "REASON_AGENT_REMOVED" });
    expect(bench.toAgent(1)).toMatchObject([{ kind: "agent-refused", mayReturn: true }]);
    bench.fromAgent(2, bench.registration(1, agentId, []));
    expect(bench.toAgent(2)).toMatchObject([
      { kind: "agent-refused", mayReturn: true, reason: expect.stringContaining("down for maintenance") },
    ]);
    bench.fromAgent(3, bench.registration(1, undefined, []));
    expect(bench.toAgent(3)).toMatchObject([{ kind: "agent-refused" }]);
    expect(view(bench).maintenanceStatus()).toEqual({ down_machines: [MACHINE] });
    framework.call({
      type: "RECONCILE",
      reconcile: { tasks: [{ task_id: { value: "t" }, agent_id: { value: agentId } }] },
    });
    expect(framework.statuses()).toMatchObject([{ state: "TASK_GONE" }]);
    expect(bench.change({ kind: "machines-up", machines: [MACHINE] })?.status).toBe(200);
    expect(view(bench).schedule()).toEqual({});
    expect(bench.agent(4, agentId)).toBe(agentId);
    expect(framework.newOffers()).toHaveLength(1);
  });

  test("keeps what is reserved on it, and is down for the next leader", () => {
    const started = running();
    const { bench, agentId } = started;
    const resource = {
      name: "cpus",
      type: "SCALAR" as const,
      scalar: { value: 1 },
      reservations: [{ type: "DYNAMIC" as const, role: "r" }],
    };
    bench.step({
      kind: "operate",
      ref: 900,
      agentId,
      operation: { type: "RESERVE", reserve: { resources: [resource] } },
    });
    expect(bench.answers.get(900)?.status).toBe(202);
    down(started);
    bench.step({ kind: "leadership-lost" });
    bench.lead(2);
    bench.fromAgent(5, bench.registration(1, agentId, []));
    expect(bench.toAgent(5)).toMatchObject([{ kind: "agent-refused" }]);
    bench.change({ kind: "machines-up", machines: [MACHINE] });
    bench.agent(6, agentId);
    expect(bench.core.leader?.agents.get(agentId)?.total.toString()).toInclude("cpus(r):1");
  });

  test("goes with others in one call, answered when all are down", () => {
    const { bench, framework } = running();
    bench.agent(2);
    bench.agent(3);
    const others = [{ ip: "10.0.1.2" }, { ip: "10.0.1.3" }];
    plan(bench, MACHINE, ...others);
    framework.events();
    expect(bench.change({ kind: "machines-down", machines: [MACHINE, ...others] })?.status).toBe(200);
    expect(framework.types().filter((type) => type === "FAILURE")).toHaveLength(3);
    expect(view(bench).maintenanceStatus().down_machines).toHaveLength(3);
    expect(bench.change({ kind: "machines-up", machines: others })?.status).toBe(200);
    expect(view(bench).maintenanceStatus()).toEqual({ down_machines: [MACHINE] });
  });

  test("goes with others in one call, whose answer tells when it may have gone without them", () => {
    const { bench } = running();
    const machines = [MACHINE, { ip: "10.0.1.2" }];
    plan(bench, ...machines);
    bench.autoCommit = false;
    bench.change({ kind: "machines-down", machines });
    bench.refuseFrom(1);
    expect(bench.answers.get(bench.lastRef)).toMatchObject({ status: 503 });
    expect(bench.answers.get(bench.lastRef)?.body).toInclude("only some of the machines");
    expect(bench.answers.get(bench.lastRef)?.body).not.toInclude("Nothing was changed");
    bench.commit();
    expect(view(bench).maintenanceStatus()).toMatchObject({
      down_machines: [MACHINE],
      draining_machines: [{ id: machines[1] }],
    });
  });

  test("is named when the schedule that is under way left it out, and others went down", () => {
    const { bench } = running();
    const other = { ip: "10.0.1.2" };
    plan(bench, MACHINE, other);
    bench.autoCommit = false;
    plan(bench, other);
    bench.change({ kind: "machines-down", machines: [MACHINE, other] });
    bench.commit();
    expect(view(bench).maintenanceStatus().down_machines).toEqual([other]);
    expect(bench.answers.get(bench.lastRef)).toMatchObject({ status: 400 });
    expect(bench.answers.get(bench.lastRef)?.body).toInclude(`Not down: {"hostname":"agent-1.test"`);
  });

  test("takes an agent with it whose registration is under way", () => {
    const { bench } = running();
    plan(bench, MACHINE);
    bench.autoCommit = false;
    bench.fromAgent(7, bench.registration(1, undefined, [], 6000));
    bench.change({ kind: "machines-down", machines: [MACHINE] });
    bench.fromAgent(8, bench.registration(1, undefined, [], 7000));
    bench.commit();
    expect(bench.answers.get(bench.lastRef)?.status).toBe(200);
    for (const link of [7, 8]) expect(bench.toAgent(link).at(-1)?.kind).toBe("agent-refused");
    expect([...(bench.core.leader?.agents.values() ?? [])].filter(({ link }) => link !== undefined)).toEqual(
      [],
    );
  });
});
