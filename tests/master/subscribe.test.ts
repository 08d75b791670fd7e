import { describe, expect, test } from "bun:test";
import { MasterBench } from "../support/master-bench.ts";

function started(): MasterBench {
  const bench = new MasterBench();
  bench.lead();
  return bench;
}

describe("SUBSCRIBE", () => {
  test("a new framework gets its id, then a heartbeat", () => {
    const bench = started();
    const events = bench.events(bench.subscribe());
    expect(events).toMatchObject([
      {
        type: "SUBSCRIBED",
        subscribed: {
          framework_id: { value: "m1-0000" },
          heartbeat_interval_seconds: 15,
          master_info: { id: "m1", ip: 16_777_226, port: 5050, pid: "master@10.0.0.1:5050" },
        },
      },
      { type: "HEARTBEAT" },
    ]);
  });

  test("root is refused when the master says so", () => {
    const bench = new MasterBench({ rootSubmissions: false });
    bench.lead();
    const [event] = bench.events(bench.subscribe({ user: "root" }));
    expect(event?.error?.message).toBe(
      "User 'root' is not allowed to run frameworks without --root_submissions set",
    );
    expect(bench.types(bench.subscribe({ user: "alice" }))).toEqual(["SUBSCRIBED", "HEARTBEAT"]);
  });

  test("an empty id asks for one", () => {
    const bench = started();
    const events = bench.events(bench.subscribe({ id: { value: "" } }));
    expect(events[0]?.subscribed?.framework_id).toEqual({ value: "m1-0000" });
  });

  test("refusals are one ERROR event and the end of the stream", () => {
    const bench = started();
    const cases = [
      [{ roles: ["a"] }, /MULTI_ROLE/],
      [{ capabilities: [{ type: "MULTI_ROLE" as const }], roles: ["a", "a"] }, /duplicate/i],
      [{ role: "-x" }, /-x/],
      [{ failover_timeout: 1e300 }, /failover_timeout/],
    ] as const;
    for (const [info, message] of cases) {
      const stream = bench.subscribe({
        ...info,
        ...("roles" in info ? { roles: [...info.roles] } : {}),
      } as never);
      const events = bench.events(stream);
      expect(events.map((event) => event.type)).toEqual(["ERROR"]);
      expect(events[0]?.error?.message).toMatch(message);
      expect(bench.closedStreams).toContain(stream);
    }
  });

  test("a newer stream wins; the old one is told", () => {
    const bench = started();
    bench.agent(1);
    const framework = bench.framework();
    const again = bench.subscribe({ id: { value: framework.id } });
    expect(framework.events()).toMatchObject([
      { type: "ERROR", error: { message: "Framework failed over" } },
    ]);
    expect(bench.closedStreams).toContain(framework.streamId);
    // Its offers were dropped without RESCIND and are made anew.
    expect(bench.types(again)).toEqual(["SUBSCRIBED", "HEARTBEAT", "OFFERS"]);
    expect(framework.call({ type: "REVIVE" })).toMatchObject({ status: 400 });
  });

  test("of two under way the later wins", () => {
    const bench = started();
    const { id } = bench.framework();
    bench.autoCommit = false;
    const first = bench.subscribe({ id: { value: id }, name: "first" });
    const second = bench.subscribe({ id: { value: id }, name: "second" });
    bench.commit();
    expect(bench.types(first)).toEqual(["ERROR"]);
    expect(bench.types(second)).toEqual(["SUBSCRIBED", "HEARTBEAT"]);
    expect(bench.core.leader?.frameworks.get(id)?.info.name).toBe("second");
  });

  test("an id this cluster does not know is taken; a removed one never again", () => {
    const bench = started();
    const stream = bench.subscribe({ id: { value: "from-elsewhere" } });
    expect(bench.events(stream)[0]?.subscribed?.framework_id.value).toBe("from-elsewhere");
    expect(bench.teardown("from-elsewhere")).toEqual(expect.objectContaining({ status: 200 }));
    const again = bench.subscribe({ id: { value: "from-elsewhere" } });
    expect(bench.events(again)).toMatchObject([
      { type: "ERROR", error: { message: "Framework has been removed" } },
    ]);
  });

  test("user and checkpoint stay, the principal may not change", () => {
    const bench = started();
    const { id } = bench.framework({ user: "alice", principal: "p" });
    bench.subscribe({ id: { value: id }, user: "bob", checkpoint: true, principal: "p", name: "new" });
    const info = bench.core.leader?.frameworks.get(id)?.info;
    expect(info).toMatchObject({ user: "alice", name: "new" });
    expect(info?.checkpoint ?? false).toBe(false);
    const refused = bench.subscribe({ id: { value: id }, principal: "q" });
    expect(bench.events(refused)[0]?.error?.message).toContain("principal");
  });

  test("ends not acknowledged are told again at once", () => {
    const bench = started();
    const agentId = bench.agent(1);
    const framework = bench.framework();
    framework.launch(framework.offers[0], framework.task("t1", agentId));
    const uuid = bench.update(1, framework.id, "t1", "TASK_FAILED");
    const again = bench.subscribe({ id: { value: framework.id } });
    expect(bench.statuses(again)).toMatchObject([{ state: "TASK_FAILED", uuid }]);
  });

  test("agents of its tasks are asked for what it has not acknowledged, others are not", () => {
    const bench = started();
    const agentId = bench.agent(1);
    const framework = bench.framework();
    framework.launch(framework.offers[0], framework.task("t1", agentId));
    bench.agent(2);
    bench.update(1, framework.id, "t1", "TASK_RUNNING");
    bench.step({ kind: "stream-closed", streamId: framework.streamId });
    bench.toAgent(1);
    bench.toAgent(2);
    bench.subscribe({ id: { value: framework.id } });
    expect(bench.toAgent(1)).toEqual([{ kind: "resend-updates", term: 1, frameworkId: framework.id }]);
    expect(bench.toAgent(2)).toEqual([]);
  });

  test("a stream that closes before the commit leaves a disconnected framework", () => {
    const bench = started();
    bench.autoCommit = false;
    const stream = bench.subscribe({ failover_timeout: 10 });
    bench.step({ kind: "stream-closed", streamId: stream });
    bench.commit();
    expect(bench.types(stream)).toEqual([]);
    const [record] = bench.registry.frameworks.values();
    expect(record?.disconnectedAtMs).toBe(bench.now.wallMs);
    bench.pass(10_000);
    bench.commit();
    expect(bench.registry.frameworks.size).toBe(0);
  });
});

test("a role outside of --roles is refused", () => {
  const bench = new MasterBench({ roleWhitelist: new Set(["*", "web"]) });
  bench.lead();
  const capabilities = [{ type: "MULTI_ROLE" as const }];
  expect(bench.types(bench.subscribe({ capabilities, roles: ["web"] }))[0]).toBe("SUBSCRIBED");
  expect(bench.types(bench.subscribe({ capabilities, roles: ["web", "ops"] }))).toEqual(["ERROR"]);
});

describe("UPDATE_FRAMEWORK", () => {
  test("200 once committed; offers of a role given up are withdrawn", () => {
    const bench = started();
    bench.agent(1);
    const capabilities = [{ type: "MULTI_ROLE" as const }];
    const framework = bench.framework({ capabilities, roles: ["a"] });
    expect(framework.offers[0]?.allocation_info).toEqual({ role: "a" });
    const framework_info = {
      user: "alice",
      name: "demo",
      id: { value: framework.id },
      capabilities,
      roles: ["b"],
    };
    expect(framework.call({ type: "UPDATE_FRAMEWORK", update_framework: { framework_info } })?.status).toBe(
      200,
    );
    const events = framework.events();
    expect(events.map((event) => event.type)).toEqual(["RESCIND", "OFFERS"]);
    expect(events[1]?.offers?.offers?.[0]?.allocation_info).toEqual({ role: "b" });
    expect(bench.operatorEvents.at(-1)?.type).toBe("FRAMEWORK_UPDATED");
  });

  test("400 for what cannot change", () => {
    const bench = started();
    const framework = bench.framework();
    const id = { value: framework.id };
    for (const change of [{ user: "bob" }, { checkpoint: true }, { principal: "p" }, { role: "-" }]) {
      const framework_info = { user: "alice", name: "demo", id, ...change };
      const answer = framework.call({ type: "UPDATE_FRAMEWORK", update_framework: { framework_info } });
      expect(answer).toMatchObject({ status: 400 });
    }
  });
});

test("the first subscription and those with an id are counted apart, as by Mesos", () => {
  const bench = new MasterBench();
  bench.lead();
  const framework = bench.framework();
  bench.subscribe({ id: { value: framework.id }, failover_timeout: 3600 });
  const { counters } = bench.core;
  expect(counters.get("messages_register_framework")).toBe(1);
  expect(counters.get("messages_reregister_framework")).toBe(1);
});

test("a role has as many levels as a master can bear, and a role of more ends no master", () => {
  const bench = started();
  const deep = `${"a/".repeat(511)}ab`;
  expect(bench.types(bench.subscribe({ role: deep }))).toEqual(["SUBSCRIBED", "HEARTBEAT"]);
  expect(bench.types(bench.subscribe({ role: `a${"/a".repeat(60_000)}` }))).toEqual(["ERROR"]);
  bench.agent(1);
  const next = new MasterBench({}, bench.registry, "m2");
  next.lead(2);
  expect(next.core.leader?.frameworks.size).toBe(1);
});
