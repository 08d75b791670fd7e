import { describe, expect, test } from "bun:test";
import { Agent } from "../../src/agent/run.ts";
import type { AgentDrivers, AgentLink, LinkEvents } from "../../src/agent/run-drivers.ts";
import { assert } from "../../src/base/assert.ts";
import { silentLog } from "../../src/base/log.ts";
import { Random } from "../../src/base/random.ts";
import { fail, ok, type Result } from "../../src/base/result.ts";
import type { AgentToMaster, MasterToAgent, StatusUpdate } from "../../src/model/agent-protocol.ts";
import type { TaskInfo } from "../../src/model/v1/tasks.ts";
import { MemoryDisk } from "../support/memory-checkpoint-store.ts";
import { MemoryMachine, MemoryRuntime, type MemoryRuntimeOptions } from "../support/memory-runtime.ts";
import { CONFIG, firstRun, frameworkBlob, LEADER, taskBlob } from "./agent-bench.ts";

/** A master that registers every agent as A and acknowledges every update. */
class FakeMaster {
  readonly updates: StatusUpdate[] = [];
  registrations = 0;
  refuseLinks = 0;
  acknowledging = true;
  #events: LinkEvents | undefined;
  #waiting: { readonly holds: () => boolean; readonly resolve: () => void }[] = [];

  open(events: LinkEvents): Promise<Result<AgentLink>> {
    if (this.refuseLinks > 0) {
      this.refuseLinks--;
      return Promise.resolve(fail("connection refused"));
    }
    this.#events = events;
    const link = { send: (message: AgentToMaster) => this.#take(events, message), close: () => {} };
    return Promise.resolve(ok(link));
  }

  #take(events: LinkEvents, message: AgentToMaster): void {
    if (message.kind === "register-agent") {
      this.registrations++;
      const masterId = "m1";
      events.onMessage({ kind: "agent-registered", term: 1, agentId: "A", masterId, pingTimeoutMs: 75_000 });
    }
    if (message.kind === "status-update") {
      this.updates.push(message);
      const { frameworkId, taskId, uuid, runId } = message;
      if (this.acknowledging) {
        events.onMessage({ kind: "acknowledge-update", term: 1, frameworkId, taskId, uuid, runId });
      }
    }
    for (const { holds, resolve } of this.#waiting) if (holds()) resolve();
  }

  say(message: MasterToAgent): void {
    assert(this.#events !== undefined, "No agent is linked");
    this.#events.onMessage(message);
  }

  run(taskId: string, script: string): void {
    const info: Partial<TaskInfo> = { command: { value: script }, resources: [] };
    const message = { kind: "run-task", term: 1, frameworkId: "F", taskId, runId: firstRun(taskId) } as const;
    this.say({ ...message, framework: frameworkBlob(), task: taskBlob(taskId, info) });
  }

  cut(): void {
    this.#events?.onClose("cut");
  }

  /** States heard of a task, repetitions included. */
  states(taskId: string): string[] {
    return this.updates.filter((update) => update.taskId === taskId).map((update) => update.state);
  }

  /** Resolves when the condition holds after some message of the agent. */
  until(holds: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      if (holds()) resolve();
      else this.#waiting.push({ holds, resolve });
    });
  }
}

class Bench {
  readonly master = new FakeMaster();
  readonly machine = new MemoryMachine();
  readonly disk = new MemoryDisk();
  readonly links: string[] = [];
  maxLaunches = 4;
  launching = 0;
  /** Of the agent's clock. */
  aheadMs = 0;
  mostLaunching = 0;
  /** Happens after an earlier process's containers were found, before the rest of the recovery. */
  whileRecovering: () => Promise<void> = async () => {};

  async start(runtimeOptions: MemoryRuntimeOptions = {}): Promise<Agent> {
    const runtime = new MemoryRuntime(this.machine, runtimeOptions);
    const launch = runtime.launch.bind(runtime);
    runtime.launch = async (spec) => {
      this.mostLaunching = Math.max(this.mostLaunching, ++this.launching);
      const launched = await launch(spec);
      this.launching--;
      return launched;
    };
    const recover = runtime.recover.bind(runtime);
    runtime.recover = async (ids) => {
      const states = await recover(ids);
      await this.whileRecovering();
      return states;
    };
    const drivers: AgentDrivers = {
      now: () => ({ monotonicMs: performance.now() + this.aheadMs, wallMs: Date.now() }),
      runtime,
      store: this.disk.open(),
      findLeader: () => Promise.resolve(ok(LEADER)),
      openLink: (_, events) => this.master.open(events),
      removeSandbox: async () => {},
      removeVolume: async () => undefined,
      followOutput: () => ({ next: async () => undefined, close() {} }),
      linkLatest: async (link, sandbox) => {
        this.links.push(`${link} -> ${sandbox}`);
      },
    };
    const options = { config: CONFIG, flags: { port: "5051" }, maxLaunches: this.maxLaunches };
    const agent = new Agent(options, drivers, new Random(7), silentLog);
    await agent.start();
    return agent;
  }

  async registered(options?: MemoryRuntimeOptions): Promise<Agent> {
    const agent = await this.start(options);
    const before = this.master.registrations;
    await this.master.until(() => this.master.registrations > before);
    await settle(() => agent.masterHostname() !== undefined);
    return agent;
  }
}

/** Waits for a condition that needs only turns of the event loop. */
async function settle(holds: () => boolean): Promise<void> {
  for (let turn = 0; turn < 10_000 && !holds(); turn++) await new Promise((resolve) => setImmediate(resolve));
  expect(holds()).toBe(true);
}

describe("the agent's pump", () => {
  test("a task that ends while the rest of the recovery goes on is told of", async () => {
    const bench = new Bench();
    const before = await bench.registered();
    bench.master.run("t", "sleep 5; exit 0");
    await bench.master.until(() => bench.master.states("t").includes("TASK_RUNNING"));
    await before.close();
    bench.whileRecovering = async () => {
      bench.machine.advanceTo(10_000);
      for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    };
    const after = await bench.registered();
    await bench.master.until(() => bench.master.states("t").includes("TASK_FINISHED"));
    await after.close();
  });

  test("an orphan that it cannot end it tries to end again", async () => {
    const bench = new Bench();
    const resources = { cpusMilli: 0, memBytes: 0, diskBytes: 0 };
    const isolation = { cgroup: false, namespaces: [] };
    const command = { kind: "shell", script: "sleep 100" } as const;
    const names = { sandbox: "/s", stdoutName: "stdout", stderrName: "stderr" };
    const spec = { ...names, containerId: "stray", command, environment: [], uris: [], isolation, resources };
    await new MemoryRuntime(bench.machine, {}).launch(spec);
    let tries = 0;
    const agent = await bench.registered({ failKill: () => (++tries === 1 ? "in use" : undefined) });
    await settle(() => tries === 1);
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    bench.aheadMs = 10_000;
    bench.master.say({ kind: "ping", term: 1, nonce: 1 });
    await settle(() => tries === 2);
    await settle(() => !bench.machine.rows.has("stray"));
    await agent.close();
  });

  test("registers, runs a task to its end and shows it", async () => {
    const bench = new Bench();
    const agent = await bench.registered();
    expect(agent.agentId()).toBe("A");
    expect(agent.masterHostname()).toBe("master1");
    bench.master.run("t", "sleep 5; exit 3");
    await bench.master.until(() => bench.master.states("t").length === 2);
    const live = agent.framework("F")?.executors[0];
    expect(live?.tasks.map((task) => task.state)).toEqual(["TASK_RUNNING"]);
    expect(live?.directory).toStartWith("/var/lib/mesh/slaves/A/frameworks/F/executors/t/runs/");
    expect(bench.links).toEqual([
      `/var/lib/mesh/slaves/A/frameworks/F/executors/t/runs/latest -> ${live?.directory}`,
    ]);
    expect(agent.metrics()["slave/tasks_running"]).toBe(1);
    bench.machine.advanceTo(5_000);
    await bench.master.until(() => bench.master.states("t").length === 3);
    expect(bench.master.states("t")).toEqual(["TASK_STARTING", "TASK_RUNNING", "TASK_FAILED"]);
    await settle(() => agent.framework("F")?.completed === true);
    const done = agent.framework("F")?.executors[0];
    expect([done?.completed, done?.completedTasks[0]?.statuses.length]).toEqual([true, 3]);
    expect(agent.metrics()["slave/tasks_failed"]).toBe(1);
    await settle(() => bench.machine.rows.size === 0);
    await agent.close();
  });

  test("keeps launches within the bound, and loses none", async () => {
    const bench = new Bench();
    const agent = await bench.registered();
    for (let i = 0; i < 500; i++) bench.master.run(`t${i}`, "true");
    await bench.master.until(() => bench.master.updates.length === 1_000);
    expect(bench.mostLaunching).toBeWithin(1, 5);
    expect(bench.machine.starts.size).toBe(500);
    bench.machine.advanceTo(1);
    await bench.master.until(() => bench.master.updates.length === 1_500);
    const ended = bench.master.updates.filter((update) => update.state === "TASK_FINISHED");
    expect(new Set(ended.map((update) => update.taskId)).size).toBe(500);
    await agent.close();
  });

  test("cancels a launch that waits for its turn", async () => {
    const bench = new Bench();
    bench.maxLaunches = 1;
    let release: () => void = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const agent = await bench.registered({ fetch: () => held.then(() => ok(undefined)) });
    const blocker = taskBlob("blocker", { command: { value: "true", uris: [{ value: "/x" }] } });
    const framework = frameworkBlob();
    bench.master.say({
      kind: "run-task",
      term: 1,
      frameworkId: "F",
      taskId: "blocker",
      framework,
      task: blocker,
      runId: firstRun("blocker"),
    });
    bench.master.run("waiting", "true");
    await settle(() => bench.launching === 1);
    bench.master.say({
      kind: "kill-task",
      term: 1,
      frameworkId: "F",
      taskId: "waiting",
      gracePeriodMs: undefined,
      runId: firstRun("waiting"),
    });
    await bench.master.until(() => bench.master.states("waiting").length === 1);
    expect(bench.master.states("waiting")).toEqual(["TASK_KILLED"]);
    release();
    await bench.master.until(() => bench.master.states("blocker").length === 2);
    expect(bench.machine.starts.size).toBe(1);
    await agent.close();
  });

  test("a new process takes up the tasks of the last one", async () => {
    const bench = new Bench();
    const first = await bench.registered();
    for (let i = 0; i < 20; i++) bench.master.run(`t${i}`, `sleep ${i < 10 ? 1 : 100}`);
    await bench.master.until(() => bench.master.updates.length === 40);
    await first.close();
    bench.machine.advanceTo(2_000);
    const second = await bench.registered();
    // Acknowledgements that the first process had not written yet are asked for again before these.
    const ended = () => bench.master.updates.filter((update) => update.state === "TASK_FINISHED");
    await bench.master.until(() => ended().length === 10);
    const ids = ended().map((update) => update.taskId);
    expect(ids.sort()).toEqual(Array.from({ length: 10 }, (_, i) => `t${i}`));
    expect(second.metrics()["slave/tasks_running"]).toBe(10);
    expect([...bench.machine.starts.values()].every((count) => count === 1)).toBe(true);
    await second.close();
  });

  test("tries again when links are refused or cut, and sends what is owed", async () => {
    const bench = new Bench();
    bench.master.refuseLinks = 2;
    const agent = await bench.registered();
    bench.master.acknowledging = false;
    bench.master.run("t", "sleep 9");
    await bench.master.until(() => bench.master.updates.length === 1);
    bench.master.cut();
    await bench.master.until(() => bench.master.updates.length === 2);
    expect(bench.master.states("t")).toEqual(["TASK_STARTING", "TASK_STARTING"]);
    expect(bench.master.registrations).toBe(2);
    await agent.close();
  });

  test("ends with the reason when the disk fails; tasks run on", async () => {
    const bench = new Bench();
    const agent = await bench.registered();
    bench.master.run("t", "sleep 9");
    await bench.master.until(() => bench.master.states("t").length === 2);
    bench.disk.failure = "no space left on device";
    bench.master.run("next", "true");
    const end = await agent.ended;
    expect(end).toEqual({ failed: true, reason: "Cannot write the memory disk: no space left on device" });
    expect(bench.machine.starts.size).toBe(1);
    expect(bench.machine.nextEndMs()).toBe(9_000);
    await agent.close();
  });

  test("ends its tasks and itself when it is refused", async () => {
    const bench = new Bench();
    const agent = await bench.registered();
    bench.master.run("t", "sleep 9");
    await bench.master.until(() => bench.master.states("t").length === 2);
    bench.master.say({ kind: "agent-refused", term: 1, reason: "marked gone" });
    const end = await agent.ended;
    expect(end.failed).toBe(true);
    expect(end.reason).toContain("marked gone");
    expect(bench.machine.nextEndMs()).toBeUndefined();
    await agent.close();
  });

  test("refuses a checkpoint it cannot read, naming the record", async () => {
    const bench = new Bench();
    bench.disk.apply([{ key: "agent", value: new Uint8Array([0xc1]) }]);
    const message = await bench.start().then(
      () => "started",
      (error: Error) => error.message,
    );
    expect(message).toContain('Cannot read the checkpoint in "/var/lib/mesh/meta": record "agent"');
    expect(message).toContain('delete "/var/lib/mesh/meta"');
  });
});
