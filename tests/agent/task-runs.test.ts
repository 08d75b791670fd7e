/** A task id used again while the agent still holds its old run: the acknowledgement of the end was lost. */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { readCheckpoint } from "../../src/agent/recovery.ts";
import type { StatusUpdate } from "../../src/model/agent-protocol.ts";
import { MemoryDisk } from "../support/memory-checkpoint-store.ts";
import { AgentBench } from "./agent-bench.ts";

const TERMINATED = { kind: "signaled", signal: 15 } as const;

/** Run one of t ended; its terminal update is sent and not acknowledged. */
function endedUnacknowledged(): AgentBench {
  const bench = AgentBench.registered();
  bench.runAs("one", "t");
  bench.launched("t");
  bench.acknowledge("t");
  bench.acknowledge("t");
  bench.exited("t");
  bench.lines();
  return bench;
}

function updatesOf(bench: AgentBench, runId: string): StatusUpdate[] {
  return bench.sent.flatMap((one) => (one.kind === "status-update" && one.runId === runId ? [one] : []));
}

describe("a new run of a task id whose old run", () => {
  test("has ended drops the old one's updates and starts, in one write", () => {
    const bench = endedUnacknowledged();
    const old = bench.lastUpdate("t");
    bench.sent.length = 0;
    bench.autoSync = false;
    bench.runAs("two", "t");
    expect(bench.lines()).toEqual([
      "write -task/F/t/one -stream/F/t/one framework/F task/F/t/two stream/F/t/two",
    ]);
    bench.autoSync = true;
    bench.sync();
    expect(bench.lines()).toEqual(["launch t"]);
    expect(bench.containerOf("t")).toBe("two");
    // The lost acknowledgement, late: it is not the new run's.
    bench.message({
      kind: "acknowledge-update",
      term: 1,
      frameworkId: "F",
      taskId: "t",
      uuid: old.uuid,
      runId: "one",
    });
    bench.launched("t");
    bench.advance(60_000);
    expect(updatesOf(bench, "one")).toEqual([]);
    expect(updatesOf(bench, "two").length).toBeGreaterThan(1);
    bench.exited("t");
    bench.acknowledge("t");
    bench.acknowledge("t");
    bench.acknowledge("t");
    expect(bench.keys()).toEqual(["agent"]);
  });

  test("runs is started when that one has ended, which is killed first", () => {
    const bench = AgentBench.registered();
    bench.runAs("one", "t");
    bench.launched("t");
    bench.lines();
    bench.runAs("two", "t");
    expect(bench.lines()).toEqual(["SIGTERM t"]);
    expect(bench.warnings).toEqual([expect.stringContaining("ending it first")]);
    // Repetitions change nothing, and the old container may resist.
    bench.runAs("two", "t");
    bench.advance(3_000);
    expect(bench.lines()).toEqual(["kill t"]);
    bench.exited("t", TERMINATED);
    expect(bench.lines()).toEqual(["cleanup t", "launch t"]);
    expect(bench.containerOf("t")).toBe("two");
    expect(bench.keys()).toEqual(["agent", "framework/F", "stream/F/t/two", "task/F/t/two"]);
  });

  test("is not yet launched takes its place at once, or when the launch was cancelled", () => {
    const bench = AgentBench.registered();
    bench.autoSync = false;
    bench.runAs("one", "t");
    bench.runAs("two", "t");
    bench.lines();
    bench.autoSync = true;
    bench.sync();
    expect(bench.lines()).toEqual(["launch t"]);
    expect(bench.containerOf("t")).toBe("two");
    bench.runAs("three", "t");
    expect(bench.lines()).toEqual(["kill t"]);
    const error = { step: "cancelled", message: "killed" } as const;
    bench.step({ kind: "launch-failed", containerId: "two", error });
    expect(bench.lines()).toEqual(["launch t"]);
    expect(bench.containerOf("t")).toBe("three");
  });

  test("is still dying may be killed itself: it ends without having started", () => {
    const bench = AgentBench.registered();
    bench.runAs("one", "t");
    bench.launched("t");
    bench.runAs("two", "t");
    bench.lines();
    bench.kill("t", undefined, "two");
    expect(bench.lines()).toEqual([]);
    bench.exited("t", TERMINATED);
    expect(bench.lines()).toEqual(["cleanup t", "send t TASK_KILLED"]);
    expect(bench.lastUpdate("t")).toMatchObject({ runId: "two", latestState: "TASK_KILLED" });
  });

  test("is still dying is not started once its framework is gone", () => {
    const bench = AgentBench.registered();
    bench.runAs("one", "t");
    bench.launched("t");
    bench.runAs("two", "t");
    bench.message({ kind: "shutdown-framework", term: 1, frameworkId: "F" });
    bench.lines();
    bench.step({ kind: "exited", containerId: "one", exit: TERMINATED });
    expect(bench.lines()).toEqual(["cleanup t"]);
    expect(bench.keys()).toEqual(["agent"]);
  });
});

describe("messages that name a run", () => {
  test("a kill of the old run leaves the new one alone, and the other way round", () => {
    const bench = endedUnacknowledged();
    bench.runAs("two", "t");
    bench.launched("t");
    bench.lines();
    bench.kill("t", undefined, "one");
    expect(bench.lines()).toEqual([]);
    bench.kill("t", undefined, "two");
    expect(bench.lines()).toEqual(["SIGTERM t"]);
  });

  test("without one, from a master of an older version, mean any run", () => {
    const bench = AgentBench.registered();
    bench.runAs(undefined, "t");
    bench.launched("t");
    expect(bench.keys()).toEqual(["agent", "framework/F", "stream/F/t", "task/F/t"]);
    bench.runAs("two", "t");
    expect(bench.lines().filter((line) => line.startsWith("launch"))).toEqual(["launch t"]);
    bench.message({
      kind: "kill-task",
      term: 1,
      frameworkId: "F",
      taskId: "t",
      gracePeriodMs: 0,
      runId: "two",
    });
    expect(bench.lines()).toContain("SIGTERM t");
  });
});

describe("over an agent restart", () => {
  test("the run that was taken on is reported with its id; one that waited is not and may come again", () => {
    const before = AgentBench.registered();
    before.runAs("one", "t");
    before.launched("t");
    before.runAs("two", "t");
    const bench = new AgentBench({ disk: before.disk, seed: 2 });
    bench.recover(() => ({ state: "running", launched: { pid: 42, startTime: "1" } }));
    bench.register();
    const [registration] = bench.sent.filter((one) => one.kind === "register-agent");
    const tasks = registration?.kind === "register-agent" ? registration.tasks : [];
    expect(tasks.map((task) => task.runId)).toEqual(["one"]);
    bench.lines();
    bench.runAs("two", "t");
    bench.exited("t", TERMINATED);
    expect(bench.lines()).toEqual(["cleanup t", "launch t"]);
  });

  test("a link that broke makes the agent wait for the master to say again what it wants", () => {
    const bench = AgentBench.registered();
    bench.runAs("one", "t");
    bench.launched("t");
    bench.runAs("two", "t");
    bench.step({ kind: "link-closed", linkId: bench.linkId, reason: "reset" });
    bench.register();
    bench.lines();
    bench.exited("t", TERMINATED);
    expect(bench.lines()).toEqual(["cleanup t"]);
    bench.runAs("two", "t");
    expect(bench.lines()).toEqual(["launch t"]);
  });

  test("a checkpoint of a version without run ids loads; its task goes on and is forgotten whole", () => {
    const file = `${import.meta.dir}/../fixtures/checkpoints/v1/records.txt`;
    const disk = new MemoryDisk();
    for (const line of readFileSync(file, "utf8").trim().split("\n")) {
      const [key = "", hex = ""] = line.split(" ");
      disk.apply([{ key, value: new Uint8Array(Buffer.from(hex, "hex")) }]);
    }
    const read = readCheckpoint(disk.entries());
    expect(read.ok ? read.value.tasks.map(({ task }) => [task.taskId, task.runId]) : read.error).toEqual([
      ["t", undefined],
      ["u", undefined],
    ]);
    const bench = new AgentBench({ disk, seed: 2 });
    bench.recover(() => ({ state: "running", launched: { pid: 42, startTime: "1" } }));
    bench.register();
    bench.exited("t");
    bench.acknowledge("t");
    for (let i = 0; i < 3; i++) bench.acknowledge("u");
    expect(bench.keys()).toEqual(["agent"]);
  });
});
