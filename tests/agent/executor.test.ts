import { describe, expect, test } from "bun:test";
import type { ExecutorClaims } from "../../src/agent/port.ts";
import { findFrameworkView } from "../../src/agent/views.ts";
import { EXECUTOR_HEARTBEAT_MS, EXECUTOR_UPDATES_MAX } from "../../src/base/limits.ts";
import type { ContainerSpec } from "../../src/isolation/container.ts";
import type { ContainerState } from "../../src/isolation/runtime.ts";
import type { ContainerInfo } from "../../src/model/v1/containers.ts";
import type { ExecutorCall } from "../../src/model/v1/executor.ts";
import type { ExecutorInfo, TaskInfo, TaskState, TaskStatus } from "../../src/model/v1/tasks.ts";
import { MemoryDisk } from "../support/memory-checkpoint-store.ts";
import { AgentBench, type BenchOptions, frameworkBlob, taskBlob } from "./agent-bench.ts";

const cpus = (value: number) => ({ name: "cpus", type: "SCALAR" as const, scalar: { value } });
const mem = (value: number) => ({ name: "mem", type: "SCALAR" as const, scalar: { value } });

function executor(more: Partial<ExecutorInfo> = {}): ExecutorInfo {
  const command = { value: "my-executor", environment: { variables: [{ name: "COLOUR", value: "red" }] } };
  return { type: "CUSTOM", executor_id: { value: "e" }, command, resources: [cpus(0.1), mem(32)], ...more };
}

/** A task of the executor `e`. */
function underExecutor(more: Partial<TaskInfo> = {}, by = executor()): Partial<TaskInfo> {
  return { command: undefined, executor: by, ...more } as Partial<TaskInfo>;
}

const IDS = { framework_id: { value: "F" }, executor_id: { value: "e" } };

/** What the agent launches for a task. */
function launchedBy(bench: AgentBench, task: Partial<TaskInfo>): ContainerSpec {
  bench.autoSync = false;
  bench.run("a", task);
  const specs: ContainerSpec[] = [];
  const { step } = bench.core;
  bench.core.step = (input, now) => {
    const effects = step.call(bench.core, input, now);
    for (const effect of effects) if (effect.kind === "launch") specs.push(effect.spec);
    return effects;
  };
  bench.autoSync = true;
  bench.sync();
  const [spec] = specs;
  if (spec === undefined) throw new Error("Nothing was launched");
  return spec;
}

class ExecutorBench {
  readonly bench: AgentBench;
  #lastId = 0;

  constructor(bench: AgentBench) {
    this.bench = bench;
  }

  /** Returns the stream's id. */
  subscribe(subscribe: NonNullable<ExecutorCall["subscribe"]> = {}): number {
    const streamId = ++this.#lastId;
    this.bench.step({
      kind: "executor-subscribe",
      streamId,
      call: { ...IDS, type: "SUBSCRIBE", subscribe },
    });
    return streamId;
  }

  closeStream(streamId: number): void {
    this.bench.step({ kind: "executor-stream-closed", streamId });
  }

  update(taskId: string, state: TaskState, number = 1, more: Partial<TaskStatus> = {}): void {
    const update = { status: statusOf(taskId, state, number, more) };
    this.bench.step({ kind: "executor-call", ref: ++this.#lastId, call: { ...IDS, type: "UPDATE", update } });
  }

  say(text: string): void {
    const message = { data: new TextEncoder().encode(text) };
    this.bench.step({
      kind: "executor-call",
      ref: ++this.#lastId,
      call: { ...IDS, type: "MESSAGE", message },
    });
  }
}

function statusOf(
  taskId: string,
  state: TaskState,
  number: number,
  more: Partial<TaskStatus> = {},
): TaskStatus {
  const uuid = new Uint8Array(16).fill(number);
  return { task_id: { value: taskId }, state, source: "SOURCE_EXECUTOR", uuid, ...more };
}

/** The executor `e` with the task `t`, both running; t's update is acknowledged. */
function running(options: BenchOptions = {}): { bench: AgentBench; e: ExecutorBench; streamId: number } {
  const bench = AgentBench.registered(options);
  const e = new ExecutorBench(bench);
  bench.run("t", underExecutor(), frameworkBlob("PARTITION_AWARE"));
  bench.launched("e");
  const streamId = e.subscribe();
  e.update("t", "TASK_RUNNING");
  bench.acknowledge("t");
  bench.lines();
  return { bench, e, streamId };
}

describe("a custom executor", () => {
  test("that ends while its agent registers: the master hears of it, its report named it", () => {
    const { bench } = running();
    bench.step({ kind: "link-closed", linkId: bench.linkId, reason: "reset" });
    bench.report();
    expect(bench.lines()).toContain("send register-agent A t:TASK_RUNNING executor=e");
    bench.exited("e", { kind: "exited", code: 3 });
    expect(bench.lines()).not.toContain("send executor e exited, status 768");
    bench.confirm();
    expect(bench.lines()).toContain("send executor e exited, status 768");
    bench.step({ kind: "link-closed", linkId: bench.linkId, reason: "reset" });
    bench.register();
    expect(bench.lines()).not.toContain("send executor e exited, status 768");
  });

  test("that is given up with the agent's old id: the master, which took the report, hears of it", () => {
    const { bench } = running();
    bench.step({ kind: "link-closed", linkId: bench.linkId, reason: "reset" });
    bench.report();
    bench.lines();
    bench.confirm("B");
    expect(bench.lines()).toContain("send executor e exited, status -1");
  });

  test("is launched once for its tasks, which it gets when it subscribes", () => {
    const bench = AgentBench.registered();
    const e = new ExecutorBench(bench);
    bench.run("a", underExecutor());
    bench.run("b", underExecutor());
    expect(bench.lines()).toEqual(["launch e"]);
    bench.launched("e");
    expect(bench.lines()).toEqual([]);
    e.subscribe();
    expect(bench.lines()).toEqual([
      "to executor: SUBSCRIBED",
      "to executor: LAUNCH a",
      "to executor: LAUNCH b",
    ]);
    bench.run("c", underExecutor());
    expect(bench.lines()).toEqual(["to executor: LAUNCH c"]);
  });

  test("is given a token for this very run, where the agent has a key", () => {
    const signer = { executorToken: ({ fid, eid, cid }: ExecutorClaims) => `${fid} ${eid} ${cid}` };
    const launched = launchedBy(AgentBench.registered({ config: signer }), underExecutor());
    const { containerId, environment } = launched;
    expect(new Map(environment).get("MESOS_EXECUTOR_AUTHENTICATION_TOKEN")).toBe(`F e ${containerId}`);
  });

  test("has the environment of Mesos, its command's variables, and resources of its own and its tasks", () => {
    const task = underExecutor(
      { resources: [cpus(0.5), mem(100)] },
      executor({ shutdown_grace_period: { nanoseconds: 9e9 } }),
    );
    const bench = AgentBench.registered();
    const spec = launchedBy(bench, task);
    const environment = Object.fromEntries(spec.environment);
    expect(environment).toMatchObject({
      MESOS_FRAMEWORK_ID: "F",
      MESOS_EXECUTOR_ID: "e",
      MESOS_SLAVE_ID: "A",
      MESOS_AGENT_ENDPOINT: "10.0.0.9:5051",
      MESOS_DIRECTORY: spec.sandbox,
      MESOS_SANDBOX: spec.sandbox,
      MESOS_CHECKPOINT: "1",
      MESOS_RECOVERY_TIMEOUT: "15mins",
      MESOS_SUBSCRIPTION_BACKOFF_MAX: "2secs",
      MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD: "9secs",
      LIBPROCESS_PORT: "0",
      COLOUR: "red",
    });
    expect(spec.sandbox).toBe(`/var/lib/mesh/slaves/A/frameworks/F/executors/e/runs/${spec.containerId}`);
    expect(spec.resources).toEqual({ cpusMilli: 600, memBytes: 132 * 1024 * 1024, diskBytes: 0 });
    expect(bench.core.state.usage.used("cpus")).toBe(600);
  });

  test("has more with each task that comes, and less with each that ends", () => {
    const { bench, e } = running();
    bench.run("u", underExecutor());
    expect(bench.cpusOf.get("e")).toBe(1_100);
    e.update("t", "TASK_FINISHED", 2);
    expect(bench.cpusOf.get("e")).toBe(600);
  });

  test("nothing is launched or sent before it is on disk", () => {
    const bench = AgentBench.registered();
    const e = new ExecutorBench(bench);
    bench.autoSync = false;
    bench.run("a", underExecutor());
    expect(bench.lines()).toEqual(["write framework/F task/F/a/a-r1 executor/F/e stream/F/a/a-r1"]);
    bench.sync();
    expect(bench.lines()).toEqual(["launch e"]);
    bench.launched("e");
    e.subscribe();
    expect(bench.lines()).toEqual(["write executor/F/e"]);
    bench.sync();
    expect(bench.lines()).toEqual(["to executor: SUBSCRIBED", "to executor: LAUNCH a"]);
    e.update("a", "TASK_RUNNING");
    expect(bench.lines()).toEqual(["write stream/F/a/a-r1", "answer 202"]);
    bench.sync();
    expect(bench.lines()).toEqual(["send a TASK_RUNNING", "to executor: ACKNOWLEDGED a"]);
  });

  test("has the networks that its container names, and its tasks' statuses tell them", () => {
    const bench = AgentBench.registered();
    const e = new ExecutorBench(bench);
    const container: ContainerInfo = { type: "MESOS", network_infos: [{ name: "web" }] };
    bench.run("t", underExecutor({}, executor({ container })));
    const networks = [{ name: "web", ip_addresses: [{ ip_address: "10.1.0.5" }] }];
    const containerId = bench.containerOf("e");
    bench.step({ kind: "launched", containerId, launched: { pid: 42, startTime: "1", networks } });
    e.subscribe();
    e.update("t", "TASK_RUNNING");
    expect(bench.lastStatus("t").container_status?.network_infos).toEqual(networks);
  });

  test("its updates reach the framework complete, under the uuid it drew", () => {
    const { bench, e } = running();
    e.update("t", "TASK_RUNNING", 7, { message: "half way", healthy: true, data: new Uint8Array([1]) });
    expect(bench.lastStatus("t")).toMatchObject({
      state: "TASK_RUNNING",
      source: "SOURCE_EXECUTOR",
      message: "half way",
      healthy: true,
      data: new Uint8Array([1]),
      uuid: new Uint8Array(16).fill(7),
      agent_id: { value: "A" },
      executor_id: { value: "e" },
      container_status: { container_id: { value: bench.containerOf("e") }, executor_pid: 42 },
    });
    expect(bench.lastStatus("t").timestamp).toBeGreaterThan(0);
  });

  test("an update sent twice is told once; one of a task that ended is acknowledged and dropped", () => {
    const { bench, e } = running();
    e.update("t", "TASK_RUNNING");
    expect(bench.lines()).toEqual(["to executor: ACKNOWLEDGED t", "answer 202"]);
    e.update("t", "TASK_FINISHED", 2);
    expect(bench.lines()).toEqual(["answer 202", "send t TASK_FINISHED", "to executor: ACKNOWLEDGED t"]);
    e.update("t", "TASK_RUNNING", 3);
    e.update("unknown", "TASK_RUNNING", 4);
    expect(bench.lines()).toEqual([
      "to executor: ACKNOWLEDGED t",
      "answer 202",
      "to executor: ACKNOWLEDGED unknown",
      "answer 202",
    ]);
  });

  test("gets 503 for updates that its framework does not acknowledge; the end is always taken", () => {
    const { bench, e } = running();
    for (let number = 2; number < EXECUTOR_UPDATES_MAX + 2; number++) {
      const uuid = new Uint8Array(16).fill(1);
      uuid.set([number & 255, number >> 8]);
      e.update("t", "TASK_RUNNING", 0, { uuid });
    }
    bench.lines();
    e.update("t", "TASK_RUNNING", 200);
    expect(bench.lines()[0]).toStartWith("answer 503");
    e.update("t", "TASK_FINISHED", 201);
    expect(bench.lines()[0]).toBe("answer 202");
  });

  test("lives on without tasks, and takes the next one without a launch", () => {
    const { bench, e } = running();
    e.update("t", "TASK_FINISHED", 2);
    bench.acknowledge("t");
    expect(bench.keys()).toEqual(["agent", "executor/F/e", "framework/F"]);
    bench.lines();
    bench.run("next", underExecutor());
    expect(bench.lines()).toEqual(["to executor: LAUNCH next"]);
  });

  test("ends: its tasks fail, the cluster hears of both, nothing is left", () => {
    const { bench } = running();
    bench.run("u", underExecutor(), frameworkBlob("PARTITION_AWARE"));
    bench.lines();
    bench.exited("e", { kind: "exited", code: 3 });
    expect(bench.lines()).toEqual([
      "close stream 1: The executor has ended",
      "send executor e exited, status 768",
      "send t TASK_FAILED",
      "send u TASK_FAILED",
      "cleanup e",
    ]);
    expect(bench.lastStatus("u")).toMatchObject({
      source: "SOURCE_AGENT",
      reason: "REASON_EXECUTOR_TERMINATED",
      message: "Executor exited with status 3",
    });
    bench.acknowledge("t");
    bench.acknowledge("u");
    expect(bench.keys()).toEqual(["agent"]);
    expect(bench.core.state.usage.used("cpus")).toBe(0);
  });

  test("that cannot be launched fails its tasks", () => {
    const bench = AgentBench.registered();
    bench.run("t", underExecutor());
    const error = { step: "fetch", message: "no such file" } as const;
    bench.step({ kind: "launch-failed", containerId: bench.containerOf("e"), error });
    expect(bench.lines()).toEqual(["launch e", "send executor e exited, status -1", "send t TASK_FAILED"]);
    expect(bench.lastStatus("t").reason).toBe("REASON_CONTAINER_LAUNCH_FAILED");
  });

  test("that does not subscribe in time is killed with its tasks", () => {
    const bench = AgentBench.registered();
    bench.run("t", underExecutor());
    bench.launched("e");
    bench.lines();
    bench.advance(59_000);
    expect(bench.lines()).toEqual([]);
    bench.advance(2_000);
    expect(bench.lines()).toEqual(["kill e"]);
    bench.exited("e", { kind: "signaled", signal: 9 });
    expect(bench.lastStatus("t")).toMatchObject({
      state: "TASK_FAILED",
      reason: "REASON_EXECUTOR_REGISTRATION_TIMEOUT",
    });
  });

  test("a task sent to one that has ended, or is about to, is dropped", () => {
    const bench = AgentBench.registered();
    const { term } = bench;
    const framework = frameworkBlob("PARTITION_AWARE");
    const task = taskBlob("t", underExecutor());
    const run = {
      kind: "run-task",
      term,
      frameworkId: "F",
      taskId: "t",
      framework,
      task,
      runId: "r",
    } as const;
    bench.message({ ...run, launchExecutor: false });
    expect(bench.lines()).toEqual(["send t TASK_DROPPED"]);
    expect(bench.lastStatus("t").reason).toBe("REASON_EXECUTOR_TERMINATED");
    bench.acknowledge("t");
    expect(bench.keys()).toEqual(["agent"]);
  });

  test("is refused when it does not fit beside its first task", () => {
    const bench = AgentBench.registered();
    bench.run("t", underExecutor({ resources: [cpus(3.95)] }));
    expect(bench.lines()).toEqual(["send t TASK_LOST"]);
    expect(bench.lastStatus("t").message).toBe(
      "The agent cannot run the task: it asks for 4.05 cpus; of 4 in all, 4 are free",
    );
    expect(bench.core.state.executors.size).toBe(0);
  });

  test("hears a heartbeat while it is subscribed", () => {
    const { bench, e, streamId } = running();
    bench.advance(2 * EXECUTOR_HEARTBEAT_MS + 1);
    expect(bench.lines().filter((line) => line.includes("HEARTBEAT"))).toHaveLength(2);
    e.closeStream(streamId);
    bench.advance(2 * EXECUTOR_HEARTBEAT_MS);
    expect(bench.lines().filter((line) => line.includes("HEARTBEAT"))).toHaveLength(0);
  });

  test("is shown with its tasks, and among the completed ones afterwards", () => {
    const { bench, e } = running();
    const find = () => findFrameworkView(bench.core.state, "F");
    expect(find()?.executors).toMatchObject([
      { executorId: "e", completed: false, info: { type: "CUSTOM" }, tasks: [{ taskId: "t" }] },
    ]);
    e.update("t", "TASK_FINISHED", 2);
    bench.acknowledge("t");
    expect(find()?.executors).toMatchObject([
      { completed: false, tasks: [], completedTasks: [{ taskId: "t" }] },
    ]);
    bench.exited("e");
    expect(find()).toMatchObject({
      completed: true,
      executors: [{ executorId: "e", completed: true, resources: [], completedTasks: [{ taskId: "t" }] }],
    });
  });
});

describe("messages", () => {
  test("go both ways, while there is somebody to hear them", () => {
    const { bench, e, streamId } = running();
    const hello = {
      kind: "framework-message",
      term: bench.term,
      frameworkId: "F",
      executorId: "e",
      data: new TextEncoder().encode("hello"),
    } as const;
    bench.message(hello);
    e.say("good day");
    expect(bench.lines()).toEqual([
      "to executor: MESSAGE hello",
      "send message of e: good day",
      "answer 202",
    ]);
    e.closeStream(streamId);
    bench.message(hello);
    expect(bench.lines()).toEqual([]);
  });
});

describe("killing a task of an executor", () => {
  test("is the executor's business, under the policy given", () => {
    const { bench, e } = running();
    bench.kill("t", 1_500);
    expect(bench.lines()).toEqual(["to executor: KILL t within 1500 ms"]);
    e.update("t", "TASK_KILLED", 2);
    expect(bench.lines()).toContain("send t TASK_KILLED");
  });

  test("before it was sent ends it here; an executor left without work is ended", () => {
    const bench = AgentBench.registered();
    bench.run("a", underExecutor());
    bench.run("b", underExecutor());
    bench.launched("e");
    bench.lines();
    bench.kill("a");
    expect(bench.lines()).toEqual(["send a TASK_KILLED"]);
    bench.kill("b");
    expect(bench.lines()).toEqual(["kill e", "send b TASK_KILLED"]);
  });

  test("is said again to an executor that lost its stream meanwhile", () => {
    const { bench, e, streamId } = running();
    e.closeStream(streamId);
    bench.kill("t", 90_000);
    expect(bench.lines()).toEqual([]);
    e.subscribe();
    expect(bench.lines()).toEqual(["to executor: SUBSCRIBED", "to executor: KILL t within 90000 ms"]);
    bench.exited("e");
    expect(bench.lastStatus("t").state).toBe("TASK_KILLED");
  });

  test("is said again with the shortest grace period that was asked for", () => {
    const { bench, e, streamId } = running();
    e.closeStream(streamId);
    for (const graceMs of [90_000, 2_000, undefined, 60_000]) bench.kill("t", graceMs);
    e.subscribe();
    expect(bench.lines().at(-1)).toBe("to executor: KILL t within 2000 ms");
  });
});

describe("SHUTDOWN", () => {
  function shutdown(bench: AgentBench): void {
    bench.message({ kind: "shutdown-executor", term: bench.term, frameworkId: "F", executorId: "e" });
  }

  test("gives the executor its grace period, then kills it", () => {
    const { bench } = running();
    shutdown(bench);
    expect(bench.lines()).toEqual(["to executor: SHUTDOWN"]);
    bench.run("late", underExecutor());
    expect(bench.lastStatus("late").reason).toBe("REASON_EXECUTOR_TERMINATED");
    bench.lines();
    bench.advance(4_999);
    expect(bench.lines()).toEqual([]);
    bench.advance(1);
    expect(bench.lines()).toEqual(["kill e"]);
  });

  test("of one that never subscribed kills it at once; one that comes late is told and cut off", () => {
    const bench = AgentBench.registered();
    const e = new ExecutorBench(bench);
    bench.run("t", underExecutor());
    bench.launched("e");
    bench.lines();
    shutdown(bench);
    expect(bench.lines()).toEqual(["kill e"]);
    e.subscribe();
    expect(bench.lines()).toEqual(["to executor: SHUTDOWN", "close stream 1: The executor is to end"]);
  });

  test("comes with the end of the framework, of which nothing is left on disk", () => {
    const { bench } = running();
    bench.message({ kind: "shutdown-framework", term: bench.term, frameworkId: "F" });
    expect(bench.lines()).toEqual(["to executor: SHUTDOWN", "close stream 1: The executor has ended"]);
    expect(bench.keys()).toEqual(["agent"]);
    bench.advance(5_000);
    expect(bench.lines()).toEqual(["kill e"]);
    bench.exited("e");
    expect(bench.lines()).toEqual(["cleanup e"]);
  });
});

describe("an agent restart", () => {
  const RUNNING: ContainerState = { state: "running", launched: { pid: 42, startTime: "1" } };

  function restarted(disk: MemoryDisk, found: ContainerState): { bench: AgentBench; e: ExecutorBench } {
    const bench = new AgentBench({ disk, seed: 2 }).recover(() => found);
    bench.register();
    return { bench, e: new ExecutorBench(bench) };
  }

  test("finds the executor running: it comes back with what was not acknowledged", () => {
    const disk = new MemoryDisk();
    running({ disk });
    const { bench, e } = restarted(disk, RUNNING);
    expect(bench.lines()).toEqual([
      "find-leader",
      "connect 10.0.0.1:5060",
      "send register-agent A t:TASK_RUNNING executor=e",
    ]);
    const finished = statusOf("t", "TASK_FINISHED", 2);
    const updates = [{ status: statusOf("t", "TASK_RUNNING", 1) }, { status: finished }];
    e.subscribe({ unacknowledged_updates: updates });
    expect(bench.lines()).toEqual([
      "to executor: SUBSCRIBED",
      "to executor: ACKNOWLEDGED t",
      "send t TASK_FINISHED",
      "to executor: ACKNOWLEDGED t",
    ]);
    expect(bench.core.state.usage.used("cpus")).toBe(100);
  });

  test("drops a task that never reached the executor, and keeps one that did", () => {
    const disk = new MemoryDisk();
    const before = running({ disk });
    before.bench.run("lost", underExecutor());
    before.bench.run("there", underExecutor());
    const { bench, e } = restarted(disk, RUNNING);
    bench.lines();
    e.subscribe({
      unacknowledged_tasks: [{ name: "there", task_id: { value: "there" }, agent_id: { value: "A" } }],
    });
    expect(bench.lines()).toEqual(["to executor: SUBSCRIBED", "send lost TASK_LOST"]);
    expect(bench.lastStatus("lost").reason).toBe("REASON_AGENT_RESTARTED");
    expect(bench.core.state.tasks.get("F/there")?.phase).toBe("running");
  });

  test("before the executor ever subscribed: its tasks still wait for it", () => {
    const disk = new MemoryDisk();
    const before = AgentBench.registered({ disk });
    before.run("t", underExecutor());
    before.launched("e");
    const { bench, e } = restarted(disk, RUNNING);
    bench.lines();
    e.subscribe();
    expect(bench.lines()).toEqual(["to executor: SUBSCRIBED", "to executor: LAUNCH t"]);
  });

  test("before the launch: it is launched now", () => {
    const disk = new MemoryDisk();
    AgentBench.registered({ disk }).run("t", underExecutor());
    const { bench } = restarted(disk, { state: "never-started" });
    expect(bench.lines()).toContain("launch e");
  });

  test("ends an executor that does not come back in time", () => {
    const disk = new MemoryDisk();
    running({ disk });
    const { bench } = restarted(disk, RUNNING);
    bench.lines();
    bench.advance(15_000);
    expect(bench.lines()).toEqual(["kill e"]);
    bench.exited("e", { kind: "signaled", signal: 9 });
    expect(bench.lastStatus("t")).toMatchObject({
      state: "TASK_GONE",
      reason: "REASON_EXECUTOR_REREGISTRATION_TIMEOUT",
    });
  });

  test("finds the executor ended: so are its tasks", () => {
    const disk = new MemoryDisk();
    running({ disk });
    const { bench } = restarted(disk, { state: "ended", exit: { kind: "signaled", signal: 15 } });
    expect(bench.lines()).toContain("send t TASK_FAILED");
    expect(bench.lastStatus("t")).toMatchObject({
      reason: "REASON_EXECUTOR_TERMINATED",
      message: "Executor terminated with signal 15",
    });
    bench.acknowledge("t");
    expect(bench.keys()).toEqual(["agent"]);
  });

  test("of the machine: the tasks are gone with it", () => {
    const disk = new MemoryDisk();
    running({ disk });
    const bench = new AgentBench({ disk, seed: 2, config: { bootId: "boot-2" } }).recover(() => ({
      state: "gone",
    }));
    bench.register();
    expect(bench.lastStatus("t")).toMatchObject({ state: "TASK_GONE", reason: "REASON_AGENT_RESTARTED" });
  });
});
