/** DRAIN_AGENT, from the call to the drained agent (AGT-14). */
import { expect, test } from "bun:test";
import type { AgentTaskReport } from "../../src/model/agent-protocol.ts";
import { encodeCommands } from "../../src/registry/codec.ts";
import { MasterBench } from "../support/master-bench.ts";
import { running, type Started } from "../support/started-bench.ts";

function drain({ bench, agentId }: Started, markGone = false, maxGraceMs?: number): number | undefined {
  return bench.change({ kind: "drain", agentId, maxGraceMs, markGone })?.status;
}

function end({ bench, agentId, framework }: Started, link = 1): void {
  const uuid = bench.update(link, framework.id, "t", "TASK_KILLED");
  framework.acknowledge(agentId, "t", uuid);
}

function report({ bench, framework }: Started): AgentTaskReport {
  const runId = bench.registry.task(framework.id, "t")?.runId;
  const ids = { frameworkId: framework.id, taskId: "t", containerId: "c" };
  return { ...ids, state: "TASK_RUNNING", settled: false, runId };
}

const stateOf = ({ bench, agentId }: Started) => bench.registry.agents.get(agentId)?.drain;

test("the agent is told, has no offers, and is drained when the last end is acknowledged", () => {
  const started = running();
  const { bench, agentId, framework } = started;
  expect(drain(started, false, 5_000)).toBe(200);
  expect(bench.toAgent(1)).toEqual([{ kind: "drain", term: 1, maxGraceMs: 5_000, markGone: false }]);
  expect(framework.types()).toEqual(["RESCIND"]);
  expect(stateOf(started)).toMatchObject({ drained: false, maxGraceMs: 5_000 });
  const uuid = bench.update(1, framework.id, "t", "TASK_KILLED");
  expect(stateOf(started)?.drained).toBe(false);
  framework.acknowledge(agentId, "t", uuid);
  expect(stateOf(started)?.drained).toBe(true);
  framework.call({ type: "REVIVE", revive: {} });
  bench.pass(5_000);
  expect(framework.newOffers()).toEqual([]);
});

test("one without tasks is drained at once", () => {
  const bench = new MasterBench();
  bench.lead();
  const started = { bench, agentId: bench.agent(1), framework: bench.framework() };
  expect(drain(started)).toBe(200);
  expect(stateOf(started)?.drained).toBe(true);
});

test("an agent of a version that cannot be drained is not, and the answer names the version", () => {
  const bench = new MasterBench();
  bench.lead();
  const registration = bench.registration(1, undefined, []);
  if (registration.kind !== "register-agent") throw new Error("It is a registration");
  bench.fromAgent(1, { ...registration, version: "0.0.9", capabilities: ["MULTI_ROLE"] });
  const agentId = [...bench.registry.agents.keys()][0] ?? "";
  expect(bench.change({ kind: "drain", agentId, maxGraceMs: undefined, markGone: false })).toMatchObject({
    status: 400,
    body: `Cannot drain agent ${agentId}: its version 0.0.9 lacks the capability AGENT_DRAINING`,
  });
  expect(bench.registry.agents.get(agentId)?.drain).toBeUndefined();
});

test("only a drained agent is reactivated", () => {
  const started = running();
  const { bench, agentId, framework } = started;
  drain(started);
  expect(bench.change({ kind: "reactivate", agentId })).toMatchObject({ status: 400 });
  end(started);
  framework.events();
  expect(bench.change({ kind: "reactivate", agentId })?.status).toBe(200);
  expect(stateOf(started)).toBeUndefined();
  expect(framework.newOffers()).toHaveLength(1);
});

test("it goes on when the agent registers again, and under the next leader", () => {
  const started = running();
  const { bench, agentId, framework } = started;
  drain(started);
  bench.step({ kind: "agent-link-closed", link: 1 });
  bench.agent(2, agentId, [report(started)]);
  bench.step({ kind: "leadership-lost" });
  bench.lead(2);
  framework.streamId = bench.subscribe({
    id: { value: framework.id },
    capabilities: [{ type: "PARTITION_AWARE" }],
    failover_timeout: 3600,
  });
  bench.fromAgent(3, bench.registration(1, agentId, [report(started)]));
  expect(bench.toAgent(3).map((message) => message.kind)).toEqual(["agent-registered", "drain"]);
  end(started, 3);
  expect(stateOf(started)?.drained).toBe(true);
});

test("a task that the agent never got is sent, and then the drain that ends it", () => {
  const bench = new MasterBench();
  bench.lead();
  const agentId = bench.agent(1);
  const framework = bench.framework();
  const started = { bench, agentId, framework };
  bench.autoCommit = false;
  framework.launch(framework.offers[0], framework.task("t", agentId));
  drain(started);
  bench.commit();
  bench.toAgent(1);
  bench.autoCommit = true;
  bench.step({ kind: "agent-link-closed", link: 1 });
  bench.fromAgent(2, bench.registration(1, agentId, []));
  expect(bench.toAgent(2).map((message) => message.kind)).toEqual(["agent-registered", "run-task", "drain"]);
});

test("an unreachable agent drains when it is back", () => {
  const started = running();
  const { bench, agentId } = started;
  bench.step({ kind: "agent-link-closed", link: 1 });
  bench.pass(75_000);
  // As `mesh node drain --wait` asks whether it is known still.
  expect(drain(started, false, -1)).toBe(400);
  expect([stateOf(started), bench.registry.agents.get(agentId)?.deactivated ?? false]).toEqual([
    undefined,
    false,
  ]);
  expect(drain(started)).toBe(200);
  expect(stateOf(started)?.drained).toBe(false);
  bench.fromAgent(2, bench.registration(1, agentId, [report(started)]));
  expect(bench.toAgent(2)).toMatchObject([{ kind: "agent-registered" }, { kind: "drain" }]);
});

test("with mark_gone the drained agent is gone", () => {
  const started = running();
  const { bench, agentId, framework } = started;
  drain(started, true);
  expect(bench.toAgent(1)).toMatchObject([{ kind: "drain", markGone: true }]);
  end(started);
  expect(bench.registry.agents.size).toBe(0);
  expect(bench.registry.removedAgents.get(agentId)?.gone).toBe(true);
  expect(framework.types()).toContain("FAILURE");
  expect(bench.toAgent(1)).toMatchObject([{ kind: "acknowledge-update" }, { kind: "agent-refused" }]);
});

test("with mark_gone also when the leader died between the two", () => {
  const started = running();
  const { bench, agentId } = started;
  drain(started, true);
  bench.registry.applyEntry(encodeCommands([{ kind: "agent-drained", agentId, atMs: 1 }]));
  bench.step({ kind: "leadership-lost" });
  bench.lead(2);
  expect(bench.registry.removedAgents.get(agentId)?.gone).toBe(true);
});

test("a launch that was under way is dropped for that reason", () => {
  const bench = new MasterBench();
  bench.lead();
  const agentId = bench.agent(1);
  const framework = bench.framework();
  bench.autoCommit = false;
  drain({ bench, agentId, framework });
  framework.launch(framework.offers[0], framework.task("t", agentId));
  bench.commit();
  expect(framework.statuses()).toMatchObject([{ state: "TASK_DROPPED", reason: "REASON_AGENT_DRAINING" }]);
});

test("what cannot be drained", () => {
  const started = running();
  const { bench, agentId } = started;
  const ask = (id: string) =>
    bench.change({ kind: "drain", agentId: id, maxGraceMs: undefined, markGone: false });
  expect(ask("nobody")?.status).toBe(400);
  expect(drain(started, false, -1)).toBe(400);
  const message = bench.registration(2, undefined, []);
  if (message.kind !== "register-agent") throw new Error("A registration is one");
  bench.fromAgent(2, { ...message, capabilities: [] });
  expect(ask("m1-S1")).toMatchObject({ status: 400, body: expect.stringContaining("AGENT_DRAINING") });
  const unavailability = { start: { nanoseconds: 1 } };
  const schedule = { windows: [{ machine_ids: [{ ip: "10.0.1.1" }], unavailability }] };
  bench.change({ kind: "schedule", schedule });
  expect(ask(agentId)).toMatchObject({ status: 400, body: expect.stringContaining("maintenance schedule") });
});

/** Its last task has ended; from here on what is proposed waits, the word that it is drained first. */
function drainedAndToGo(): ReturnType<typeof running> {
  const started = running();
  const { bench, agentId, framework } = started;
  drain(started, true);
  const uuid = bench.update(1, framework.id, "t", "TASK_KILLED");
  bench.autoCommit = false;
  framework.acknowledge(agentId, "t", uuid);
  bench.commitNext();
  return started;
}

test("with mark_gone also when an operator's call for the same found the log full", () => {
  const started = drainedAndToGo();
  const { bench, agentId } = started;
  expect(bench.proposed.map(({ kind }) => kind)).toEqual(["agent-drained"]);
  bench.change({ kind: "mark-gone", agentId });
  bench.commitNext();
  bench.drop();
  expect(bench.answers.get(bench.lastRef)?.status).toBe(503);
  bench.autoCommit = true;
  bench.pass(1_000);
  expect(bench.registry.removedAgents.get(agentId)?.gone).toBe(true);
});

test("with mark_gone it cannot be reactivated while the agent's end waits for room in the log", () => {
  const started = drainedAndToGo();
  const { bench, agentId } = started;
  bench.commitNext();
  expect(bench.proposed.map(({ kind }) => kind)).toEqual(["mark-agent-gone"]);
  bench.drop();
  expect(stateOf(started)).toMatchObject({ drained: true, markGone: true });
  bench.change({ kind: "reactivate", agentId });
  expect(bench.answers.get(bench.lastRef)).toMatchObject({ status: 409 });
  bench.autoCommit = true;
  bench.pass(1_000);
  expect(bench.registry.removedAgents.get(agentId)?.gone).toBe(true);
});
