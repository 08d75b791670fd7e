import { describe, expect, test } from "bun:test";
import { type CompletedTask, History } from "../../src/agent/history.ts";
import { AGENT_COMPLETED_TASKS_MAX } from "../../src/base/limits.ts";

const NOTHING = new Uint8Array(0);

function task(
  frameworkId: string,
  taskId: string,
  executor?: [id: string, containerId: string],
): CompletedTask {
  const [executorId, containerId = `c-${taskId}`] = executor ?? [];
  const blobs = { framework: NOTHING, info: NOTHING, statuses: [] };
  return { frameworkId, taskId, executorId, containerId, state: "TASK_FINISHED", ...blobs };
}

function executor(frameworkId: string, containerId: string) {
  return { frameworkId, executorId: "e", containerId, framework: NOTHING, info: NOTHING };
}

const tasksOf = (history: History): string[] => [...history.tasks()].map(({ taskId }) => taskId);
const executorsOf = (history: History): string[] => [...history.executors()].map((one) => one.containerId);

describe("the history of an agent", () => {
  test("has so many runs of each framework, command tasks and executors alike", () => {
    const history = new History(2);
    history.add(task("F", "a"));
    history.add(task("G", "other"));
    history.add(task("F", "in1", ["e", "C"]));
    history.addExecutor(executor("F", "C"));
    expect([tasksOf(history), executorsOf(history)]).toEqual([["a", "other", "in1"], ["C"]]);
    history.add(task("F", "b"));
    expect([tasksOf(history), executorsOf(history)]).toEqual([["other", "in1", "b"], ["C"]]);
    // With an executor go its tasks.
    history.add(task("F", "c"));
    expect([tasksOf(history), executorsOf(history)]).toEqual([["other", "b", "c"], []]);
    expect(tasksOf(new History(0)).length).toBe(0);
  });

  test("none of them, if none are wanted", () => {
    const history = new History(0);
    history.add(task("F", "a"));
    history.addExecutor(executor("F", "C"));
    expect([tasksOf(history), executorsOf(history)]).toEqual([[], []]);
  });

  test("tasks of a pod are of one run, and at most 200 are of one", () => {
    const history = new History(1);
    for (let number = 1; number <= 201; number++) history.add(task("F", `${number}`, ["e", `P.${number}`]));
    expect(tasksOf(history).length).toBe(200);
    expect(tasksOf(history)[0]).toBe("2");
  });

  test("50 frameworks, and a bound on all tasks together", () => {
    const history = new History();
    for (let number = 1; number <= 51; number++) history.add(task(`F${number}`, `t${number}`));
    expect(tasksOf(history).length).toBe(50);
    expect(tasksOf(history)[0]).toBe("t2");
    for (let framework = 0; framework < 40; framework++) {
      for (let number = 0; number < 150; number++)
        history.add(task(`G${framework}`, `g${framework}-${number}`));
    }
    expect(tasksOf(history).length).toBe(AGENT_COMPLETED_TASKS_MAX);
    expect(tasksOf(history).at(-1)).toBe("g39-149");
  });
});
