import { describe, expect, test } from "bun:test";
import { NestedGate } from "../../src/agent/run-nested.ts";
import { holdsContainer, sandboxRuns } from "../../src/agent/sandbox-runs.ts";
import { present } from "../../src/base/assert.ts";
import type { ContainerState } from "../../src/isolation/runtime.ts";
import type { Resource } from "../../src/model/v1/resources.ts";
import type { CommandInfo } from "../../src/model/v1/tasks.ts";
import { MemoryDisk } from "../support/memory-checkpoint-store.ts";
import { AgentBench, type BenchOptions } from "./agent-bench.ts";

/** A command task `t` that runs; its container is `t-r1`. */
function running(options: BenchOptions = {}): AgentBench {
  const bench = AgentBench.registered(options);
  bench.running("t");
  return bench;
}

function launch(bench: AgentBench, containerId: string, command: CommandInfo = { value: "sleep 1" }): void {
  bench.step({ kind: "nested-launch", ref: 1, call: { containerId, command, container: undefined } });
}

function launched(bench: AgentBench, containerId: string): void {
  bench.step({ kind: "launched", containerId, launched: { pid: 43, startTime: "1" } });
}

function kill(bench: AgentBench, containerId: string, signal: number): void {
  bench.step({ kind: "nested-kill", ref: 2, containerId, signal });
}

function remove(bench: AgentBench, containerId: string): void {
  bench.step({ kind: "nested-remove", ref: 3, containerId });
}

function removed(bench: AgentBench, containerId: string, error?: string): void {
  bench.step({ kind: "nested-removed", containerId, error });
}

function exited(bench: AgentBench, containerId: string): void {
  bench.step({ kind: "exited", containerId, exit: { kind: "exited", code: 3 } });
}

function specOf(bench: AgentBench, containerId: string) {
  return present(bench.core.state.nested.get(containerId), "It is known").spec;
}

describe("a container inside another", () => {
  test("is written down, launched, told of, and removed when it has ended", () => {
    const bench = running();
    bench.autoSync = false;
    launch(bench, "t-r1.n");
    expect(bench.lines()).toEqual(["write nested/t-r1.n"]);
    bench.autoSync = true;
    bench.sync();
    expect(bench.lines()).toEqual(["launch t"]);
    launched(bench, "t-r1.n");
    expect(bench.lines()).toEqual(["nested answer 200"]);
    remove(bench, "t-r1.n");
    expect(bench.lines()).toEqual(["nested answer 500: Failed to remove container t-r1.n: it still runs"]);
    exited(bench, "t-r1.n");
    expect(bench.lines()).toEqual(["nested ended t: exited"]);
    remove(bench, "t-r1.n");
    const sandbox = "/var/lib/mesh/slaves/A/frameworks/F/executors/t/runs/t-r1/containers/n";
    expect(bench.lines()).toEqual([`remove t ${sandbox}`]);
    expect(bench.keys().filter((key) => key.startsWith("nested/"))).toEqual(["nested/t-r1.n"]);
    removed(bench, "t-r1.n");
    expect(bench.lines()).toEqual(["nested answer 200"]);
    expect(bench.keys().filter((key) => key.startsWith("nested/"))).toEqual([]);
    remove(bench, "t-r1.n");
    expect(bench.lines()).toEqual(["nested answer 404: Container t-r1.n cannot be found"]);
  });

  test("that is being removed is in the way of another of its id until nothing of it is left", () => {
    const bench = running();
    const answer = (status: number, text: string) => `nested answer ${status}: Failed to ${text}`;
    launch(bench, "t-r1.n");
    launched(bench, "t-r1.n");
    exited(bench, "t-r1.n");
    remove(bench, "t-r1.n");
    bench.lines();
    launch(bench, "t-r1.n");
    remove(bench, "t-r1.n");
    expect(bench.lines()).toEqual([
      answer(503, "launch container t-r1.n: the one of that id is being removed; ask again"),
    ]);
    removed(bench, "t-r1.n", "in use");
    expect(bench.lines()).toEqual(Array(2).fill(answer(500, "remove container t-r1.n: in use")));
    remove(bench, "t-r1.n");
    bench.lines();
    // Its parent's end takes it along.
    exited(bench, "t-r1");
    expect(bench.lines()).toContain("nested answer 200");
    removed(bench, "t-r1.n");
    expect(bench.keys().filter((key) => key.startsWith("nested/"))).toEqual([]);
  });

  test("has what its parent has, with a sandbox inside the parent's", () => {
    const bench = running();
    const variables = [{ name: "WORD", value: "mine" }];
    launch(bench, "t-r1.n", { value: "x", environment: { variables } });
    launched(bench, "t-r1.n");
    launch(bench, "t-r1.n.m");
    const parent = "/var/lib/mesh/slaves/A/frameworks/F/executors/t/runs/t-r1";
    const spec = specOf(bench, "t-r1.n");
    expect(spec.sandbox).toBe(`${parent}/containers/n`);
    expect(Object.fromEntries(spec.environment)).toMatchObject({
      MESOS_EXECUTOR_ID: "t",
      MESOS_SANDBOX: spec.sandbox,
      WORD: "mine",
    });
    expect(specOf(bench, "t-r1.n.m").sandbox).toBe(`${parent}/containers/n/containers/m`);
  });

  test("is launched once, and only inside one that runs", () => {
    const bench = running();
    launch(bench, "t-r1.n");
    bench.lines();
    launch(bench, "t-r1.n");
    expect(bench.lines()).toEqual(["nested answer 202"]);
    for (const id of ["other.n", "t-r1.n.m"]) {
      launch(bench, id);
      expect(bench.lines()).toEqual([
        `nested answer 400: Failed to launch container ${id}: its parent does not run`,
      ]);
    }
    const error = { step: "fetch", message: "no such file" } as const;
    bench.step({ kind: "launch-failed", containerId: "t-r1.n", error });
    expect(bench.lines()).toEqual(["nested answer 400: Failed to launch container t-r1.n: no such file"]);
    expect(bench.core.state.nested.size).toBe(0);
  });

  test("joins the namespaces of its parent that it asks for", () => {
    const bench = running();
    const linux_info = { share_pid_namespace: true, ipc_mode: "SHARE_PARENT" as const };
    const container = { type: "MESOS" as const, linux_info };
    const call = { containerId: "t-r1.n", command: { value: "true" }, container };
    bench.step({ kind: "nested-launch", ref: 1, call });
    expect(bench.core.state.nested.get("t-r1.n")?.spec).toMatchObject({
      isolation: { namespaces: ["mount", "uts"] },
      shared: { containerId: "t-r1", namespaces: ["pid", "ipc"] },
    });
  });

  test("is sent any signal, and ended by SIGKILL", () => {
    const bench = running();
    launch(bench, "t-r1.n");
    launched(bench, "t-r1.n");
    bench.lines();
    kill(bench, "t-r1.n", 15);
    expect(bench.lines()).toEqual(["SIGTERM t", "nested answer 200"]);
    kill(bench, "t-r1.n", 9);
    expect(bench.lines()).toEqual(["kill t", "nested answer 200"]);
    kill(bench, "t-r1.n", 1);
    expect(bench.lines()).toEqual(["1 t", "nested answer 200"]);
    for (const signal of [0, 65]) {
      kill(bench, "t-r1.n", signal);
      expect(bench.lines()).toEqual([
        `nested answer 400: Failed to kill container t-r1.n: signal ${signal} is none of 1 to 64`,
      ]);
    }
  });

  test("that cannot be killed is killed again, until it has ended", () => {
    const bench = running();
    launch(bench, "t-r1.n");
    launched(bench, "t-r1.n");
    for (const ended of [false, true]) {
      kill(bench, "t-r1.n", 9);
      bench.step({ kind: "kill-failed", containerId: "t-r1.n", message: "in use" });
      if (ended) exited(bench, "t-r1.n");
      bench.lines();
      bench.advance(5_000);
      expect(bench.lines()).toEqual(ended ? [] : ["kill t"]);
    }
    // Another of its name is none of it.
    remove(bench, "t-r1.n");
    removed(bench, "t-r1.n");
    launch(bench, "t-r1.n");
    launched(bench, "t-r1.n");
    bench.step({ kind: "kill-failed", containerId: "t-r1.n", message: "in use" });
    exited(bench, "t-r1.n");
    remove(bench, "t-r1.n");
    removed(bench, "t-r1.n");
    launch(bench, "t-r1.n");
    launched(bench, "t-r1.n");
    bench.lines();
    bench.advance(5_000);
    expect(bench.lines()).toEqual([]);
  });

  test("ends with its parent, however deep it is", () => {
    const bench = running();
    launch(bench, "t-r1.n");
    launched(bench, "t-r1.n");
    launch(bench, "t-r1.n.m");
    launched(bench, "t-r1.n.m");
    launch(bench, "t-r1.done");
    launched(bench, "t-r1.done");
    exited(bench, "t-r1.done");
    bench.lines();
    bench.step({ kind: "exited", containerId: "t-r1", exit: { kind: "exited", code: 0 } });
    const lines = bench.lines();
    expect(lines.filter((line) => line === "kill t")).toHaveLength(2);
    expect(bench.core.state.nested.size).toBe(0);
    expect([...bench.core.state.condemned].sort()).toEqual(["t-r1.n", "t-r1.n.m"]);
    exited(bench, "t-r1.n");
    exited(bench, "t-r1.n.m");
    expect(bench.core.state.condemned.size).toBe(0);
    expect(bench.keys().filter((key) => key.startsWith("nested/"))).toEqual([]);
  });

  test("inside one that has ended ends, and is known until one of the two is removed", async () => {
    const disk = new MemoryDisk();
    const before = running({ disk });
    for (const id of ["n", "n.m", "n.m.o", "n.done"]) {
      launch(before, `t-r1.${id}`);
      launched(before, `t-r1.${id}`);
    }
    exited(before, "t-r1.n.done");
    before.lines();
    exited(before, "t-r1.n");
    expect(before.lines()).toEqual(["nested ended t: exited", "kill t", "kill t"]);
    before.step({ kind: "exited", containerId: "t-r1.n.m", exit: { kind: "signaled", signal: 9 } });

    const states: Record<string, ContainerState> = {
      t: { state: "running", launched: { pid: 42, startTime: "1" } },
      "t-r1.n": { state: "ended", exit: { kind: "exited", code: 3 } },
      "t-r1.n.m": { state: "ended", exit: { kind: "signaled", signal: 9 } },
      "t-r1.n.m.o": { state: "running", launched: { pid: 45, startTime: "1" } },
      "t-r1.n.done": { state: "ended", exit: { kind: "exited", code: 3 } },
    };
    const later = new AgentBench({ disk, seed: 2 }).recover((id) => states[id] ?? { state: "gone" });
    expect(later.lines()).toContain("kill t-r1.n.m.o");
    for (const bench of [before, later]) {
      const drivers = { runtime: { cleanup: async () => {} }, removeSandbox: async () => {} };
      const gate = new NestedGate(bench.core.state, drivers, { offer: () => true, put() {} });
      const wait = (id: string) => gate.wait(id, new AbortController().signal);
      expect(await wait("t-r1.n")).toMatchObject({ value: { kind: "exited", code: 3 } });
      expect(await wait("t-r1.n.m")).toMatchObject({ value: { kind: "signaled", signal: 9 } });
      expect(await wait("t-r1.n.done")).toMatchObject({ value: { kind: "exited", code: 3 } });
      expect(bench.core.state.nested.get("t-r1.n.m.o")?.phase).toBe("running");
      exited(bench, "t-r1.n.m.o");
      remove(bench, "t-r1.n.m");
      removed(bench, "t-r1.n.m");
      expect(await wait("t-r1.n.m.o")).toMatchObject({ error: { status: 404 } });
      remove(bench, "t-r1.n");
      removed(bench, "t-r1.n");
      expect(bench.core.state.nested.size).toBe(0);
    }
    expect(before.keys().filter((key) => key.startsWith("nested/"))).toEqual([]);
  });

  test("outlives the agent with its parent; one that was not started is forgotten", () => {
    const disk = new MemoryDisk();
    const before = running({ disk });
    for (const id of ["t-r1.n", "t-r1.n.m", "t-r1.done"]) {
      launch(before, id);
      launched(before, id);
    }
    launch(before, "t-r1.late");
    const states: Record<string, ContainerState> = {
      t: { state: "running", launched: { pid: 42, startTime: "1" } },
      "t-r1.n": { state: "running", launched: { pid: 43, startTime: "1" } },
      "t-r1.n.m": { state: "running", launched: { pid: 44, startTime: "1" } },
      "t-r1.done": { state: "ended", exit: { kind: "exited", code: 3 } },
    };
    const restart = (): AgentBench =>
      new AgentBench({ disk, seed: 2 }).recover((id) => states[id] ?? { state: "never-started" });
    const bench = restart();
    expect(
      [...bench.core.state.nested.values()].map(({ containerId, phase }) => [containerId, phase]),
    ).toEqual([
      ["t-r1.n", "running"],
      ["t-r1.n.m", "running"],
      ["t-r1.done", "ended"],
    ]);
    expect(bench.lines()).toContain("remove-orphan t-r1.late");
    states["t"] = { state: "ended", exit: { kind: "exited", code: 0 } };
    const again = restart();
    expect(again.core.state.nested.size).toBe(0);
    expect(again.lines().filter((line) => line.startsWith("remove-orphan"))).toHaveLength(3);
  });

  test("or inside none has resources, sandbox and environment of its own, and outlives all tasks and the agent", async () => {
    const disk = new MemoryDisk();
    const bench = running({ disk });
    const scalar = (name: string, value: number): Resource => ({ name, type: "SCALAR", scalar: { value } });
    const launchAlone = (target: AgentBench, containerId: string, resources: readonly Resource[]): void => {
      const variables = [{ name: "WORD", value: "mine" }];
      const command = { value: "sleep 1", environment: { variables } };
      const limits = { mem: { value: Number.POSITIVE_INFINITY } };
      const call = { containerId, command, container: undefined, resources, limits };
      target.step({ kind: "nested-launch", ref: 1, call });
    };
    launchAlone(bench, "alone", [scalar("cpus", 0.5), scalar("mem", 64)]);
    launched(bench, "alone");
    expect(specOf(bench, "alone")).toMatchObject({
      sandbox: "/var/lib/mesh/containers/alone",
      environment: [
        ["PATH", expect.any(String)],
        ["MESOS_SANDBOX", "/var/lib/mesh/containers/alone"],
        ["WORD", "mine"],
      ],
      resources: { cpusMilli: 500, memBytes: 64 << 20, memLimitBytes: "unlimited" },
    });
    launchAlone(bench, "large", [scalar("disk", 5)]);
    const needs = new Map(sandboxRuns(bench.core.state).map((run) => [run.containerId, run.needs()]));
    expect([needs.get("alone")?.diskBytes, needs.get("large")?.diskBytes]).toEqual([0, 5 << 20]);
    launched(bench, "large");
    const limitation = {
      resource: "disk",
      usedBytes: 6 << 20,
      limitBytes: 5 << 20,
      message: "too much",
    } as const;
    bench.step({ kind: "exited", containerId: "large", exit: { kind: "signaled", signal: 9, limitation } });
    const drivers = { runtime: { cleanup: async () => {} }, removeSandbox: async () => {} };
    const gate = new NestedGate(bench.core.state, drivers, { offer: () => true, put() {} });
    expect(await gate.wait("large", new AbortController().signal)).toMatchObject({
      value: {
        signal: 9,
        limited: {
          state: "TASK_FAILED",
          reason: "REASON_CONTAINER_LIMITATION_DISK",
          message: "too much",
          limitation: { resources: [{ name: "disk", scalar: { value: 5 } }] },
        },
      },
    });
    bench.lines();
    launchAlone(bench, "alone", []);
    launchAlone(bench, "t-r1", []);
    launchAlone(bench, "other", [scalar("cpus", -1)]);
    const answers = bench.lines();
    expect(answers.slice(0, 2)).toEqual(["nested answer 202", "nested answer 202"]);
    expect(answers[2]).toContain("nested answer 400: Failed to launch container other:");
    exited(bench, "t-r1");
    expect(bench.core.state.nested.get("alone")?.phase).toBe("running");
    const later = new AgentBench({ disk, seed: 2 }).recover(() => ({
      state: "running",
      launched: { pid: 43, startTime: "1" },
    }));
    expect(later.core.state.nested.get("alone")?.phase).toBe("running");
    launch(later, "alone.n");
    expect(specOf(later, "alone.n").sandbox).toBe("/var/lib/mesh/containers/alone/containers/n");
    // Its sandbox is held until it ends, what is remembered of it longer.
    const held = (): unknown => [
      holdsContainer(later.core.state, "alone"),
      sandboxRuns(later.core.state).some(({ containerId }) => containerId === "alone"),
    ];
    launched(later, "alone.n");
    exited(later, "alone.n");
    expect(held()).toEqual([true, true]);
    exited(later, "alone");
    expect(held()).toEqual([false, false]);
    expect(later.core.state.nested.get("alone")?.phase).toBe("ended");
  });
});
