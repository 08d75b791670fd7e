import { describe, expect, test } from "bun:test";
import { FRAME_MAX_BYTES } from "../../src/base/limits.ts";
import type { FrameworkInfo } from "../../src/model/v1/frameworks.ts";
import type { Offer, OfferOperation, OperationStatus } from "../../src/model/v1/offers.ts";
import type { Resource } from "../../src/model/v1/resources.ts";
import { type BenchFramework, MasterBench, scalar } from "../support/master-bench.ts";
import { AGENT_TOTAL, type Started, started as startedWith } from "../support/started-bench.ts";

const CAPABILITIES: NonNullable<FrameworkInfo["capabilities"]> = [
  { type: "MULTI_ROLE" },
  { type: "PARTITION_AWARE" },
  { type: "RESERVATION_REFINEMENT" },
  { type: "SHARED_RESOURCES" },
];

function started(info: Partial<FrameworkInfo> = {}): Started {
  return startedWith({ roles: ["web"], capabilities: CAPABILITIES, ...info });
}

function reserved(name: string, value: number): Resource {
  return { ...scalar(name, value), reservations: [{ type: "DYNAMIC", role: "web" }] };
}

function volume(id: string, value: number, more: Partial<Resource> = {}): Resource {
  const disk = { persistence: { id }, volume: { container_path: "data", mode: "RW" as const } };
  return { ...reserved("disk", value), disk, ...more };
}

const reserve = (...resources: Resource[]): OfferOperation => ({ type: "RESERVE", reserve: { resources } });
const unreserve = (...resources: Resource[]): OfferOperation => ({
  type: "UNRESERVE",
  unreserve: { resources },
});
const create = (...volumes: Resource[]): OfferOperation => ({ type: "CREATE", create: { volumes } });
const destroy = (...volumes: Resource[]): OfferOperation => ({ type: "DESTROY", destroy: { volumes } });
const named = (id: string, operation: OfferOperation): OfferOperation => ({
  ...operation,
  id: { value: id },
});

/** Ids of the offers that hold a shared volume. */
function sharing(offers: readonly Offer[]): string[] {
  return offers
    .filter((offer) => offer.resources?.some((resource) => resource.shared !== undefined))
    .map((offer) => offer.id.value);
}

/** All offers that the framework holds; they may come again at once. */
function decline(framework: BenchFramework): void {
  const ids = [...(framework.bench.core.leader?.frameworks.get(framework.id)?.offerIds ?? [])];
  framework.call({
    type: "DECLINE",
    decline: { offer_ids: ids.map((value) => ({ value })), filters: { refuse_seconds: 0 } },
  });
}

function accept(
  framework: BenchFramework,
  offerIds: readonly string[],
  ...operations: OfferOperation[]
): void {
  framework.call({
    type: "ACCEPT",
    accept: {
      offer_ids: offerIds.map((value) => ({ value })),
      operations,
      filters: { refuse_seconds: 0 },
    },
  });
}

function ids(framework: BenchFramework): string[] {
  return framework.newOffers().map((offer) => offer.id.value);
}

const first = (framework: BenchFramework): string[] => framework.offers.map((offer) => offer.id.value);

function statusesOf(framework: BenchFramework): OperationStatus[] {
  return framework.events().flatMap((event) => event.update_operation_status?.status ?? []);
}

function launch(
  framework: BenchFramework,
  agentId: string,
  id: string,
  resources: Resource[],
): OfferOperation {
  return { type: "LAUNCH", launch: { task_infos: [framework.task(id, agentId, 1, { resources })] } };
}

/** Makes the shared volume; a part of the agent becomes free while it is offered, and brings it again. */
function offeredTwice(
  bench: MasterBench,
  framework: BenchFramework,
  shared: Resource,
): { readonly agentId: string; readonly offers: readonly string[] } {
  accept(framework, first(framework), reserve(reserved("disk", 10), reserved("cpus", 1)), create(shared));
  const [whole] = framework.newOffers();
  const agentId = whole?.agent_id.value ?? "";
  bench.fromAgent(2, bench.registration(2, undefined, [], 5051, [scalar("cpus", 1)]));
  framework.newOffers();
  accept(framework, [whole?.id.value ?? ""], launch(framework, agentId, "a", [scalar("cpus", 1)]));
  const rest = sharing(framework.newOffers());
  bench.update(1, framework.id, "a", "TASK_FINISHED");
  const offers = [...rest, ...sharing(framework.newOffers())];
  expect(offers).toHaveLength(2);
  return { agentId, offers };
}

function total(bench: MasterBench, agentId: string): string {
  return bench.core.leader?.agent(agentId).total.toString() ?? "";
}

describe("an ACCEPT that reserves, creates and launches", () => {
  test("runs the task on the new volume once all is committed; nothing is offered before", () => {
    const { bench, agentId, framework } = started();
    bench.autoCommit = false;
    const uses = [reserved("cpus", 1), volume("v", 10)];
    accept(
      framework,
      first(framework),
      reserve(reserved("cpus", 2), reserved("disk", 20)),
      create(volume("v", 10)),
      launch(framework, agentId, "t", uses),
    );
    expect(bench.proposed.map((command) => command.kind)).toEqual(["apply-operations", "launch-tasks"]);
    expect(framework.events()).toEqual([]);
    expect(total(bench, agentId)).not.toContain("web");
    bench.commit();
    expect(bench.toAgent(1).map((message) => message.kind)).toEqual(["update-volumes", "run-task"]);
    const offered = framework.newOffers().flatMap((offer) => offer.resources ?? []);
    expect(offered.map((r) => [r.name, r.reservations?.length ?? 0, r.scalar?.value])).toEqual([
      ["cpus", 0, 2],
      ["cpus", 1, 1],
      ["disk", 0, 80],
      ["disk", 1, 10],
      ["mem", 0, 1024],
    ]);
    bench.core.leader?.allocator.assertConsistent();
  });

  test("what it made comes at once, whatever filter it names; the filter is for what it left", () => {
    const { bench, framework } = started();
    const acceptFor = (refuse_seconds: number, ...operations: OfferOperation[]): Offer[] => {
      const held = bench.core.leader?.frameworks.get(framework.id)?.offerIds ?? [];
      const offer_ids = [...held].map((value) => ({ value }));
      framework.call({ type: "ACCEPT", accept: { offer_ids, operations, filters: { refuse_seconds } } });
      return framework.newOffers();
    };
    const [offer] = acceptFor(3_600, reserve(reserved("cpus", 1)));
    expect(offer?.resources).toContainEqual(
      expect.objectContaining({ name: "cpus", reservations: [{ type: "DYNAMIC", role: "web" }] }),
    );
    // What was reserved before is left now: it is refused like the rest.
    const use = launch(framework, offer?.agent_id.value ?? "", "t", [reserved("cpus", 1), scalar("mem", 8)]);
    expect(acceptFor(3_600, reserve(reserved("cpus", 1)), use)).toEqual([]);
    bench.pass(3_700_000);
    expect(framework.newOffers()).toHaveLength(1);
  });

  test("its reservations outlive the leader, the agent's restart and the framework", () => {
    const { bench, agentId, framework } = started();
    accept(
      framework,
      first(framework),
      reserve(reserved("cpus", 2), reserved("disk", 20)),
      create(volume("v", 10)),
    );
    const before = total(bench, agentId);
    expect(before).toContain("disk(web)[v]:10");
    const next = new MasterBench({}, bench.registry, "m2");
    next.lead(2);
    next.fromAgent(7, next.registration(1, agentId, [], 5051, AGENT_TOTAL));
    expect(total(next, agentId)).toBe(before);
    expect(next.toAgent(7).find((message) => message.kind === "update-volumes")).toMatchObject({
      volumes: [{ role: "web", persistenceId: "v" }],
    });
    next.teardown(framework.id);
    expect(total(next, agentId)).toBe(before);
  });

  test("an agent that shrank below its reservations is refused with the reason", () => {
    const { bench, agentId, framework } = started();
    accept(framework, first(framework), reserve(reserved("cpus", 4)));
    bench.step({ kind: "agent-link-closed", link: 1 });
    bench.fromAgent(2, bench.registration(1, agentId, [], 5051, [scalar("cpus", 1)]));
    const [message] = bench.toAgent(2);
    expect(message).toMatchObject({ kind: "agent-refused" });
    expect(message?.kind === "agent-refused" ? message.reason : "").toContain("do not hold its reservations");
  });

  test("what is destroyed and unreserved again is as before", () => {
    const { bench, agentId, framework } = started();
    const before = total(bench, agentId);
    accept(framework, first(framework), reserve(reserved("disk", 20)), create(volume("v", 10)));
    accept(framework, ids(framework), destroy(volume("v", 10)), unreserve(reserved("disk", 20)));
    expect(total(bench, agentId)).toBe(before);
    expect(bench.registry.agents.get(agentId)?.checkpointed).toEqual([]);
  });

  test("a full log drops all of it and gives the offers back as they were", () => {
    const { bench, agentId, framework } = started();
    bench.autoCommit = false;
    const operations = [
      named("o", reserve(reserved("cpus", 2))),
      launch(framework, agentId, "t", [reserved("cpus", 1)]),
    ];
    accept(framework, first(framework), ...operations);
    bench.drop();
    const events = framework.events();
    expect(events[0]?.update_operation_status?.status).toMatchObject({ state: "OPERATION_DROPPED" });
    expect(events[1]?.update?.status.state).toBe("TASK_DROPPED");
    const offered = events
      .flatMap((event) => event.offers?.offers ?? [])
      .flatMap((offer) => offer.resources ?? []);
    expect(offered.map((r) => [r.name, r.scalar?.value])).toEqual([
      ["cpus", 4],
      ["disk", 100],
      ["mem", 1024],
    ]);
    bench.core.leader?.allocator.assertConsistent();
  });
});

describe("operations with an id", () => {
  test("their end comes until it is acknowledged, also from a new leader", () => {
    const { bench, agentId, framework } = started();
    accept(framework, first(framework), named("o", reserve(reserved("cpus", 1))));
    const [status] = statusesOf(framework);
    expect(status).toMatchObject({
      operation_id: { value: "o" },
      state: "OPERATION_FINISHED",
      agent_id: { value: agentId },
    });
    bench.pass(10_000);
    expect(statusesOf(framework)).toEqual([status as OperationStatus]);
    const next = new MasterBench({}, bench.registry, "m2");
    next.lead(2);
    const again = next.framework({
      id: { value: framework.id },
      roles: ["web"],
      capabilities: [{ type: "MULTI_ROLE" }],
    });
    next.pass(10_000);
    expect(statusesOf(again)).toEqual([status as OperationStatus]);
    const uuid = status?.uuid?.value ?? new Uint8Array(16);
    again.call({
      type: "ACKNOWLEDGE_OPERATION_STATUS",
      acknowledge_operation_status: { agent_id: { value: agentId }, uuid, operation_id: { value: "o" } },
    });
    expect([...next.registry.operations()]).toEqual([]);
    next.pass(60_000);
    expect(statusesOf(again)).toEqual([]);
  });

  test("a bad one is told at once, without a uuid; the rest goes on", () => {
    const { framework, bench, agentId } = started();
    accept(
      framework,
      first(framework),
      named("bad", reserve(reserved("cpus", 9))),
      named("a/b", reserve(reserved("cpus", 1))),
      named("good", reserve(reserved("cpus", 1))),
      named("good", reserve(reserved("cpus", 1))),
    );
    const statuses = statusesOf(framework);
    expect(statuses.map(({ operation_id, state }) => [operation_id?.value, state])).toEqual([
      ["bad", "OPERATION_ERROR"],
      ["a/b", "OPERATION_ERROR"],
      ["good", "OPERATION_ERROR"],
      ["good", "OPERATION_FINISHED"],
    ]);
    expect(statuses[0]?.uuid).toBeUndefined();
    expect(statuses[0]?.message).toContain("The offers do not hold what the operation needs");
    expect(total(bench, agentId)).toContain("cpus(web):1");
  });

  test("reconciliation tells their end without a uuid, what is under way, and what is unknown", () => {
    const { bench, framework } = started();
    accept(framework, first(framework), named("done", reserve(reserved("cpus", 1))));
    bench.autoCommit = false;
    accept(framework, ids(framework), named("going", reserve(reserved("cpus", 1))));
    const ask = (...names: string[]): [string | undefined, string, boolean][] => {
      const operations = names.map((value) => ({ operation_id: { value } }));
      framework.call({ type: "RECONCILE_OPERATIONS", reconcile_operations: { operations } });
      return statusesOf(framework).map((s) => [s.operation_id?.value, s.state, s.uuid === undefined]);
    };
    expect(ask()).toEqual([["done", "OPERATION_FINISHED", true]]);
    expect(ask("done", "going", "other")).toEqual([
      ["done", "OPERATION_FINISHED", true],
      ["going", "OPERATION_PENDING", true],
      ["other", "OPERATION_UNKNOWN", true],
    ]);
  });

  test("go with their framework", () => {
    const { bench, framework } = started();
    accept(framework, first(framework), named("o", reserve(reserved("cpus", 1))));
    bench.teardown(framework.id);
    expect([...bench.registry.operations()]).toEqual([]);
  });
});

describe("volumes", () => {
  test("a shared one serves several tasks, and is in use until the last ends", () => {
    const { bench, agentId, framework } = started();
    const shared = volume("s", 10, { shared: {} });
    accept(
      framework,
      first(framework),
      reserve(reserved("disk", 10)),
      create(shared),
      launch(framework, agentId, "a", [scalar("cpus", 1), scalar("mem", 64), shared]),
      launch(framework, agentId, "b", [scalar("cpus", 1), scalar("mem", 64), shared]),
      named("d", destroy(shared)),
    );
    const run = bench.toAgent(1).filter((message) => message.kind === "run-task");
    expect(run.map((message) => message.taskId)).toEqual(["a", "b"]);
    expect(statusesOf(framework)[0]?.message).toContain("is in use by task a");
    for (const task of ["a", "b"]) bench.update(1, framework.id, task, "TASK_FINISHED");
    accept(framework, sharing(framework.newOffers()), named("e", destroy(shared)));
    expect(statusesOf(framework)).toMatchObject([{ state: "OPERATION_FINISHED" }]);
    bench.core.leader?.allocator.assertConsistent();
  });

  test("a shared one is offered while it is in use, to every framework of its role that knows shared ones", () => {
    const { bench, agentId, framework } = started();
    const shared = volume("s", 10, { shared: {} });
    const other = bench.framework({
      roles: ["web"],
      capabilities: [
        { type: "MULTI_ROLE" },
        { type: "RESERVATION_REFINEMENT" },
        { type: "SHARED_RESOURCES" },
      ],
    });
    const plain = bench.framework({
      roles: ["web"],
      capabilities: [{ type: "MULTI_ROLE" }, { type: "RESERVATION_REFINEMENT" }],
    });
    accept(
      framework,
      first(framework),
      reserve(reserved("disk", 10)),
      create(shared),
      launch(framework, agentId, "a", [scalar("cpus", 1), scalar("mem", 64), shared]),
    );
    for (const one of [framework, plain]) one.call({ type: "SUPPRESS" });
    // What was left of the first offer went out again, with the volume.
    const offers = [...other.newOffers(), ...framework.newOffers()];
    expect(sharing(offers)).toHaveLength(1);
    decline(framework);
    decline(other);
    const taken = other.newOffers();
    expect(sharing(taken)).toHaveLength(1);
    accept(
      other,
      sharing(taken),
      launch(other, agentId, "b", [scalar("cpus", 1), scalar("mem", 64), shared]),
    );
    expect(bench.registry.task(other.id, "b")?.state).toBe("TASK_STAGING");
    bench.core.leader?.allocator.assertConsistent();
    other.call({ type: "SUPPRESS" });
    decline(other);
    plain.call({ type: "REVIVE" });
    const without = plain.newOffers();
    expect(without).toHaveLength(1);
    expect(sharing(without)).toEqual([]);
  });

  test("what goes with a shared one that is destroyed: the other offers of it", () => {
    const { bench, framework } = started();
    const shared = volume("s", 10, { shared: {} });
    accept(framework, first(framework), reserve(reserved("disk", 10), reserved("cpus", 1)), create(shared));
    const [whole] = framework.newOffers();
    bench.fromAgent(2, bench.registration(2, undefined, [], 5051, [scalar("cpus", 1)]));
    framework.newOffers();
    // A part of the agent becomes free while the first offer is out: it comes with the volume again.
    accept(
      framework,
      [whole?.id.value ?? ""],
      launch(framework, whole?.agent_id.value ?? "", "a", [scalar("cpus", 1)]),
    );
    const rest = framework.newOffers();
    bench.update(1, framework.id, "a", "TASK_FINISHED");
    const again = framework.newOffers();
    expect([sharing(rest).length, sharing(again).length]).toEqual([1, 1]);
    accept(framework, sharing(again), named("d", destroy(shared)));
    const events = framework.events();
    expect(events.flatMap((event) => event.rescind?.offer_id.value ?? [])).toEqual(sharing(rest));
    expect(events.flatMap((event) => event.update_operation_status?.status.state ?? [])).toEqual([
      "OPERATION_FINISHED",
    ]);
    const last = events.flatMap((event) => event.offers?.offers ?? []);
    expect(last.length).toBeGreaterThan(0);
    expect(sharing(last)).toEqual([]);
    bench.core.leader?.allocator.assertConsistent();
  });

  test("what goes with a shared one that is destroyed: its place in what another call holds back", () => {
    const { bench, framework } = started();
    const shared = volume("s", 10, { shared: {} });
    const { agentId, offers } = offeredTwice(bench, framework, shared);
    bench.autoCommit = false;
    accept(framework, offers.slice(0, 1), reserve(reserved("mem", 32)));
    accept(framework, offers.slice(1), named("d", destroy(shared)));
    const agent = bench.core.leader?.agent(agentId);
    const held = [...(agent?.changes.values() ?? [])].map(({ heldBack }) => `${heldBack?.resources}`);
    expect(held).toHaveLength(2);
    expect(held.join(" ")).not.toContain("[s]");
    bench.commit();
    expect(total(bench, agentId)).not.toContain("[s]");
    bench.core.leader?.allocator.assertConsistent();
  });

  test("a shared one is offered to nobody before it is committed", () => {
    const { bench, agentId, framework } = started();
    const shared = volume("s", 10, { shared: {} });
    accept(framework, first(framework), launch(framework, agentId, "a", [scalar("cpus", 1)]));
    const rest = ids(framework);
    bench.update(1, framework.id, "a", "TASK_FINISHED");
    expect(ids(framework)).toHaveLength(1);
    bench.autoCommit = false;
    accept(framework, rest, reserve(reserved("disk", 10)), named("c", create(shared)));
    decline(framework);
    const meanwhile = framework.newOffers();
    expect(meanwhile).toHaveLength(1);
    expect(sharing(meanwhile)).toEqual([]);
    bench.commit();
    expect(sharing(framework.newOffers())).toHaveLength(1);
    bench.core.leader?.allocator.assertConsistent();
  });

  test("a shared one in several offers that are used together is one, and can be destroyed", () => {
    const { bench, framework } = started();
    const shared = volume("s", 10, { shared: {} });
    const { agentId, offers } = offeredTwice(bench, framework, shared);
    bench.autoCommit = false;
    accept(framework, offers, named("d", destroy(shared)));
    const [change] = bench.core.leader?.agent(agentId).changes.values() ?? [];
    expect(`${change?.consumed}`).toContain("[s]");
    expect(`${change?.heldBack?.resources}`).not.toContain("[s]");
    bench.core.leader?.allocator.assertConsistent();
    bench.commit();
    expect(statusesOf(framework)).toMatchObject([{ state: "OPERATION_FINISHED" }]);
    expect(total(bench, agentId)).not.toContain("[s]");
    bench.core.leader?.allocator.assertConsistent();
  });

  test("one destroyed cannot be made again in the same call, and in the next has another making", () => {
    const { bench, agentId, framework } = started();
    const making = (): string | undefined =>
      [...(bench.registry.agents.get(agentId)?.volumes.values() ?? [])][0];
    accept(framework, first(framework), reserve(reserved("disk", 10)), create(volume("v", 10)));
    const old = making();
    accept(framework, ids(framework), destroy(volume("v", 10)), named("c", create(volume("v", 10))));
    const events = framework.events();
    expect(events.flatMap((e) => e.update_operation_status?.status.message ?? [])[0]).toContain(
      "was destroyed in this call",
    );
    const offers = events.flatMap((event) => event.offers?.offers ?? []).map((offer) => offer.id.value);
    accept(framework, offers, create(volume("v", 10)));
    expect(making()).toBeDefined();
    expect(making()).not.toBe(old);
  });

  test("grows and shrinks, and keeps its making", () => {
    const { bench, agentId, framework } = started();
    accept(framework, first(framework), reserve(reserved("disk", 30)), create(volume("v", 10)));
    const making = [...(bench.registry.agents.get(agentId)?.volumes.values() ?? [])];
    accept(
      framework,
      ids(framework),
      { type: "GROW_VOLUME", grow_volume: { volume: volume("v", 10), addition: reserved("disk", 20) } },
      { type: "SHRINK_VOLUME", shrink_volume: { volume: volume("v", 30), subtract: { value: 5 } } },
    );
    expect(total(bench, agentId)).toContain("disk(web)[v]:25");
    expect([...(bench.registry.agents.get(agentId)?.volumes.values() ?? [])]).toEqual(making);
  });
});

describe("an operator", () => {
  function operate(bench: MasterBench, agentId: string, operation: OfferOperation) {
    bench.step({ kind: "operate", ref: 900, agentId, operation });
    return bench.answers.get(900);
  }

  test("reserves what is offered: the offer is withdrawn, 202 when it is committed", () => {
    const { bench, agentId, framework } = started();
    bench.autoCommit = false;
    expect(operate(bench, agentId, reserve(reserved("cpus", 3)))).toBeUndefined();
    expect(framework.types()).toEqual(["RESCIND", "OFFERS"]);
    bench.commit();
    expect(bench.answers.get(900)?.status).toBe(202);
    expect(total(bench, agentId)).toContain("cpus(web):3");
    const offered = framework.newOffers().flatMap((offer) => offer.resources ?? []);
    expect(offered.map((r) => [r.name, r.scalar?.value])).toEqual([["cpus", 3]]);
    bench.core.leader?.allocator.assertConsistent();
  });

  test("400 for an unknown agent and a bad operation, 409 for what is in use or not there", () => {
    const { bench, agentId, framework } = started();
    expect(operate(bench, "none", reserve(reserved("cpus", 1)))).toMatchObject({
      status: 400,
      body: "No agent found with specified ID",
    });
    expect(operate(bench, agentId, reserve(scalar("cpus", 1)))).toMatchObject({ status: 400 });
    expect(operate(bench, agentId, reserve(reserved("cpus", 5)))).toMatchObject({ status: 409 });
    framework.launch(framework.offers[0], framework.task("t", agentId, 3));
    expect(operate(bench, agentId, reserve(reserved("cpus", 2)))).toMatchObject({ status: 409 });
    expect(operate(bench, agentId, reserve(reserved("cpus", 1)))).toMatchObject({ status: 202 });
    expect(operate(bench, agentId, unreserve(reserved("cpus", 1)))).toMatchObject({ status: 202 });
  });

  test("cannot destroy a shared volume that a task uses; offers of it are withdrawn", () => {
    const { bench, agentId, framework } = started();
    const shared = volume("s", 10, { shared: {} });
    accept(
      framework,
      first(framework),
      reserve(reserved("disk", 10)),
      create(shared),
      launch(framework, agentId, "a", [scalar("cpus", 1), scalar("mem", 64), shared]),
    );
    expect(operate(bench, agentId, destroy(shared))).toMatchObject({
      status: 409,
      body: expect.stringContaining("in use by task a"),
    });
    expect(total(bench, agentId)).toContain("[s]");
    bench.update(1, framework.id, "a", "TASK_FINISHED");
    const offered = sharing(framework.newOffers());
    expect(offered.length).toBeGreaterThan(0);
    expect(operate(bench, agentId, destroy(shared))).toMatchObject({ status: 202 });
    const rescinded = framework.events().flatMap((event) => event.rescind?.offer_id.value ?? []);
    expect(rescinded).toEqual(offered);
    expect(total(bench, agentId)).not.toContain("[s]");
    bench.core.leader?.allocator.assertConsistent();
  });

  test("hears of an agent that is removed meanwhile", () => {
    const { bench, agentId } = started();
    bench.autoCommit = false;
    bench.fromAgent(1, { kind: "unregister-agent" });
    operate(bench, agentId, reserve(reserved("cpus", 1)));
    bench.commit();
    expect(bench.answers.get(900)).toMatchObject({ status: 503, body: expect.stringContaining("gone") });
  });

  test("labels of reservations cannot fill the agent's record until nobody can read it", () => {
    const { bench, agentId } = started();
    const big = (at: number, chars: number): Resource => {
      const labels = { labels: [{ key: `k${at}`, value: "x".repeat(chars) }] };
      return { ...scalar("mem", 1), reservations: [{ type: "DYNAMIC", role: "web", labels }] };
    };
    expect(operate(bench, agentId, reserve(big(0, 3_000_000)))).toMatchObject({ status: 409 });
    const statuses = Array.from({ length: 20 }, (_, at) =>
      operate(bench, agentId, reserve(big(at, 1_000_000))),
    );
    expect(statuses[0]?.status).toBe(202);
    expect(statuses.at(-1)).toMatchObject({ status: 409, body: expect.stringContaining("labels") });
    expect(operate(bench, agentId, unreserve(big(0, 1_000_000)))).toMatchObject({ status: 202 });
    expect(operate(bench, agentId, reserve(big(30, 1_000_000)))).toMatchObject({ status: 202 });
    const changes = bench.registry.takeChanges();
    expect(Math.max(...changes.map(([, value]) => value?.length ?? 0))).toBeLessThan(FRAME_MAX_BYTES);
    // It encodes 20 MB again and again: seconds on a busy machine.
  }, 30_000);

  test("hears 503 when the log is full or the leader changes", () => {
    const { bench, agentId } = started();
    bench.autoCommit = false;
    operate(bench, agentId, reserve(reserved("cpus", 1)));
    bench.drop();
    expect(bench.answers.get(900)?.status).toBe(503);
    bench.answers.clear();
    operate(bench, agentId, reserve(reserved("cpus", 1)));
    bench.step({ kind: "leadership-lost" });
    expect(bench.answers.get(900)?.status).toBe(503);
  });
});
