import { describe, expect, test } from "bun:test";
import { agentMetrics } from "../../src/agent/metrics.ts";
import { findFrameworkView } from "../../src/agent/views.ts";
import { present } from "../../src/base/assert.ts";
import type { ContainerSpec } from "../../src/isolation/container.ts";
import type { ContainerState } from "../../src/isolation/runtime.ts";
import type { ContainerInfo } from "../../src/model/v1/containers.ts";
import type { ExecutorInfo, TaskInfo } from "../../src/model/v1/tasks.ts";
import { MemoryDisk } from "../support/memory-checkpoint-store.ts";
import { AgentBench, type BenchOptions } from "./agent-bench.ts";

const cpus = (value: number) => ({ name: "cpus", type: "SCALAR" as const, scalar: { value } });
const mem = (value: number) => ({ name: "mem", type: "SCALAR" as const, scalar: { value } });
const MB = 1024 * 1024;

const EXECUTOR: ExecutorInfo = {
  type: "DEFAULT",
  executor_id: { value: "e" },
  resources: [cpus(0.1), mem(32)],
};

function member(more: Partial<TaskInfo> = {}): Partial<TaskInfo> {
  return { executor: EXECUTOR, resources: [cpus(1), mem(64)], ...more };
}

/** Tasks `a` and `b` of one group, both running; their updates are acknowledged. */
function running(options: BenchOptions = {}, more: Partial<TaskInfo> = {}): AgentBench {
  const bench = AgentBench.registered(options);
  bench.runGroup(["a", "b"], member(more));
  for (const id of ["a", "b"]) bench.launched(id);
  for (const id of ["a", "b", "a", "b"]) bench.acknowledge(id);
  bench.lines();
  return bench;
}

function specsOf(bench: AgentBench, act: () => void): ContainerSpec[] {
  const specs: ContainerSpec[] = [];
  const { step } = bench.core;
  bench.core.step = (input, now) => {
    const effects = step.call(bench.core, input, now);
    for (const effect of effects) if (effect.kind === "launch") specs.push(effect.spec);
    return effects;
  };
  act();
  bench.core.step = step;
  return specs;
}

function podOf(bench: AgentBench): string {
  return present([...bench.core.state.pods.keys()][0], "There is a pod");
}

const found: ContainerState = { state: "running", launched: { pid: 42, startTime: "1" } };

describe("a pod", () => {
  test("has one network for its tasks, but for those that name their own", () => {
    const container: ContainerInfo = { type: "MESOS", hostname: "web-1", network_infos: [{ name: "web" }] };
    const executor: ExecutorInfo = { ...EXECUTOR, container };
    const bench = AgentBench.registered();
    const specs = specsOf(bench, () => bench.runGroup(["a", "b"], member({ executor })));
    const shared = { networks: [{ name: "web" }], hostname: "web-1", owner: podOf(bench) };
    expect(specs.map(({ network }) => network)).toEqual([shared, shared]);
    const names = specs[0]?.environment.map(([name]) => name);
    expect(names).not.toContain("MESOS_CONTAINER_IP");

    const other = AgentBench.registered();
    const own: ContainerInfo = { type: "MESOS", network_infos: [{ name: "own" }] };
    const [spec] = specsOf(other, () => other.runGroup(["a"], member({ executor, container: own })));
    expect(spec?.network?.networks).toEqual([{ name: "own" }]);
    expect(spec?.network?.owner).toBe(spec?.containerId ?? "");
  });

  test("runs each task in a container of its own; TASK_RUNNING comes when all are started", () => {
    const bench = AgentBench.registered();
    bench.runGroup(["a", "b"], member());
    expect(bench.lines()).toEqual(["launch a", "launch b"]);
    bench.launched("a");
    expect(bench.lines()).toEqual(["send a TASK_STARTING"]);
    bench.launched("b");
    bench.acknowledge("a");
    bench.acknowledge("b");
    expect(bench.lines()).toEqual([
      "send b TASK_STARTING (latest TASK_RUNNING)",
      "send a TASK_RUNNING",
      "send b TASK_RUNNING",
    ]);
    expect(bench.lastStatus("b")).toMatchObject({
      source: "SOURCE_EXECUTOR",
      executor_id: { value: "e" },
      container_status: { container_id: { value: "b-r1", parent: { value: podOf(bench) } } },
    });
  });

  test("has its sandbox, links to those of its tasks, and what they use together", () => {
    const bench = AgentBench.registered();
    const [a, b] = specsOf(bench, () => bench.runGroup(["a", "b"], member()));
    const pod = podOf(bench);
    const runs = "/var/lib/mesh/slaves/A/frameworks/F/executors/e/runs";
    expect(a).toMatchObject({
      containerId: `${pod}.a-r1`,
      sandbox: `${runs}/${pod}/containers/a-r1`,
      resources: { cpusMilli: 1_000, memBytes: 64 * MB },
      pod: {
        containerId: pod,
        sandbox: `${runs}/${pod}`,
        linkName: "a",
        resources: { cpusMilli: 2_100, memBytes: 160 * MB },
        ownLimits: false,
      },
    });
    expect(b?.pod?.containerId).toBe(pod);
    const environment = Object.fromEntries(a?.environment ?? []);
    expect(environment).toMatchObject({
      MESOS_EXECUTOR_ID: "e",
      MESOS_SANDBOX: `${runs}/${pod}/containers/a-r1`,
      MESOS_CONTAINER_IP: "10.0.0.9",
    });
  });

  test("with share_cgroups=false holds each task to its limits, and all to their sum", () => {
    const bench = AgentBench.registered();
    const container: ContainerInfo = { type: "MESOS", linux_info: { share_cgroups: false } };
    const limited = (id: string) =>
      member({ container, ...(id === "a" ? { limits: { mem: { value: 100 } } } : {}) });
    const [a] = specsOf(bench, () => bench.runGroup(["a", "b"], limited));
    expect(a?.resources.memLimitBytes).toBe(100 * MB);
    expect(a?.pod).toMatchObject({
      ownLimits: true,
      resources: { memBytes: 160 * MB, memLimitBytes: (32 + 100 + 64) * MB, cpusLimitMilli: "unlimited" },
    });
  });

  test("has namespaces for those of its tasks that ask for them, as its executor's container says", () => {
    const bench = AgentBench.registered();
    const executor: ExecutorInfo = {
      ...EXECUTOR,
      container: { type: "MESOS", linux_info: { ipc_mode: "PRIVATE", shm_size: 2 } },
    };
    const asking: ContainerInfo = {
      type: "MESOS",
      linux_info: { share_pid_namespace: true, ipc_mode: "SHARE_PARENT" },
    };
    const specs = specsOf(bench, () =>
      bench.runGroup(["a", "b"], (id) => member({ executor, ...(id === "a" ? { container: asking } : {}) })),
    );
    const [a, b] = specs;
    expect(a).toMatchObject({
      isolation: { namespaces: ["mount", "uts"] },
      shared: { containerId: podOf(bench), namespaces: ["pid", "ipc"], ownShm: true },
      pod: { holder: { namespaces: ["pid", "ipc"], shmOptions: expect.stringContaining("size=2097152") } },
    });
    // Who asks for nothing has its own, and nobody holds anything for it.
    expect(b?.isolation.namespaces).toEqual(["pid", "mount", "ipc", "uts"]);
    expect(b).not.toHaveProperty("shared");
    expect(b?.pod).not.toHaveProperty("holder");
  });

  test("shares directories of its sandbox with its tasks; what leads out of it is refused, and no task starts", () => {
    const bench = AgentBench.registered();
    const shared = (path: string, target = "data"): ContainerInfo => ({
      type: "MESOS",
      volumes: [
        {
          mode: "RW",
          container_path: target,
          source: { type: "SANDBOX_PATH", sandbox_path: { type: "PARENT", path } },
        },
      ],
    });
    const [a] = specsOf(bench, () => bench.runGroup(["a"], member({ container: shared("common/x") })));
    expect(a?.mounts).toEqual([
      {
        kind: "bind",
        source: "common/x",
        sourceBase: a?.pod?.sandbox ?? "",
        target: "data",
        readOnly: false,
      },
    ]);
    bench.lines();
    const bad = { ...member({ container: shared("../../x"), resources: [cpus(0.1)] }) };
    bench.runGroup(["c", "d"], (id) => (id === "d" ? bad : member({ resources: [cpus(0.1)] })));
    expect(bench.lastStatus("d")).toMatchObject({
      state: "TASK_FAILED",
      reason: "REASON_CONTAINER_LAUNCH_FAILED",
      message: expect.stringContaining('the sandbox path "../../x"'),
    });
    expect(bench.lines()).toContain("kill c");
  });

  test("ends with its last task: its resources are free, its cgroup goes, the cluster hears of it", () => {
    const bench = running();
    expect(bench.core.state.usage.used("cpus")).toBe(2_100);
    bench.exited("a");
    expect(bench.lines()).toEqual(["send a TASK_FINISHED", "cleanup a"]);
    expect(bench.core.state.usage.used("cpus")).toBe(1_100);
    const pod = podOf(bench);
    bench.exited("b");
    const lines = bench.lines();
    expect(lines).toContain("send executor e exited, status 0");
    expect(lines).toContain(`cleanup ${pod}`);
    expect(bench.core.state.usage.used("cpus")).toBe(0);
    expect(bench.core.state.usage.used("mem")).toBe(0);
  });

  test("takes more groups while it lives; the failure of one leaves the other alone", () => {
    const bench = running();
    const pod = podOf(bench);
    const [c] = specsOf(bench, () => bench.runGroup(["c"], member()));
    expect(c?.containerId).toBe(`${pod}.c-r1`);
    expect(c?.pod?.resources.cpusMilli).toBe(3_100);
    bench.launched("c");
    bench.exited("a", { kind: "exited", code: 1 });
    expect(bench.lines()).toContain("SIGTERM b");
    expect(bench.core.state.tasks.get("F/c")?.ending).toBeUndefined();
  });

  test("has what all of its tasks need, also if a launch took longer than the next group's", () => {
    const bench = AgentBench.registered();
    bench.runGroup(["a"], member());
    bench.runGroup(["b"], member());
    bench.launched("b");
    bench.cpusOf.clear();
    bench.launched("a");
    expect([...bench.cpusOf.values()]).toEqual([2_100]);
  });

  test("is too large for the agent: none of its tasks starts, and nothing is held", () => {
    const bench = AgentBench.registered();
    bench.runGroup(["a", "b", "c", "d"], member());
    for (const id of ["a", "b", "c", "d"]) {
      expect(bench.lastStatus(id)).toMatchObject({
        state: "TASK_DROPPED",
        reason: "REASON_RESOURCES_UNKNOWN",
      });
    }
    expect(bench.core.state.pods.size).toBe(0);
    expect(bench.core.state.usage.used("cpus")).toBe(0);
  });

  test("is shown as one executor with its tasks, and among the completed ones afterwards", () => {
    const bench = running();
    expect(agentMetrics(bench.core.state, 0)).toMatchObject({
      "slave/executors_running": 1,
      "slave/tasks_running": 2,
    });
    const view = () => present(findFrameworkView(bench.core.state, "F"), "The framework is known").executors;
    expect(view()).toMatchObject([
      {
        executorId: "e",
        containerId: podOf(bench),
        completed: false,
        tasks: [{ taskId: "a" }, { taskId: "b" }],
      },
    ]);
    for (const id of ["a", "b"]) bench.exited(id);
    expect(view()).toMatchObject([
      { executorId: "e", completed: true, completedTasks: [{ taskId: "a" }, { taskId: "b" }] },
    ]);
  });
});

describe("the end of a pod's task", () => {
  test("by failure ends the others of its group, as a kill by their own policies", () => {
    const bench = running({}, { kill_policy: { grace_period: { nanoseconds: 7e9 } } });
    bench.exited("a", { kind: "exited", code: 3 });
    expect(bench.lastStatus("a")).toMatchObject({
      state: "TASK_FAILED",
      message: "Command exited with status 3",
    });
    expect(bench.lines()).toContain("SIGTERM b");
    bench.advance(6_900);
    expect(bench.lines()).toEqual([]);
    bench.advance(200);
    expect(bench.lines()).toEqual(["kill b"]);
    bench.exited("b", { kind: "signaled", signal: 9 });
    expect(bench.lastStatus("b")).toMatchObject({
      state: "TASK_KILLED",
      source: "SOURCE_EXECUTOR",
      message: "Command terminated with signal Killed",
    });
  });

  test("by KILL ends the others too; a good end does not", () => {
    const bench = running();
    bench.kill("a");
    expect(bench.lines()).toEqual(["SIGTERM a"]);
    bench.exited("a", { kind: "signaled", signal: 15 });
    expect(bench.lines()).toContain("SIGTERM b");
    const other = running();
    other.exited("a");
    expect(other.lines()).not.toContain("SIGTERM b");
  });

  test("before the launch ends the whole group before the launch", () => {
    const bench = AgentBench.registered();
    bench.autoSync = false;
    bench.runGroup(["a", "b"], member());
    bench.kill("b");
    bench.autoSync = true;
    bench.sync();
    for (const id of ["a", "b"]) {
      expect(bench.lastStatus(id)).toMatchObject({
        state: "TASK_KILLED",
        reason: "REASON_TASK_KILLED_DURING_LAUNCH",
      });
    }
    expect(bench.lines().filter((line) => line.startsWith("launch"))).toEqual([]);
    expect(bench.core.state.pods.size).toBe(0);
  });

  test("that could not be launched ends those that were", () => {
    const bench = AgentBench.registered();
    bench.runGroup(["a", "b"], member());
    bench.launched("a");
    bench.lines();
    const error = { step: "fetch", message: "no such file" } as const;
    bench.step({ kind: "launch-failed", containerId: bench.containerOf("b"), error });
    expect(bench.lastStatus("b")).toMatchObject({
      state: "TASK_FAILED",
      reason: "REASON_CONTAINER_LAUNCH_FAILED",
    });
    expect(bench.lines()).toContain("SIGTERM a");
    bench.exited("a", { kind: "signaled", signal: 15 });
    bench.acknowledge("a");
    expect(bench.lastStatus("a")).toMatchObject({ state: "TASK_KILLED" });
  });

  test("by itself before the others are started: it did run", () => {
    const bench = AgentBench.registered();
    bench.runGroup(["a", "b"], member());
    bench.launched("a");
    bench.exited("a");
    bench.acknowledge("a");
    bench.acknowledge("a");
    bench.launched("b");
    bench.acknowledge("b");
    expect(bench.lines().filter((line) => line.startsWith("send"))).toEqual([
      "send a TASK_STARTING",
      "send a TASK_RUNNING (latest TASK_FINISHED)",
      "send a TASK_FINISHED",
      "send b TASK_STARTING (latest TASK_RUNNING)",
      "send b TASK_RUNNING",
    ]);
  });

  test("at the pod's memory limit is that of all: each tells so itself", () => {
    const bench = running();
    const limitation = { resource: "memory", usedBytes: 160 * MB, message: "Memory limit exceeded" } as const;
    const exit = { kind: "signaled", signal: 9, limitation } as const;
    bench.exited("a", exit);
    expect(bench.lines()).toContain("kill b");
    bench.exited("b", exit);
    for (const id of ["a", "b"]) {
      expect(bench.lastStatus(id)).toMatchObject({
        state: "TASK_FAILED",
        reason: "REASON_CONTAINER_LIMITATION_MEMORY",
      });
    }
  });

  test("a task's health check ends it, and with it the group", () => {
    const bench = AgentBench.registered();
    const health_check = {
      type: "TCP" as const,
      tcp: { port: 80 },
      delay_seconds: 0,
      grace_period_seconds: 0,
      consecutive_failures: 1,
    };
    bench.runGroup(["a", "b"], (id) => member(id === "a" ? { health_check } : {}));
    bench.launched("a");
    expect(bench.checks).toEqual([]);
    bench.launched("b");
    bench.advance(1);
    bench.checked("a", { kind: "connected", connected: false });
    expect(bench.lines()).toContain("SIGTERM a");
    bench.exited("a", { kind: "signaled", signal: 15 });
    expect(bench.lines()).toContain("SIGTERM b");
  });
});

describe("a pod's executor", () => {
  const shutdown = (bench: AgentBench) =>
    bench.message({ kind: "shutdown-executor", term: bench.term, frameworkId: "F", executorId: "e" });

  test("that is shut down ends its tasks, and takes no more", () => {
    const bench = running();
    shutdown(bench);
    expect(bench.lines()).toEqual(["SIGTERM a", "SIGTERM b"]);
    bench.runGroup(["c"], member({ resources: [cpus(0.1)] }));
    expect(bench.lastStatus("c")).toMatchObject({ reason: "REASON_EXECUTOR_TERMINATED" });
    for (const id of ["a", "b"]) bench.exited(id, { kind: "signaled", signal: 15 });
    expect(bench.lastStatus("b").state).toBe("TASK_KILLED");
    expect(bench.core.state.pods.size).toBe(0);
  });

  test("of a framework that is gone is forgotten; its cgroup goes when its containers have ended", () => {
    const bench = running();
    const pod = podOf(bench);
    bench.message({ kind: "shutdown-framework", term: bench.term, frameworkId: "F" });
    expect(bench.lines().filter((line) => line !== "send executor e exited, status 0")).toEqual([
      "SIGTERM a",
      "SIGTERM b",
    ]);
    expect(bench.core.state.usage.used("cpus")).toBe(0);
    expect(bench.keys().filter((key) => key !== "agent")).toEqual([]);
    bench.exited("a", { kind: "signaled", signal: 15 });
    expect(bench.lines()).toEqual(["cleanup a"]);
    bench.exited("b", { kind: "signaled", signal: 15 });
    expect(bench.lines()).toContain(`cleanup ${pod}`);
  });
});

describe("after a restart of the agent", () => {
  function restarted(disk: MemoryDisk, states: Record<string, ContainerState>): AgentBench {
    return new AgentBench({ disk, seed: 2 }).recover(
      (taskId) => states[taskId] ?? { state: "never-started" },
    );
  }

  test("a pod that runs is the same pod", () => {
    const disk = new MemoryDisk();
    const before = running({ disk });
    const bench = restarted(disk, { a: found, b: found });
    expect([...bench.core.state.pods.keys()]).toEqual([podOf(before)]);
    expect(bench.core.state.usage.used("cpus")).toBe(2_100);
    bench.register();
    bench.lines();
    bench.step({ kind: "exited", containerId: before.containerOf("a"), exit: { kind: "exited", code: 1 } });
    expect(bench.lines()).toContain("SIGTERM b");
  });

  test("a task that failed meanwhile ends the others", () => {
    const disk = new MemoryDisk();
    running({ disk });
    const bench = restarted(disk, { a: { state: "ended", exit: { kind: "exited", code: 1 } }, b: found });
    expect(bench.lines()).toContain("SIGTERM b");
    expect(bench.core.state.tasks.get("F/a")?.stream.state).toBe("TASK_FAILED");
  });

  test("a group in the middle of its launch is completed, and only then runs", () => {
    const disk = new MemoryDisk();
    const before = AgentBench.registered({ disk });
    before.runGroup(["a", "b"], member());
    before.launched("a");
    const bench = restarted(disk, { a: found });
    expect(bench.lines()).toContain("launch b");
    expect(bench.core.state.tasks.get("F/a")?.stream.state).toBe("TASK_STARTING");
    bench.launched("b");
    expect([...bench.core.state.tasks.values()].map(({ stream }) => stream.state)).toEqual([
      "TASK_RUNNING",
      "TASK_RUNNING",
    ]);
  });

  test("a group none of which was started is started", () => {
    const disk = new MemoryDisk();
    const before = AgentBench.registered({ disk });
    before.runGroup(["a", "b"], member());
    const bench = restarted(disk, {});
    expect(bench.lines().filter((line) => line.startsWith("launch"))).toEqual(["launch a", "launch b"]);
  });

  test("a task that starts only now leaves the pod what those have that run", () => {
    const disk = new MemoryDisk();
    const before = running({ disk });
    before.runGroup(["0", "1"], member({ resources: [cpus(0.1), mem(64)] }));
    const bench = new AgentBench({ disk, seed: 2 });
    const specs = specsOf(bench, () => {
      bench.recover((taskId) => (taskId < "a" ? { state: "never-started" } : found));
    });
    const memBytes = (32 + 4 * 64) * MB;
    expect(specs.map(({ pod }) => pod?.resources.memBytes)).toEqual([memBytes, memBytes]);
  });

  test("one whose group ended meanwhile is not started", () => {
    const disk = new MemoryDisk();
    const before = AgentBench.registered({ disk });
    before.runGroup(["a", "b"], member());
    before.launched("b");
    const bench = restarted(disk, { b: { state: "ended", exit: { kind: "exited", code: 1 } } });
    expect(bench.lines().filter((line) => line.startsWith("launch"))).toEqual([]);
    expect([...bench.core.state.tasks.values()].map(({ stream }) => stream.state)).toEqual([
      "TASK_KILLED",
      "TASK_FAILED",
    ]);
    expect(bench.core.state.usage.used("cpus")).toBe(0);
  });

  test("a kill of the group that was under way goes on", () => {
    const disk = new MemoryDisk();
    const before = running({ disk });
    before.exited("a", { kind: "exited", code: 1 });
    before.acknowledge("a");
    const bench = restarted(disk, { b: found });
    expect(bench.lines()).toContain("SIGTERM b");
  });

  test("all of it ended: the pod ends with its tasks", () => {
    const disk = new MemoryDisk();
    running({ disk });
    const bench = restarted(disk, { a: { state: "gone" }, b: { state: "gone" } });
    expect(bench.core.state.pods.size).toBe(0);
    expect(bench.core.state.usage.used("cpus")).toBe(0);
    expect([...bench.core.state.tasks.values()].map(({ stream }) => stream.state)).toEqual([
      "TASK_FAILED",
      "TASK_FAILED",
    ]);
  });
});
