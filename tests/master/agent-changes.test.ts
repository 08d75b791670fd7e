/** MARK_AGENT_GONE, DEACTIVATE_AGENT and REACTIVATE_AGENT. */
import { describe, expect, test } from "bun:test";
import { type BenchFramework, MasterBench } from "../support/master-bench.ts";

function running(): {
  bench: MasterBench;
  agentId: string;
  framework: BenchFramework;
  plain: BenchFramework;
} {
  const bench = new MasterBench();
  bench.lead();
  const agentId = bench.agent(1);
  const framework = bench.framework();
  framework.launch(framework.offers[0], framework.task("aware", agentId));
  const plain = bench.framework({ capabilities: [] });
  const [rest] = framework.newOffers();
  framework.call({ type: "DECLINE", decline: { offer_ids: rest === undefined ? [] : [rest.id] } });
  plain.launch([...plain.offers, ...plain.newOffers()].at(-1), plain.task("plain", agentId));
  bench.update(1, framework.id, "aware", "TASK_RUNNING");
  bench.update(1, plain.id, "plain", "TASK_RUNNING");
  for (const one of [framework, plain]) {
    one.call({ type: "SUPPRESS", suppress: {} });
    one.events();
  }
  bench.toAgent(1);
  return { bench, agentId, framework, plain };
}

describe("an agent that is marked gone", () => {
  test("loses its tasks for good, is told to stop, and never registers again", () => {
    const { bench, agentId, framework, plain } = running();
    expect(bench.change({ kind: "mark-gone", agentId })?.status).toBe(200);
    expect(framework.statuses()).toMatchObject([
      {
        task_id: { value: "aware" },
        state: "TASK_GONE_BY_OPERATOR",
        reason: "REASON_AGENT_REMOVED_BY_OPERATOR",
      },
    ]);
    expect(plain.events()).toMatchObject([
      { type: "RESCIND" },
      { type: "UPDATE", update: { status: { task_id: { value: "plain" }, state: "TASK_LOST" } } },
      { type: "FAILURE", failure: { agent_id: { value: agentId } } },
    ]);
    expect(bench.toAgent(1)).toMatchObject([{ kind: "agent-refused" }]);
    expect(bench.closedLinks).toContain(1);
    expect(bench.registry.agents.size).toBe(0);
    bench.fromAgent(2, bench.registration(1, agentId, []));
    expect(bench.toAgent(2)).toMatchObject([
      { kind: "agent-refused", reason: expect.stringContaining("marked gone by an operator") },
    ]);
    expect(bench.registry.agents.size).toBe(0);
  });

  test("also when it is out of reach: who was told TASK_UNREACHABLE is told the end", () => {
    const { bench, agentId, framework, plain } = running();
    bench.step({ kind: "agent-link-closed", link: 1 });
    bench.pass(75_000);
    expect(framework.statuses()).toMatchObject([{ state: "TASK_UNREACHABLE" }]);
    expect(plain.statuses()).toMatchObject([{ state: "TASK_LOST" }]);
    expect(bench.change({ kind: "mark-gone", agentId })?.status).toBe(200);
    expect(framework.statuses()).toMatchObject([{ state: "TASK_GONE_BY_OPERATOR" }]);
    expect(plain.events()).toEqual([]);
    expect([...bench.registry.tasksOf(framework.id)]).toEqual([]);
  });

  test("is gone for a later leader too, and the answers to RECONCILE say so", () => {
    const { bench, agentId, framework, plain } = running();
    bench.change({ kind: "mark-gone", agentId });
    bench.step({ kind: "leadership-lost" });
    bench.lead(2);
    for (const one of [framework, plain]) {
      one.streamId = bench.subscribe({
        id: { value: one.id },
        capabilities: one === framework ? [{ type: "PARTITION_AWARE" }] : [],
        failover_timeout: 3600,
      });
      one.events();
      one.call({
        type: "RECONCILE",
        reconcile: { tasks: [{ task_id: { value: "x" }, agent_id: { value: agentId } }] },
      });
    }
    expect(framework.statuses()).toMatchObject([
      { state: "TASK_GONE_BY_OPERATOR", reason: "REASON_RECONCILIATION" },
    ]);
    expect(plain.statuses()).toMatchObject([{ state: "TASK_LOST" }]);
    bench.fromAgent(9, bench.registration(1, agentId, []));
    expect(bench.toAgent(9)).toMatchObject([{ kind: "agent-refused" }]);
  });

  test("is answered 200 again, 404 when nobody knows it, 503 while it is under way", () => {
    const { bench, agentId } = running();
    expect(bench.change({ kind: "mark-gone", agentId: "nobody" })?.status).toBe(404);
    bench.autoCommit = false;
    expect(bench.change({ kind: "mark-gone", agentId })).toBeUndefined();
    const first = bench.lastRef;
    expect(bench.change({ kind: "mark-gone", agentId })?.status).toBe(503);
    const drain = { kind: "drain", agentId, maxGraceMs: undefined, markGone: false } as const;
    expect(bench.change(drain)?.status).toBe(409);
    bench.commit();
    expect(bench.answers.get(first)?.status).toBe(200);
    bench.autoCommit = true;
    expect(bench.change({ kind: "mark-gone", agentId })?.status).toBe(200);
  });

  test("may have left before: it gets the mark", () => {
    const { bench, agentId } = running();
    bench.fromAgent(1, { kind: "unregister-agent" });
    expect(bench.registry.removedAgents.get(agentId)?.gone).toBe(false);
    expect(bench.change({ kind: "mark-gone", agentId })?.status).toBe(200);
    expect(bench.registry.removedAgents.get(agentId)?.gone).toBe(true);
  });

  test("operations of it are reconciled as gone", () => {
    const { bench, agentId, framework } = running();
    bench.change({ kind: "mark-gone", agentId });
    framework.events();
    framework.call({
      type: "RECONCILE_OPERATIONS",
      reconcile_operations: {
        operations: [{ operation_id: { value: "o" }, agent_id: { value: agentId } }],
      },
    });
    expect(framework.events()).toMatchObject([
      { update_operation_status: { status: { state: "OPERATION_GONE_BY_OPERATOR" } } },
    ]);
  });

  test("nothing was changed when the log has no room, and the request says so", () => {
    const { bench, agentId } = running();
    bench.autoCommit = false;
    bench.change({ kind: "mark-gone", agentId });
    bench.drop();
    expect(bench.answers.get(bench.lastRef)?.status).toBe(503);
    bench.autoCommit = true;
    expect(bench.change({ kind: "mark-gone", agentId })?.status).toBe(200);
  });
});

describe("an agent that is deactivated", () => {
  test("has its offers withdrawn and makes none, until it is activated again", () => {
    const bench = new MasterBench();
    bench.lead();
    const agentId = bench.agent(1);
    const framework = bench.framework();
    expect(framework.offers).toHaveLength(1);
    expect(bench.change({ kind: "deactivate", agentId })?.status).toBe(200);
    expect(framework.types()).toEqual(["RESCIND"]);
    framework.call({ type: "REVIVE", revive: {} });
    bench.pass(5_000);
    expect(framework.types()).toEqual([]);
    expect(bench.change({ kind: "reactivate", agentId })?.status).toBe(200);
    expect(framework.types()).toEqual(["OFFERS"]);
    expect(bench.change({ kind: "reactivate", agentId })?.status).toBe(400);
    expect(bench.change({ kind: "deactivate", agentId: "nobody" })?.status).toBe(400);
  });

  test("stays so when it registers again and under the next leader; its tasks go on", () => {
    const { bench, agentId, framework } = running();
    bench.change({ kind: "deactivate", agentId });
    const runId = bench.registry.task(framework.id, "aware")?.runId;
    const report = {
      frameworkId: framework.id,
      taskId: "aware",
      containerId: "c",
      state: "TASK_RUNNING",
      settled: false,
      runId,
    };
    bench.step({ kind: "agent-link-closed", link: 1 });
    bench.agent(2, agentId, [report]);
    framework.call({ type: "REVIVE", revive: {} });
    bench.step({ kind: "leadership-lost" });
    bench.lead(2);
    const other = bench.framework();
    bench.agent(3, agentId, [report]);
    expect([...framework.newOffers(), ...other.offers, ...other.newOffers()]).toEqual([]);
    expect(bench.registry.task(framework.id, "aware")?.state).toBe("TASK_RUNNING");
    expect(bench.change({ kind: "reactivate", agentId })?.status).toBe(200);
    expect(other.newOffers()).toHaveLength(1);
  });

  test("that is away is reactivated, and the answer says that it is not here", () => {
    const { bench, agentId } = running();
    bench.change({ kind: "deactivate", agentId });
    bench.step({ kind: "agent-link-closed", link: 1 });
    expect(bench.change({ kind: "reactivate", agentId })?.status).toBe(409);
    expect(bench.registry.agents.get(agentId)?.deactivated).toBe(false);
  });

  test("takes no launch that was under way", () => {
    const bench = new MasterBench();
    bench.lead();
    const agentId = bench.agent(1);
    const framework = bench.framework();
    bench.autoCommit = false;
    bench.change({ kind: "deactivate", agentId });
    framework.launch(framework.offers[0], framework.task("t", agentId));
    bench.commit();
    expect(framework.statuses()).toMatchObject([{ state: "TASK_DROPPED", reason: "REASON_INVALID_OFFERS" }]);
    expect(bench.toAgent(1).map((message) => message.kind)).not.toContain("run-task");
    expect(bench.core.leader?.agents.get(agentId)?.holdings.size).toBe(0);
  });
});

for (const how of ["marked gone", "unregistered"]) {
  test(`an end that came with an earlier update is told when its agent is ${how} before the word itself`, () => {
    const { bench, agentId, framework } = running();
    const uuid = bench.update(1, framework.id, "aware", "TASK_RUNNING", { latestState: "TASK_FINISHED" });
    framework.acknowledge(agentId, "aware", uuid);
    framework.events();
    const finished = bench.core.counters.get("tasks_finished");
    if (how === "unregistered") bench.fromAgent(1, { kind: "unregister-agent" });
    else bench.change({ kind: "mark-gone", agentId });
    expect(bench.registry.task(framework.id, "aware")).toBeUndefined();
    expect(framework.statuses()).toMatchObject([{ state: "TASK_FINISHED", source: "SOURCE_MASTER" }]);
    expect([finished, bench.core.counters.get("tasks_finished")]).toEqual([1, 1]);
  });
}
