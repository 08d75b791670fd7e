import { describe, expect, test } from "bun:test";
import { MasterView } from "../../src/master/views.ts";
import type { AgentExecutorReport } from "../../src/model/agent-protocol.ts";
import type { Offer } from "../../src/model/v1/offers.ts";
import type { Resource } from "../../src/model/v1/resources.ts";
import type { ExecutorInfo, TaskInfo } from "../../src/model/v1/tasks.ts";
import { decodeBlob, encodeBlob } from "../../src/wire/blob.ts";
import { type BenchFramework, type MasterBench, scalar } from "../support/master-bench.ts";
import { AGENT_TOTAL, started } from "../support/started-bench.ts";
import { executorsMessage } from "../support/whole-answers.ts";

function executor(more: Partial<ExecutorInfo> = {}): ExecutorInfo {
  const resources = [scalar("cpus", 0.1), scalar("mem", 32), scalar("disk", 10)];
  return { executor_id: { value: "e" }, command: { value: "my-executor" }, resources, ...more };
}

/** A task under an executor instead of with a command. */
function under(task: TaskInfo, by = executor()): TaskInfo {
  const { command: _, ...rest } = task;
  return { ...rest, executor: by };
}

function launch(framework: BenchFramework, offers: readonly Offer[], ...tasks: TaskInfo[]): void {
  framework.call({
    type: "ACCEPT",
    accept: {
      offer_ids: offers.map(({ id }) => id),
      operations: [{ type: "LAUNCH", launch: { task_infos: tasks } }],
      filters: { refuse_seconds: 0 },
    },
  });
}

function amounts(offers: readonly Offer[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const { name, scalar: amount } of offers.flatMap((offer) => offer.resources ?? [])) {
    sums[name] = Number(((sums[name] ?? 0) + (amount?.value ?? 0)).toFixed(3));
  }
  return sums;
}

function ports(begin: number, end: number): Resource {
  return { name: "ports", type: "RANGES", ranges: { range: [{ begin, end }] } };
}

/** What the agent was told to run: task, and whether its executor goes with it. */
function runs(bench: MasterBench): [string, boolean | undefined][] {
  return bench
    .toAgent(1)
    .flatMap((message) =>
      message.kind === "run-task" ? [[message.taskId, message.launchExecutor]] : [],
    ) as [string, boolean | undefined][];
}

function exited(bench: MasterBench, framework: BenchFramework, status = 256): void {
  bench.fromAgent(1, { kind: "executor-exited", frameworkId: framework.id, executorId: "e", status });
}

describe("a task under a custom executor", () => {
  test("goes to the agent with it; the executor holds resources once, and beyond its tasks' end", () => {
    const { bench, agentId, framework } = started();
    launch(
      framework,
      framework.offers,
      under(framework.task("a", agentId)),
      under(framework.task("b", agentId)),
    );
    const sent = bench.toAgent(1);
    expect(sent.map((message) => (message.kind === "run-task" ? message.launchExecutor : message))).toEqual([
      true,
      false,
    ]);
    const [run] = sent;
    if (run?.kind !== "run-task") throw new Error(`Expected a task, got ${run?.kind}`);
    expect(decodeBlob("TaskInfo", run.task)).toMatchObject({
      executor: { executor_id: { value: "e" }, command: { value: "my-executor" } },
    });
    const left = framework.newOffers();
    expect(amounts(left)).toEqual({ cpus: 1.9, mem: 864, disk: 90 });
    expect(left[0]?.executor_ids).toEqual([{ value: "e" }]);
    launch(framework, left);
    bench.update(1, framework.id, "a", "TASK_FINISHED");
    bench.update(1, framework.id, "b", "TASK_FINISHED");
    expect(amounts(framework.newOffers())).toEqual({ cpus: 3.9, mem: 992, disk: 90 });
    const view = new MasterView(bench.registry, bench.core.leader, bench.now);
    expect(executorsMessage(view).executors).toMatchObject([
      { executor_info: { executor_id: { value: "e" } }, agent_id: { value: agentId } },
    ]);
  });

  test("the end of its executor, and then of its tasks, frees what that held; its framework hears FAILURE", () => {
    const { bench, agentId, framework } = started();
    launch(framework, framework.offers, under(framework.task("a", agentId)));
    const left = framework.newOffers();
    launch(framework, left);
    framework.events();
    exited(bench, framework);
    // Not yet: a leader that came now would count the executor with its task.
    expect(framework.events()).toMatchObject([
      {
        type: "FAILURE",
        failure: { agent_id: { value: agentId }, executor_id: { value: "e" }, status: 256 },
      },
    ]);
    bench.update(1, framework.id, "a", "TASK_FAILED");
    expect(runs(bench)).toEqual([["a", true]]);
    const used = new MasterView(bench.registry, bench.core.leader, bench.now).agent(agentId)?.used;
    expect(used).toEqual([]);
    const freed = framework.newOffers();
    expect(amounts(freed)).toEqual({ cpus: 1.1, mem: 96, disk: 10 });
    launch(framework, freed, under(framework.task("again", agentId, 0.5)));
    expect(runs(bench)).toEqual([["again", true]]);
  });

  test("is refused when executor and task do not fit, or the executor is another of the same id", () => {
    const { agentId, framework } = started();
    launch(framework, framework.offers, under(framework.task("big", agentId, 3.95)));
    const [refused, offered] = framework.events();
    const message = refused?.update?.status.message;
    expect(message).toMatch(/^Task and its executor use more resources .*cpus:4.05/);
    launch(framework, offered?.offers?.offers ?? [], under(framework.task("a", agentId)));
    launch(
      framework,
      framework.newOffers(),
      under(framework.task("b", agentId), executor({ command: { value: "another" } })),
    );
    expect(framework.statuses()).toMatchObject([
      { task_id: { value: "b" }, state: "TASK_ERROR", reason: "REASON_TASK_INVALID" },
    ]);
  });

  test("is refused when both use the same ports, which could not be given back twice", () => {
    const { bench, framework } = started();
    const total = [scalar("cpus", 4), scalar("mem", 1024), ports(31_000, 31_009)];
    bench.fromAgent(7, bench.registration(7, undefined, [], 5051, total));
    const [offer] = framework.newOffers();
    const agentId = offer?.agent_id.value ?? "";
    const by = executor({ resources: [scalar("cpus", 0.1), scalar("mem", 32), ports(31_000, 31_001)] });
    const task = framework.task("p", agentId, 1, { resources: [scalar("cpus", 1), ports(31_001, 31_002)] });
    launch(framework, offer === undefined ? [] : [offer], under(task, by));
    expect(framework.statuses()).toMatchObject([
      {
        task_id: { value: "p" },
        state: "TASK_ERROR",
        reason: "REASON_TASK_INVALID",
        message: expect.stringContaining("There are overlapping resources"),
      },
    ]);
    framework.call({ type: "TEARDOWN" });
    expect(bench.core.leader?.allocator.free(agentId).toString()).toContain("ports:[31000-31009]");
  });

  test("is launched although the executor is small, and the log says so once for each framework", () => {
    const { bench, agentId, framework } = started();
    const small = executor({ resources: [scalar("cpus", 0.005), scalar("mem", 32)] });
    const other = executor({ resources: [scalar("cpus", 0.1)], executor_id: { value: "o" } });
    const notices = () => bench.effects.filter((effect) => effect.kind === "notice");
    launch(framework, framework.offers, under(framework.task("a", agentId, 0.1), small));
    expect(runs(bench)).toEqual([["a", true]]);
    expect(notices()).toEqual([
      {
        kind: "notice",
        message:
          "Executor 'e' for task 'a' uses less CPUs (0.005) than the minimum required (0.01); its framework should ask for more, as groups of tasks require it",
        fields: { frameworkId: framework.id },
      },
    ]);
    launch(framework, framework.newOffers(), under(framework.task("b", agentId, 0.1), other));
    expect(runs(bench)).toContainEqual(["b", true]);
    expect(notices().length).toBe(1);
  });

  test("is refused under a DEFAULT executor, which takes groups", () => {
    const { agentId, framework } = started();
    const { command: _, ...info } = executor({ type: "DEFAULT" });
    launch(framework, framework.offers, under(framework.task("a", agentId), info));
    expect(framework.statuses()[0]?.message).toMatch(/launch the task by LAUNCH_GROUP/);
  });

  test("that the log has no room for gives back its executor's resources too", () => {
    const { bench, agentId, framework } = started();
    bench.autoCommit = false;
    launch(framework, framework.offers, under(framework.task("a", agentId)));
    bench.drop();
    bench.autoCommit = true;
    bench.pass(1);
    expect(amounts(framework.newOffers())).toEqual({ cpus: 4, mem: 1024, disk: 100 });
  });

  test("the end of its framework frees its executor", () => {
    const { bench, agentId, framework } = started();
    const other = bench.framework();
    launch(framework, framework.offers, under(framework.task("a", agentId)));
    bench.update(1, framework.id, "a", "TASK_FINISHED");
    bench.teardown(framework.id);
    expect(bench.toAgent(1).map(({ kind }) => kind)).toContain("shutdown-framework");
    bench.pass(6_000);
    expect(amounts(other.newOffers())).toEqual({ cpus: 4, mem: 1024, disk: 100 });
  });
});

describe("an agent that registers again", () => {
  function returned(
    before: ReturnType<typeof started>,
    executors: readonly AgentExecutorReport[],
    state: "TASK_RUNNING" | undefined,
  ): void {
    const { bench, agentId, framework } = before;
    bench.step({ kind: "agent-link-closed", link: 1 });
    const record = bench.registry.task(framework.id, "a");
    const tasks =
      state === undefined || record === undefined
        ? []
        : [
            {
              frameworkId: framework.id,
              taskId: "a",
              containerId: undefined,
              state,
              settled: false,
              runId: record.runId,
            },
          ];
    const message = bench.registration(1, agentId, tasks, 5051, AGENT_TOTAL);
    if (message.kind !== "register-agent") throw new Error("It is a registration");
    bench.fromAgent(1, { ...message, executors });
  }

  function report(before: ReturnType<typeof started>): AgentExecutorReport {
    const { bench, agentId, framework } = before;
    const [held] = [...(bench.core.leader?.agent(agentId).executors.values() ?? [])];
    return { frameworkId: framework.id, executorId: "e", info: held?.info ?? new Uint8Array() };
  }

  test("without an executor that had no tasks: its resources are free", () => {
    const before = started();
    const { bench, agentId, framework } = before;
    launch(framework, framework.offers, under(framework.task("a", agentId)));
    launch(framework, framework.newOffers());
    bench.update(1, framework.id, "a", "TASK_FINISHED");
    framework.newOffers();
    returned(before, [], undefined);
    expect(amounts(framework.newOffers())).toEqual({ cpus: 4, mem: 1024, disk: 100 });
  });

  test("before it got the task is sent it again with its executor", () => {
    const before = started();
    const { bench, agentId, framework } = before;
    launch(
      framework,
      framework.offers,
      under(framework.task("a", agentId)),
      under(framework.task("b", agentId)),
    );
    bench.toAgent(1);
    returned(before, [], undefined);
    expect(runs(bench)).toEqual([
      ["a", true],
      ["b", false],
    ]);
  });

  test("tells a new leader of an executor without tasks, which then holds its resources", () => {
    const before = started();
    const { bench, agentId, framework } = before;
    launch(framework, framework.offers, under(framework.task("a", agentId)));
    const held = report(before);
    bench.update(1, framework.id, "a", "TASK_FINISHED");
    bench.step({ kind: "leadership-lost" });
    bench.lead(2);
    const message = bench.registration(1, agentId, [], 5051, AGENT_TOTAL);
    if (message.kind !== "register-agent") throw new Error("It is a registration");
    bench.fromAgent(2, { ...message, executors: [held] });
    const used = new MasterView(bench.registry, bench.core.leader, bench.now).agent(agentId)?.used ?? [];
    expect(used.map(({ name, scalar: amount }) => [name, amount?.value])).toEqual([
      ["cpus", 0.1],
      ["disk", 10],
      ["mem", 32],
    ]);
  });

  test("tells it as it keeps it, with the framework's id: it is still the one that the framework means", () => {
    const before = started();
    const { bench, agentId, framework } = before;
    launch(framework, framework.offers, under(framework.task("a", agentId)));
    const given = decodeBlob("ExecutorInfo", report(before).info);
    const info = encodeBlob("ExecutorInfo", { ...given, framework_id: { value: framework.id } });
    bench.update(1, framework.id, "a", "TASK_FINISHED");
    bench.step({ kind: "leadership-lost" });
    bench.lead(2);
    const message = bench.registration(1, agentId, [], 5051, AGENT_TOTAL);
    if (message.kind !== "register-agent") throw new Error("It is a registration");
    bench.fromAgent(2, { ...message, executors: [{ frameworkId: framework.id, executorId: "e", info }] });
    framework.streamId = bench.subscribe({ id: { value: framework.id }, failover_timeout: 3600 });
    launch(framework, framework.newOffers(), under(framework.task("b", agentId)));
    const named = executor({ framework_id: { value: framework.id } });
    launch(framework, framework.newOffers(), under(framework.task("c", agentId), named));
    const ids = [...bench.registry.tasksOf(framework.id)].map(({ taskId }) => taskId);
    expect(ids).toEqual(expect.arrayContaining(["b", "c"]));
  });

  test("with executors of a framework that is no more is told so", () => {
    const before = started();
    const { bench, agentId, framework } = before;
    launch(framework, framework.offers, under(framework.task("a", agentId)));
    const held = report(before);
    bench.teardown(framework.id);
    bench.toAgent(1);
    returned(before, [held], undefined);
    expect(bench.toAgent(1).map(({ kind }) => kind)).toContain("shutdown-framework");
  });
});

describe("calls about executors", () => {
  test("MESSAGE and SHUTDOWN go to the agent, and the executor's messages to its framework", () => {
    const { bench, agentId, framework } = started();
    const place = { agent_id: { value: agentId }, executor_id: { value: "e" } };
    const data = new Uint8Array([1, 2]);
    expect(framework.call({ type: "MESSAGE", message: { ...place, data } })?.status).toBe(202);
    expect(framework.call({ type: "SHUTDOWN", shutdown: place })?.status).toBe(202);
    const names = { term: 1, frameworkId: framework.id, executorId: "e" };
    expect(bench.toAgent(1)).toEqual([
      { kind: "framework-message", ...names, data },
      { kind: "shutdown-executor", ...names },
    ]);
    bench.fromAgent(1, { kind: "executor-message", frameworkId: framework.id, executorId: "e", data });
    expect(bench.events(framework.streamId)).toEqual([{ type: "MESSAGE", message: { ...place, data } }]);
    expect(bench.core.counters.get("valid_executor_to_framework_messages")).toBe(1);
  });

  test("to an agent that is away reach nobody", () => {
    const { bench, agentId, framework } = started();
    bench.step({ kind: "agent-link-closed", link: 1 });
    const place = { agent_id: { value: agentId }, executor_id: { value: "e" } };
    framework.call({ type: "MESSAGE", message: { ...place, data: new Uint8Array([1]) } });
    expect(bench.toAgent(1)).toEqual([]);
    expect(bench.core.counters.get("invalid_framework_to_executor_messages")).toBe(1);
  });
});
