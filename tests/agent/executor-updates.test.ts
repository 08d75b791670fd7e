import { expect, test } from "bun:test";
import { findFrameworkView } from "../../src/agent/views.ts";
import { EXECUTOR_UPDATES_MAX_BYTES } from "../../src/base/limits.ts";
import type { ExecutorInfo, TaskInfo, TaskState } from "../../src/model/v1/tasks.ts";
import { AgentBench, frameworkBlob } from "./agent-bench.ts";

const IDS = { framework_id: { value: "F" }, executor_id: { value: "e" } };

test("large updates that wait are answered 503, as they are written again with each; views have no data", () => {
  const bench = AgentBench.registered();
  const executor: ExecutorInfo = {
    type: "CUSTOM",
    executor_id: { value: "e" },
    command: { value: "my-executor" },
  };
  const info = { command: undefined, executor } as unknown as Partial<TaskInfo>;
  bench.run("t", info, frameworkBlob("PARTITION_AWARE"));
  bench.launched("e");
  bench.step({ kind: "executor-subscribe", streamId: 1, call: { ...IDS, type: "SUBSCRIBE" } });
  const answerTo = (number: number, state: TaskState, bytes: number): string | undefined => {
    const uuid = new Uint8Array(16).fill(number);
    const task = { task_id: { value: "t" }, state, source: "SOURCE_EXECUTOR" as const };
    const update = { status: { ...task, uuid, data: new Uint8Array(bytes) } };
    bench.lines();
    bench.step({ kind: "executor-call", ref: 1 + number, call: { ...IDS, type: "UPDATE", update } });
    return bench.lines()[0];
  };
  const quarter = EXECUTOR_UPDATES_MAX_BYTES / 4;
  for (let number = 1; number <= 4; number++) {
    expect(answerTo(number, "TASK_RUNNING", quarter)).toBe("answer 202");
  }
  expect(answerTo(5, "TASK_RUNNING", 1)).toStartWith("answer 503");
  expect(answerTo(6, "TASK_FINISHED", quarter)).toBe("answer 202");
  const { tasks = [], completedTasks = [] } = findFrameworkView(bench.core.state, "F")?.executors[0] ?? {};
  const shown = [...tasks, ...completedTasks].flatMap((task) => task.statuses);
  expect(shown.map(({ data }) => data)).toEqual(new Array(5).fill(undefined));
});
