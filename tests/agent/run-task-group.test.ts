import { describe, expect, test } from "bun:test";
import type { ExecutorInfo, TaskInfo } from "../../src/model/v1/tasks.ts";
import { MemoryDisk } from "../support/memory-checkpoint-store.ts";
import { AgentBench, frameworkBlob } from "./agent-bench.ts";

const cpus = (value: number) => ({ name: "cpus", type: "SCALAR" as const, scalar: { value } });

const CUSTOM: ExecutorInfo = {
  type: "CUSTOM",
  executor_id: { value: "e" },
  command: { value: "my-executor" },
  resources: [cpus(0.1)],
};

function under(more: Partial<TaskInfo> = {}): Partial<TaskInfo> {
  return { command: undefined, executor: CUSTOM, resources: [cpus(1)], ...more } as Partial<TaskInfo>;
}

function subscribe(bench: AgentBench): void {
  const ids = { framework_id: { value: "F" }, executor_id: { value: "e" } };
  bench.step({
    kind: "executor-subscribe",
    streamId: 1,
    call: { ...ids, type: "SUBSCRIBE", subscribe: {} },
  });
}

function updates(bench: AgentBench, taskIds: readonly string[]) {
  return taskIds.map((id) => {
    const { state, reason } = bench.lastStatus(id);
    return { state, reason };
  });
}

describe("a task group under a custom executor", () => {
  test("comes to it as one event, once it listens; a task beside it by itself", () => {
    const bench = AgentBench.registered();
    bench.runGroup(["a", "b"], under());
    bench.run("alone", under());
    expect(bench.lines()).toEqual(["launch e"]);
    bench.launched("e");
    subscribe(bench);
    expect(bench.lines()).toEqual([
      "to executor: SUBSCRIBED",
      "to executor: LAUNCH_GROUP a+b",
      "to executor: LAUNCH alone",
    ]);
    bench.runGroup(["c"], under({ resources: [cpus(0.1)] }));
    expect(bench.lines()).toEqual(["to executor: LAUNCH_GROUP c"]);
  });

  test("is refused whole when it is too much for the agent, and nothing of it is held", () => {
    const bench = AgentBench.registered();
    bench.runGroup(["a", "b", "c", "d"], under());
    const dropped = { state: "TASK_DROPPED", reason: "REASON_RESOURCES_UNKNOWN" } as const;
    expect(updates(bench, ["a", "b", "c", "d"])).toEqual([dropped, dropped, dropped, dropped]);
    expect(bench.core.state.usage.used("cpus")).toBe(0);
    expect(bench.core.state.executors.size).toBe(0);
  });

  test("dies together while it waits: one kill ends all", () => {
    const bench = AgentBench.registered();
    bench.runGroup(["a", "b"], under());
    bench.kill("b");
    const killed = { state: "TASK_KILLED", reason: "REASON_TASK_KILLED_DURING_LAUNCH" } as const;
    expect(updates(bench, ["a", "b"])).toEqual([killed, killed]);
  });

  test("that waits when the agent restarts is still one", () => {
    const disk = new MemoryDisk();
    const before = AgentBench.registered({ disk });
    before.runGroup(["a", "b"], under());
    before.launched("e");
    const bench = new AgentBench({ disk, seed: 2 }).recover(() => ({
      state: "running",
      launched: { pid: 42, startTime: "1" },
    }));
    bench.lines();
    subscribe(bench);
    expect(bench.lines()).toContain("to executor: LAUNCH_GROUP a+b");
  });

  test("that is sent again is ignored; one whose task id is alive here in an older run waits for its end, whole", () => {
    const bench = AgentBench.registered();
    bench.runAs("b-r0", "b", { resources: [cpus(0.1)] });
    bench.launched("b");
    bench.lines();
    bench.runGroup(["a", "b"], under());
    bench.runGroup(["a", "b"], under());
    expect(bench.lines()).toEqual(["SIGTERM b"]);
    expect(bench.core.state.tasks.has("F/a")).toBe(false);
    bench.exited("b", { kind: "signaled", signal: 15 });
    expect(bench.lines().filter((line) => line.startsWith("launch"))).toEqual(["launch e"]);
    expect([...bench.core.state.tasks.values()].map(({ runId }) => runId).sort()).toEqual(["a-r1", "b-r1"]);
    bench.runGroup(["a", "b"], under());
    expect(bench.lines()).toEqual([]);
  });

  test("a kill that comes while it waits for an older run ends all of it", () => {
    const bench = AgentBench.registered();
    bench.runAs("b-r0", "b", { resources: [cpus(0.1)] }, frameworkBlob("PARTITION_AWARE"));
    bench.launched("b");
    bench.runGroup(["a", "b"], under());
    bench.kill("a");
    bench.exited("b", { kind: "signaled", signal: 15 });
    expect(updates(bench, ["a", "b"]).map(({ state }) => state)).toEqual(["TASK_KILLED", "TASK_KILLED"]);
    expect(bench.core.state.waitingGroups).toEqual([]);
  });
});
