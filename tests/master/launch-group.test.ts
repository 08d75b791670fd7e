import { describe, expect, test } from "bun:test";
import { MasterView } from "../../src/master/views.ts";
import type { MasterToAgent } from "../../src/model/agent-protocol.ts";
import type { Offer, OfferOperation } from "../../src/model/v1/offers.ts";
import type { Resource } from "../../src/model/v1/resources.ts";
import type { ExecutorInfo, TaskInfo } from "../../src/model/v1/tasks.ts";
import { decodeBlob } from "../../src/wire/blob.ts";
import { type BenchFramework, MasterBench, scalar } from "../support/master-bench.ts";
import { AGENT_TOTAL, started } from "../support/started-bench.ts";
import { executorsMessage } from "../support/whole-answers.ts";

function executor(id = "e", more: Partial<ExecutorInfo> = {}): ExecutorInfo {
  const resources = [scalar("cpus", 0.1), scalar("mem", 32), scalar("disk", 10)];
  return { type: "DEFAULT", executor_id: { value: id }, resources, ...more };
}

function group(tasks: TaskInfo[], by = executor()): OfferOperation {
  return { type: "LAUNCH_GROUP", launch_group: { executor: by, task_group: { tasks } } };
}

function accept(framework: BenchFramework, offers: readonly Offer[], ...operations: OfferOperation[]): void {
  framework.call({
    type: "ACCEPT",
    accept: { offer_ids: offers.map(({ id }) => id), operations, filters: { refuse_seconds: 0 } },
  });
}

function amounts(offers: readonly Offer[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const { name, scalar: amount } of offers.flatMap((offer) => offer.resources ?? [])) {
    sums[name] = Number(((sums[name] ?? 0) + (amount?.value ?? 0)).toFixed(3));
  }
  return sums;
}

describe("LAUNCH_GROUP", () => {
  test("goes to the agent as one message, each task with its executor; executor and tasks hold resources", () => {
    const { bench, agentId, framework } = started();
    accept(framework, framework.offers, group([framework.task("a", agentId), framework.task("b", agentId)]));
    const [run, ...others] = bench.toAgent(1);
    expect(others).toEqual([]);
    if (run?.kind !== "run-task-group") throw new Error(`Expected a group, got ${run?.kind}`);
    expect(run.tasks.map(({ taskId }) => taskId)).toEqual(["a", "b"]);
    for (const { task } of run.tasks) {
      expect(decodeBlob("TaskInfo", task).executor).toMatchObject({
        type: "DEFAULT",
        executor_id: { value: "e" },
      });
    }
    const left = framework.newOffers();
    expect(amounts(left)).toEqual({ cpus: 1.9, mem: 864, disk: 90 });
    expect(left.map((offer) => offer.executor_ids)).toEqual([[{ value: "e" }]]);
    expect(framework.offers[0]?.executor_ids).toBeUndefined();
    const view = new MasterView(bench.registry, bench.core.leader, bench.now);
    const used = view.agent(agentId)?.used.map(({ name, scalar }) => [name, scalar?.value]);
    expect(Object.fromEntries(used ?? [])).toEqual({ cpus: 2.1, mem: 160, disk: 10 });
    expect(executorsMessage(view).executors).toMatchObject([
      { executor_info: { executor_id: { value: "e" } }, agent_id: { value: agentId } },
    ]);
  });

  test("the executor's resources come back with the end of its last task", () => {
    const { bench, agentId, framework } = started();
    accept(framework, framework.offers, group([framework.task("a", agentId), framework.task("b", agentId)]));
    accept(framework, framework.newOffers());
    bench.update(1, framework.id, "a", "TASK_FINISHED");
    expect(amounts(framework.newOffers())).toEqual({ cpus: 2.9, mem: 928, disk: 90 });
    bench.update(1, framework.id, "b", "TASK_FAILED");
    expect(amounts(framework.newOffers())).toEqual({ cpus: 1.1, mem: 96, disk: 10 });
  });

  test("a second group under the same executor takes no executor's resources again; another info is refused", () => {
    const { agentId, framework } = started();
    accept(framework, framework.offers, group([framework.task("a", agentId)]));
    accept(framework, framework.newOffers(), group([framework.task("b", agentId)]));
    const left = framework.newOffers();
    expect(amounts(left)).toEqual({ cpus: 1.9, mem: 864, disk: 90 });
    const other = executor("e", { resources: [scalar("cpus", 0.2), scalar("mem", 32), scalar("disk", 1)] });
    accept(framework, left, group([framework.task("c", agentId)], other));
    expect(framework.statuses()).toMatchObject([
      { task_id: { value: "c" }, state: "TASK_ERROR", reason: "REASON_TASK_GROUP_INVALID" },
    ]);
  });

  test("operations of a call apply in order: a task beside groups, and each takes from what is left", () => {
    const { bench, agentId, framework } = started();
    accept(
      framework,
      framework.offers,
      { type: "LAUNCH", launch: { task_infos: [framework.task("alone", agentId, 1)] } },
      group([framework.task("a", agentId, 2)], executor("e1")),
      group([framework.task("b", agentId, 2)], executor("e2")),
      group([framework.task("c", agentId, 0.5)], executor("e3")),
    );
    expect(framework.statuses()).toMatchObject([
      {
        task_id: { value: "b" },
        state: "TASK_ERROR",
        message: expect.stringMatching(/^Total resources .*cpus:2.1.* are more than available cpus:0.9/),
      },
    ]);
    const runs = bench.toAgent(1).map((message) => message.kind);
    expect(runs.sort()).toEqual(["run-task", "run-task-group", "run-task-group"]);
  });

  test("its tasks may share a volume", () => {
    const { bench, agentId, framework: first } = started();
    const role = "web";
    const framework = bench.framework({
      roles: [role],
      capabilities: [
        { type: "MULTI_ROLE" },
        { type: "RESERVATION_REFINEMENT" },
        { type: "SHARED_RESOURCES" },
      ],
    });
    first.call({ type: "SUPPRESS" });
    first.call({ type: "DECLINE", decline: { offer_ids: first.offers.map(({ id }) => id) } });
    const reserved = {
      ...scalar("disk", 20),
      reservations: [{ type: "DYNAMIC" as const, role }],
    };
    const volume: Resource = {
      ...reserved,
      disk: { persistence: { id: "v" }, volume: { container_path: "data", mode: "RW" } },
      shared: {},
    };
    const tasks = ["a", "b"].map((id) =>
      framework.task(id, agentId, 0, { resources: [scalar("cpus", 1), volume] }),
    );
    accept(
      framework,
      framework.newOffers(),
      { type: "RESERVE", reserve: { resources: [reserved] } },
      { type: "CREATE", create: { volumes: [volume] } },
      group(tasks),
      { type: "DESTROY", id: { value: "d" }, destroy: { volumes: [volume] } },
    );
    const events = framework.events();
    expect(events.flatMap((event) => event.update?.status.message ?? [])).toEqual([]);
    expect(events.flatMap((event) => event.update_operation_status?.status.message ?? [])[0]).toContain(
      "is in use by task a",
    );
    expect(["a", "b"].map((id) => bench.registry.task(framework.id, id)?.state)).toEqual([
      "TASK_STAGING",
      "TASK_STAGING",
    ]);
    for (const id of ["a", "b"]) bench.update(1, framework.id, id, "TASK_FINISHED");
    bench.core.leader?.allocator.assertConsistent();
    expect([...(bench.core.leader?.agent(agentId).executors.values() ?? [])]).toEqual([]);
  });

  test("one bad task spoils the group, and nothing of it is held", () => {
    const { agentId, framework } = started();
    const good = framework.task("good", agentId);
    const cases: [OfferOperation, RegExp][] = [
      [group([good, framework.task("big", agentId, 9)]), /more than available/],
      [group([good, good]), /duplicate ID/],
      [group([good, framework.task("x", "elsewhere")]), /^Task 'x' is invalid: Task uses invalid agent/],
      [
        group([good], { executor_id: { value: "e" } }),
        /'ExecutorInfo.command' must be set|type' must be set/,
      ],
      [group([good], executor("e", { resources: [scalar("cpus", 0.1)] })), /uses less memory \(None\)/],
      [group([good], executor("e", { command: { value: "true" } })), /must not be set for 'DEFAULT'/],
      [{ ...group([good]), id: { value: "op" } }, /The 'id' field was set/],
    ];
    for (const [operation, message] of cases) {
      const tasks = operation.launch_group?.task_group.tasks ?? [];
      const offers = framework.newOffers();
      accept(framework, offers.length > 0 ? offers : framework.offers, operation);
      const events = framework.events();
      const statuses = events.flatMap((event) => event.update?.status ?? []);
      expect(statuses.map((status) => [status.task_id.value, status.state, status.reason])).toEqual(
        tasks.map((task) => [task.task_id.value, "TASK_ERROR", "REASON_TASK_GROUP_INVALID"]),
      );
      for (const status of statuses) expect(status.message).toMatch(message);
      const back = events.flatMap((event) => event.offers?.offers ?? []);
      expect(amounts(back)).toEqual({ cpus: 4, mem: 1024, disk: 100 });
      accept(framework, back);
    }
  });

  test("invalid offers drop every task", () => {
    const { agentId, framework } = started();
    const operations = [group([framework.task("a", agentId), framework.task("b", agentId)])];
    framework.call({ type: "ACCEPT", accept: { offer_ids: [{ value: "none" }], operations } });
    expect(framework.statuses()).toMatchObject([
      { task_id: { value: "a" }, state: "TASK_DROPPED", reason: "REASON_INVALID_OFFERS" },
      { task_id: { value: "b" }, state: "TASK_DROPPED", reason: "REASON_INVALID_OFFERS" },
    ]);
  });

  test("an agent that is gone, or a full log: all of them, and all is free again", () => {
    const { bench, agentId, framework } = started();
    bench.autoCommit = false;
    accept(framework, framework.offers, group([framework.task("a", agentId), framework.task("b", agentId)]));
    bench.drop();
    const events = framework.events();
    expect(events.flatMap((event) => event.update?.status.state ?? [])).toEqual([
      "TASK_DROPPED",
      "TASK_DROPPED",
    ]);
    bench.pass(20);
    const offers = [...events.flatMap((event) => event.offers?.offers ?? []), ...framework.newOffers()];
    expect(amounts(offers)).toEqual({ cpus: 4, mem: 1024, disk: 100 });
  });

  test("KILL of one task goes to the agent, also when it comes before the commit", () => {
    const { bench, agentId, framework } = started();
    bench.autoCommit = false;
    accept(framework, framework.offers, group([framework.task("a", agentId), framework.task("b", agentId)]));
    framework.call({ type: "KILL", kill: { task_id: { value: "b" } } });
    expect(bench.toAgent(1)).toEqual([]);
    bench.commit();
    expect(bench.toAgent(1).map((message) => message.kind)).toEqual(["run-task-group", "kill-task"]);
  });

  test("a new leader knows the executor, and sends a group that never arrived again as a whole", () => {
    const { bench, agentId, framework } = started();
    accept(framework, framework.offers, group([framework.task("a", agentId), framework.task("b", agentId)]));
    accept(framework, framework.newOffers(), {
      type: "LAUNCH",
      launch: { task_infos: [framework.task("alone", agentId, 0.5)] },
    });
    const next = new MasterBench({}, bench.registry, "m2");
    next.lead(2);
    next.fromAgent(7, next.registration(1, agentId, [], 5051, AGENT_TOTAL));
    const runs = next.toAgent(7).flatMap((message) => {
      if (message.kind === "run-task") return [message.taskId];
      if (message.kind === "run-task-group") return [message.tasks.map(({ taskId }) => taskId).join("+")];
      return [];
    });
    expect(runs.sort()).toEqual(["a+b", "alone"]);
    const again = next.framework({ id: { value: framework.id } });
    expect(amounts(again.offers)).toEqual({ cpus: 1.4, mem: 800, disk: 90 });
    next.update(7, framework.id, "a", "TASK_FINISHED");
    next.update(7, framework.id, "b", "TASK_FINISHED");
    expect(amounts(again.newOffers())).toEqual({ cpus: 2.1, mem: 160, disk: 10 });
  });

  test("under a custom executor it says whether that goes with it; a new leader sends it as a group, too", () => {
    const { bench, agentId, framework } = started();
    const custom = executor("e", { type: "CUSTOM", command: { value: "my-executor" } });
    const ofTwo = group([framework.task("a", agentId), framework.task("b", agentId)], custom);
    const { command: _, ...bare } = framework.task("c", agentId);
    const alone = { ...bare, executor: custom };
    accept(framework, framework.offers, ofTwo, { type: "LAUNCH", launch: { task_infos: [alone] } });
    accept(framework, framework.newOffers(), group([framework.task("d", agentId, 0.1)], custom));
    const sent = (messages: readonly MasterToAgent[]) =>
      messages.flatMap((message) => {
        if (message.kind === "run-task") return [`${message.taskId} ${message.launchExecutor}`];
        if (message.kind !== "run-task-group") return [];
        return [`[${message.tasks.map(({ taskId }) => taskId)}] ${message.launchExecutor}`];
      });
    expect(sent(bench.toAgent(1)).sort()).toEqual(["[a,b] true", "[d] false", "c false"]);
    const next = new MasterBench({}, bench.registry, "m2");
    next.lead(2);
    next.fromAgent(7, next.registration(1, agentId, [], 5051, AGENT_TOTAL));
    expect(sent(next.toAgent(7))).toEqual(["c true", "[a,b] false", "[d] false"]);
  });

  test("an agent that is lost ends the group; it may bring it back", () => {
    const { bench, agentId, framework } = started();
    accept(framework, framework.offers, group([framework.task("a", agentId)]));
    bench.update(1, framework.id, "a", "TASK_RUNNING");
    bench.step({ kind: "agent-link-closed", link: 1 });
    bench.pass(75_000);
    expect(framework.statuses().at(-1)).toMatchObject({ state: "TASK_UNREACHABLE" });
    const runId = bench.registry.task(framework.id, "a")?.runId;
    const report = { frameworkId: framework.id, taskId: "a", containerId: undefined, runId };
    bench.fromAgent(
      2,
      bench.registration(
        1,
        agentId,
        [{ ...report, state: "TASK_RUNNING", settled: false }],
        5051,
        AGENT_TOTAL,
      ),
    );
    expect(amounts(framework.newOffers())).toEqual({ cpus: 2.9, mem: 928, disk: 90 });
  });
});
