import { describe, expect, test } from "bun:test";
import { readCheckpoint } from "../../src/agent/recovery.ts";
import { salvageCheckpoint } from "../../src/agent/salvage-checkpoint.ts";
import type { TaskInfo } from "../../src/model/v1/tasks.ts";
import { AgentBench } from "./agent-bench.ts";

const GARBAGE = new Uint8Array([0xc1]);
const EXECUTOR: Partial<TaskInfo> = {
  executor: { executor_id: { value: "e" }, framework_id: { value: "F" }, command: { value: "run" } },
};

interface Entry {
  readonly key: string;
  readonly value: Uint8Array;
}

/** The checkpoint of an agent with two command tasks and one of an executor. */
function checkpoint(): Entry[] {
  const bench = AgentBench.registered();
  bench.run("a");
  bench.run("b");
  bench.run("x", EXECUTOR);
  return bench.disk.entries().map(({ key, value }) => ({ key, value }));
}

function salvage(change: (entries: Entry[]) => Entry[]) {
  const { dropped, recorded } = salvageCheckpoint(change(checkpoint()));
  const left = recorded.tasks.map(({ task }) => task.taskId).sort();
  return { recorded, left, dropped: dropped.map(({ key }) => key).sort() };
}

const damage =
  (prefix: string) =>
  (entries: Entry[]): Entry[] =>
    entries.map((entry) => (entry.key.startsWith(prefix) ? { ...entry, value: GARBAGE } : entry));
const without =
  (prefix: string) =>
  (entries: Entry[]): Entry[] =>
    entries.filter(({ key }) => !key.startsWith(prefix));

describe("a damaged checkpoint, as far as it can be used", () => {
  test("a whole one is used whole", () => {
    const entries = checkpoint();
    const read = readCheckpoint(entries);
    expect(salvageCheckpoint(entries)).toEqual({
      dropped: [],
      recorded: read.ok ? read.value : expect.anything(),
    });
  });

  test("a task goes with its stream, and nothing else", () => {
    for (const change of [
      damage("task/F/a"),
      damage("stream/F/a"),
      without("stream/F/a"),
      without("task/F/a"),
    ]) {
      const { dropped, left, recorded } = salvage(change);
      expect(left).toEqual(["b", "x"]);
      expect(dropped.every((key) => key.includes("/F/a/"))).toBe(true);
      expect(recorded.executors.length).toBe(1);
      expect(recorded.agent?.agentId).toBe("A");
    }
  });

  test("an executor takes its tasks along", () => {
    const { dropped, left, recorded } = salvage(damage("executor/"));
    expect([left, recorded.executors.length]).toEqual([["a", "b"], 0]);
    expect(dropped).toEqual(["executor/F/e", "stream/F/x/x-r1", "task/F/x/x-r1"]);
  });

  test("a framework takes all of its own along", () => {
    for (const change of [damage("framework/F"), without("framework/F")]) {
      const { left, recorded } = salvage(change);
      expect([left, recorded.executors, recorded.frameworks.size]).toEqual([[], [], 0]);
      expect(recorded.agent?.agentId).toBe("A");
    }
  });

  test("without its own record the agent begins anew, but for what it knows of volumes", () => {
    const { dropped, left, recorded } = salvage(damage("agent"));
    expect([left, recorded.agent, recorded.frameworks.size]).toEqual([[], undefined, 0]);
    expect(dropped).toContain("framework/F");
    expect(dropped).not.toContain("volumes");
  });

  test("records of kinds that nobody knows are left out", () => {
    const { dropped, left } = salvage((entries) => [...entries, { key: "strange/x", value: GARBAGE }]);
    expect([dropped, left.length]).toEqual([["strange/x"], 3]);
  });
});
