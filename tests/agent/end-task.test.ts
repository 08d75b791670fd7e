import { describe, expect, test } from "bun:test";
import { AgentBench, frameworkBlob } from "./agent-bench.ts";

/** Task t runs as container "one"; nothing is left to say of it. */
function running(): AgentBench {
  const bench = AgentBench.registered();
  bench.runAs("one", "t");
  bench.launched("t");
  bench.acknowledge("t");
  bench.acknowledge("t");
  bench.lines();
  return bench;
}

function ends(bench: AgentBench): void {
  bench.step({ kind: "exited", containerId: "one", exit: { kind: "exited", code: 0 } });
}

describe("the end of a task that nobody wants any more", () => {
  test("keeps its record while a new process would still find the task on disk", () => {
    const bench = running();
    bench.autoSync = false;
    bench.message({ kind: "shutdown-framework", term: 1, frameworkId: "F" });
    bench.lines();
    ends(bench);
    expect(bench.lines()).toEqual([]);
    expect(bench.keys()).toContain("task/F/t/one");
    bench.sync();
    expect(bench.lines()).toEqual(["cleanup t"]);
    expect(bench.keys()).toEqual(["agent"]);
  });

  test("is cleaned up at once when the task is forgotten on disk", () => {
    const bench = running();
    bench.message({ kind: "shutdown-framework", term: 1, frameworkId: "F" });
    bench.lines();
    ends(bench);
    expect(bench.lines()).toEqual(["cleanup t"]);
  });

  test("of an agent that leaves is cleaned up before the process stops", () => {
    const bench = running();
    bench.autoSync = false;
    bench.step({ kind: "unregister" });
    bench.lines();
    ends(bench);
    expect(bench.lines().filter((line) => !line.startsWith("write"))).toEqual([]);
    bench.sync();
    const [cleanup, ...rest] = bench.lines();
    expect(cleanup).toBe("cleanup t");
    expect(rest.at(-1)).toStartWith("stop");
  });
});

describe("a task whose container broke its limit", () => {
  const limitation = { resource: "memory", usedBytes: 64 * 1024 * 1024 + 1, message: "too much" } as const;
  const exit = { kind: "signaled", signal: 9, limitation } as const;

  test("fails with Mesos' reason and says which resource it was", () => {
    const bench = running();
    bench.step({ kind: "exited", containerId: "one", exit });
    expect(bench.lastStatus("t")).toMatchObject({
      state: "TASK_FAILED",
      source: "SOURCE_AGENT",
      reason: "REASON_CONTAINER_LIMITATION_MEMORY",
      message: "too much",
      limitation: { resources: [{ name: "mem", type: "SCALAR", scalar: { value: 64 } }] },
    });
  });

  test("of disk tells how much it may have", () => {
    const bench = running();
    const disk = { resource: "disk", usedBytes: 3 * 2 ** 20, limitBytes: 2 ** 20, message: "more" } as const;
    bench.step({ kind: "exited", containerId: "one", exit: { ...exit, limitation: disk } });
    expect(bench.lastStatus("t")).toMatchObject({
      state: "TASK_FAILED",
      source: "SOURCE_AGENT",
      reason: "REASON_CONTAINER_LIMITATION_DISK",
      message: "more",
      limitation: { resources: [{ name: "disk", type: "SCALAR", scalar: { value: 1 } }] },
    });
  });

  test("for what it had been lent is lost, or gone for those who tell that apart", () => {
    const load = { resource: "load", usedBytes: 0, message: "preempted" } as const;
    const statusOf = (framework?: Uint8Array) => {
      const bench = AgentBench.registered();
      bench.run("t", {}, framework);
      bench.launched("t");
      for (let at = 0; at < 2; at++) bench.acknowledge("t");
      const containerId = [...bench.core.state.containers.keys()][0] ?? "";
      bench.step({ kind: "exited", containerId, exit: { ...exit, limitation: load } });
      return bench.lastStatus("t");
    };
    const common = { source: "SOURCE_AGENT", reason: "REASON_CONTAINER_PREEMPTED", message: "preempted" };
    expect(statusOf()).toMatchObject({ state: "TASK_LOST", ...common });
    expect(statusOf(frameworkBlob("PARTITION_AWARE"))).toMatchObject({ state: "TASK_GONE", ...common });
  });

  test("of ports tells which", () => {
    const bench = running();
    const ports = {
      resource: "ports",
      usedBytes: 0,
      ports: [{ begin: 80, end: 81 }],
      message: "taken",
    } as const;
    bench.step({ kind: "exited", containerId: "one", exit: { ...exit, limitation: ports } });
    expect(bench.lastStatus("t")).toMatchObject({
      reason: "REASON_CONTAINER_LIMITATION",
      limitation: {
        resources: [{ name: "ports", type: "RANGES", ranges: { range: [{ begin: 80, end: 81 }] } }],
      },
    });
  });

  test("is TASK_KILLED all the same when that was asked for", () => {
    const bench = running();
    bench.kill("t", undefined, "one");
    bench.step({ kind: "exited", containerId: "one", exit });
    expect(bench.lastStatus("t")).toMatchObject({ state: "TASK_KILLED" });
  });
});
