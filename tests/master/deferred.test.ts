import { expect, test } from "bun:test";
import { MasterBench } from "../support/master-bench.ts";

function leading(): MasterBench {
  const bench = new MasterBench();
  bench.lead();
  return bench;
}

const kinds = (bench: MasterBench): string[] => bench.proposed.map((command) => command.kind);

test("a framework that came back while the log was full is neither disconnected nor removed", () => {
  const bench = leading();
  const framework = bench.framework({ failover_timeout: 0 });
  bench.autoCommit = false;
  bench.step({ kind: "stream-closed", streamId: framework.streamId });
  expect(kinds(bench)).toEqual(["disconnect-framework", "remove-framework"]);
  bench.drop();
  bench.subscribe({ id: { value: framework.id }, failover_timeout: 0 });
  bench.commit();
  bench.pass(1_000);
  expect(kinds(bench)).toEqual([]);
});

test("nor is one whose subscription is proposed", () => {
  const bench = leading();
  const framework = bench.framework();
  bench.autoCommit = false;
  bench.step({ kind: "stream-closed", streamId: framework.streamId });
  bench.drop();
  bench.subscribe({ id: { value: framework.id }, failover_timeout: 3600 });
  bench.pass(1_000);
  expect(kinds(bench)).toEqual(["update-framework"]);
});

test("a removal that a connected framework asked for is proposed again", () => {
  const bench = leading();
  const framework = bench.framework();
  bench.autoCommit = false;
  framework.call({ type: "TEARDOWN" });
  bench.drop();
  bench.pass(1_000);
  expect(kinds(bench)).toEqual(["remove-framework"]);
});

test("it holds for a framework that came back meanwhile, and comes after its return", () => {
  const bench = leading();
  const framework = bench.framework();
  bench.autoCommit = false;
  framework.call({ type: "TEARDOWN" });
  bench.drop();
  bench.pass(500);
  bench.subscribe({ id: { value: framework.id }, failover_timeout: 3600 });
  bench.commit();
  const backAtMs = bench.registry.frameworks.get(framework.id)?.reregisteredAtMs ?? Number.NaN;
  bench.pass(500);
  expect(bench.proposed).toMatchObject([{ kind: "remove-framework", atMs: backAtMs + 500 }]);
});

test("an agent that answers again is not marked, and is pinged on", () => {
  const bench = leading();
  const agentId = bench.agent(1);
  bench.autoCommit = false;
  for (let ping = 0; bench.proposed.length === 0 && ping < 10; ping++) bench.pass(15_000);
  expect(kinds(bench)).toEqual(["mark-agent-unreachable"]);
  bench.drop();
  const nonce = bench.toAgent(1).findLast((message) => message.kind === "ping")?.nonce ?? 0;
  bench.fromAgent(1, { kind: "pong", nonce });
  bench.pass(1_000);
  expect(kinds(bench)).toEqual([]);
  bench.pass(15_000);
  expect(bench.toAgent(1)).toMatchObject([{ kind: "ping" }]);
  expect(bench.core.leader?.agents.get(agentId)?.unreachable).toBe(false);
});

test("one that stays silent is marked in the end", () => {
  const bench = leading();
  bench.agent(1);
  bench.autoCommit = false;
  for (let ping = 0; bench.proposed.length === 0 && ping < 10; ping++) bench.pass(15_000);
  bench.drop();
  bench.pass(1_000);
  expect(kinds(bench)).toEqual(["mark-agent-unreachable"]);
});

test("what was decided before a framework came back is forgotten, even if it is gone again", () => {
  const bench = leading();
  const framework = bench.framework();
  bench.autoCommit = false;
  bench.step({ kind: "stream-closed", streamId: framework.streamId });
  bench.drop();
  bench.pass(500);
  const streamId = bench.subscribe({ id: { value: framework.id }, failover_timeout: 3600 });
  bench.step({ kind: "stream-closed", streamId });
  bench.pass(250);
  const goneAtMs = bench.now.wallMs;
  bench.commit();
  bench.pass(250);
  expect(bench.proposed).toEqual([]);
  expect(bench.registry.frameworks.get(framework.id)?.disconnectedAtMs).toBe(goneAtMs);
});

test("nor does it end a framework whose time ran out while the log was full", () => {
  const bench = leading();
  const framework = bench.framework({ failover_timeout: 10 });
  bench.step({ kind: "stream-closed", streamId: framework.streamId });
  bench.autoCommit = false;
  bench.pass(10_000);
  expect(kinds(bench)).toEqual(["remove-framework"]);
  bench.drop();
  const streamId = bench.subscribe({ id: { value: framework.id }, failover_timeout: 10 });
  bench.step({ kind: "stream-closed", streamId });
  bench.commit();
  bench.pass(9_000);
  expect(kinds(bench)).toEqual([]);
  bench.pass(1_000);
  expect(kinds(bench)).toEqual(["remove-framework"]);
});

test("a framework whose return is under way when its time runs out stays", () => {
  const bench = leading();
  const framework = bench.framework({ failover_timeout: 10 });
  bench.step({ kind: "stream-closed", streamId: framework.streamId });
  bench.autoCommit = false;
  bench.pass(9_999);
  const streamId = bench.subscribe({ id: { value: framework.id }, failover_timeout: 10 });
  bench.pass(1);
  expect(kinds(bench)).toEqual(["update-framework"]);
  bench.commit();
  expect(bench.types(streamId)).toContain("SUBSCRIBED");
  bench.pass(2_000);
  expect(kinds(bench)).toEqual([]);
});

test("one whose return found the log full is removed a little later", () => {
  const bench = leading();
  const framework = bench.framework({ failover_timeout: 10 });
  bench.step({ kind: "stream-closed", streamId: framework.streamId });
  bench.autoCommit = false;
  bench.pass(9_999);
  const streamId = bench.subscribe({ id: { value: framework.id }, failover_timeout: 10 });
  bench.pass(1);
  bench.drop();
  expect(bench.closedStreams.has(streamId)).toBe(true);
  bench.pass(1_000);
  expect(kinds(bench)).toEqual(["remove-framework"]);
});

test("a stream that ends while the next one finds the log full leaves a framework that is disconnected", () => {
  const bench = leading();
  const framework = bench.framework();
  bench.autoCommit = false;
  bench.subscribe({ id: { value: framework.id }, failover_timeout: 3600 });
  bench.step({ kind: "stream-closed", streamId: framework.streamId });
  expect(kinds(bench)).toEqual(["update-framework"]);
  bench.drop();
  bench.pass(1_000);
  expect(kinds(bench)).toEqual(["disconnect-framework"]);
});

test("a framework of an earlier leader that came and went has all its time from then on", () => {
  const before = leading();
  const framework = before.framework({ failover_timeout: 10 });
  const bench = new MasterBench({ frameworkReturnTimeoutMs: 10_000 }, before.registry, "m2");
  bench.lead(2);
  bench.pass(9_999);
  bench.autoCommit = false;
  const streamId = bench.subscribe({ id: { value: framework.id }, failover_timeout: 10 });
  bench.step({ kind: "stream-closed", streamId });
  bench.pass(5_000);
  bench.commit();
  bench.pass(9_999);
  expect(kinds(bench)).toEqual([]);
  bench.pass(1);
  expect(kinds(bench)).toEqual(["remove-framework"]);
});

test("an agent that came back and lost its link again is not marked for the time before", () => {
  const bench = leading();
  const agentId = bench.agent(1);
  bench.step({ kind: "agent-link-closed", link: 1 });
  bench.autoCommit = false;
  for (let turn = 0; bench.proposed.length === 0 && turn < 100; turn++) bench.pass(1_000);
  expect(kinds(bench)).toEqual(["mark-agent-unreachable"]);
  bench.drop();
  bench.fromAgent(2, bench.registration(1, agentId, []));
  bench.commit();
  bench.step({ kind: "agent-link-closed", link: 2 });
  bench.pass(1_000);
  expect(kinds(bench)).toEqual([]);
  for (let turn = 0; bench.proposed.length === 0 && turn < 100; turn++) bench.pass(1_000);
  expect(kinds(bench)).toEqual(["mark-agent-unreachable"]);
});

test("an agent whose return over another link is under way is not marked", () => {
  const bench = leading();
  const agentId = bench.agent(1);
  bench.autoCommit = false;
  for (let ping = 0; bench.core.leader?.agents.get(agentId)?.unansweredPings !== 5; ping++) {
    expect(ping).toBeLessThan(10);
    bench.pass(15_000);
  }
  bench.fromAgent(2, bench.registration(1, agentId, []));
  bench.pass(15_000);
  expect(kinds(bench)).toEqual(["reregister-agent"]);
  bench.commit();
  expect(bench.core.leader?.agents.get(agentId)).toMatchObject({ link: 2, unansweredPings: 0 });
});

test("commands wait for a second, however many more join them", () => {
  const bench = leading();
  const streams = [bench.framework(), bench.framework(), bench.framework()].map(({ streamId }) => streamId);
  bench.autoCommit = false;
  for (const streamId of streams) {
    bench.step({ kind: "stream-closed", streamId });
    bench.drop();
    bench.pass(400);
  }
  expect(kinds(bench)).toEqual(["disconnect-framework", "disconnect-framework", "disconnect-framework"]);
});

test("an update of a task that its agent sent again meanwhile is not told after a newer one", () => {
  const bench = leading();
  const agentId = bench.agent(1);
  const framework = bench.framework();
  framework.launch(framework.offers[0], framework.task("t", agentId));
  bench.autoCommit = false;
  const starting = bench.update(1, framework.id, "t", "TASK_STARTING");
  bench.drop();
  bench.pass(500);
  bench.update(1, framework.id, "t", "TASK_STARTING", { uuid: starting });
  bench.commit();
  framework.acknowledge(agentId, "t", starting);
  bench.update(1, framework.id, "t", "TASK_RUNNING");
  // Under way when the time of the first is over.
  bench.pass(500);
  bench.commit();
  expect(framework.statuses().map(({ state }) => state)).toEqual(["TASK_STARTING", "TASK_RUNNING"]);
  expect(bench.registry.task(framework.id, "t")?.state).toBe("TASK_RUNNING");
});

test("one that nobody sent again is proposed again", () => {
  const bench = leading();
  const agentId = bench.agent(1);
  const framework = bench.framework();
  framework.launch(framework.offers[0], framework.task("t", agentId));
  const starting = bench.update(1, framework.id, "t", "TASK_STARTING");
  framework.acknowledge(agentId, "t", starting);
  bench.autoCommit = false;
  bench.update(1, framework.id, "t", "TASK_RUNNING");
  for (let times = 0; times < 2; times++) {
    bench.drop();
    bench.pass(1_000);
  }
  bench.commit();
  expect(framework.statuses().map(({ state }) => state)).toEqual(["TASK_STARTING", "TASK_RUNNING"]);
});

test("one sent again with news of the task's end, which is not known yet, is proposed again", () => {
  const bench = leading();
  const agentId = bench.agent(1);
  const framework = bench.framework();
  framework.launch(framework.offers[0], framework.task("t", agentId));
  const uuid = bench.update(1, framework.id, "t", "TASK_STARTING");
  bench.autoCommit = false;
  bench.update(1, framework.id, "t", "TASK_STARTING", { uuid, latestState: "TASK_FINISHED" });
  bench.drop();
  bench.pass(1_000);
  bench.commit();
  expect(bench.registry.task(framework.id, "t")?.state).toBe("TASK_FINISHED");
  expect(framework.statuses().map(({ state }) => state)).toEqual(["TASK_STARTING", "TASK_STARTING"]);
});

test("an agent that is found away twice before the log has room is told of once", () => {
  const bench = leading();
  const agentId = bench.agent(1);
  const framework = bench.framework();
  bench.autoCommit = false;
  for (let ping = 0; bench.proposed.length === 0 && ping < 10; ping++) bench.pass(15_000);
  bench.step({ kind: "agent-link-closed", link: 1 });
  bench.pass(75_000);
  expect(kinds(bench)).toEqual(["mark-agent-unreachable", "mark-agent-unreachable"]);
  framework.events();
  bench.commit();
  expect(framework.types().filter((type) => type === "FAILURE")).toHaveLength(1);
  expect(bench.core.leader?.counters.get("slave_unreachable_completed")).toBe(1);
  expect(bench.registry.agents.get(agentId)?.unreachableAtMs).toBeDefined();
});
