import { describe, expect, test } from "bun:test";
import {
  encodeAgentRecord,
  encodeFrameworkRecord,
  encodeStreamRecord,
  encodeTaskRecord,
  type StreamRecord,
} from "../../src/agent/records.ts";
import { planRecovery, type Recorded, readCheckpoint, recoveryAction } from "../../src/agent/recovery.ts";
import type { ContainerState } from "../../src/isolation/runtime.ts";
import type { TaskState } from "../../src/model/v1/tasks.ts";
import { AgentBench, frameworkBlob, taskBlob } from "./agent-bench.ts";

const RUNNING: ContainerState = { state: "running", launched: { pid: 42, startTime: "1" } };
const ENDED: ContainerState = { state: "ended", exit: { kind: "exited", code: 3 } };
const GONE: ContainerState = { state: "gone" };
const NEVER: ContainerState = { state: "never-started" };
const CONTAINERS = { running: RUNNING, ended: ENDED, gone: GONE, never: NEVER };

function stream(state: TaskState, over: Partial<StreamRecord> = {}): StreamRecord {
  return { state, ending: undefined, startedAtMs: undefined, pending: [], ...over };
}

describe("recoveryAction", () => {
  // Rows: recorded state; columns: container; each cell: same boot / other boot.
  const table: Record<string, Record<keyof typeof CONTAINERS, string>> = {
    TASK_STAGING: {
      running: "reattach/rebooted",
      ended: "ended/ended",
      gone: "gone/rebooted",
      never: "launch/rebooted",
    },
    TASK_STARTING: {
      running: "reattach/rebooted",
      ended: "ended/ended",
      gone: "gone/rebooted",
      never: "gone/rebooted",
    },
    TASK_RUNNING: {
      running: "reattach/rebooted",
      ended: "ended/ended",
      gone: "gone/rebooted",
      never: "gone/rebooted",
    },
    TASK_KILLING: {
      running: "reattach/rebooted",
      ended: "ended/ended",
      gone: "gone/rebooted",
      never: "gone/rebooted",
    },
    TASK_FINISHED: {
      running: "settle/settle",
      ended: "settle/settle",
      gone: "settle/settle",
      never: "settle/settle",
    },
    TASK_LOST: {
      running: "settle/settle",
      ended: "settle/settle",
      gone: "settle/settle",
      never: "settle/settle",
    },
  };
  for (const [state, row] of Object.entries(table)) {
    for (const [name, expected] of Object.entries(row)) {
      test(`${state}, container ${name}: ${expected}`, () => {
        const container = CONTAINERS[name as keyof typeof CONTAINERS];
        const record = stream(state as TaskState);
        const kinds = [true, false].map((sameBoot) => recoveryAction(record, container, sameBoot).kind);
        expect(kinds.join("/")).toBe(expected);
      });
    }
  }
});

describe("planRecovery", () => {
  const recorded = (state: TaskState): Recorded => ({
    agent: { agentId: "A", term: 1, bootId: "boot-1" },
    frameworks: new Map(),
    executors: [],
    nested: [],
    volumes: [],
    tasks: [
      {
        task: { frameworkId: "F", taskId: "t", containerId: "c", info: taskBlob("t"), runId: "r" },
        stream: stream(state),
      },
    ],
  });
  const plan = (state: TaskState, container: ContainerState, bootId = "boot-1") =>
    planRecovery(bootId, recorded(state), new Map([["c", container]]), ["x"]);

  test("ends orphans, and a container whose task is recorded as ended", () => {
    expect(plan("TASK_RUNNING", RUNNING).orphans).toEqual(["x"]);
    expect(plan("TASK_FAILED", RUNNING).orphans).toEqual(["x", "c"]);
  });

  test("after a reboot kills nothing by an old process id", () => {
    expect(plan("TASK_FAILED", RUNNING, "boot-2").orphans).toEqual(["x"]);
    expect(plan("TASK_FAILED", RUNNING, "boot-2").cleanups).toEqual(["c"]);
  });

  test("cleans up after settled tasks", () => {
    expect(plan("TASK_FINISHED", ENDED).cleanups).toEqual(["c"]);
    expect(plan("TASK_FINISHED", GONE).cleanups).toEqual(["c"]);
    expect(plan("TASK_FINISHED", NEVER).cleanups).toEqual([]);
    expect(plan("TASK_RUNNING", ENDED).cleanups).toEqual([]);
  });
});

describe("readCheckpoint", () => {
  const agent = {
    key: "agent",
    value: encodeAgentRecord({ agentId: undefined, term: 3, bootId: "boot-1" }),
  };
  const framework = { key: "framework/F", value: encodeFrameworkRecord(frameworkBlob()) };
  const record = { frameworkId: "F", taskId: "t", containerId: "c", info: taskBlob("t"), runId: "r" };
  const task = { key: "task/F/t/r", value: encodeTaskRecord(record) };
  const update = { uuid: new Uint8Array(16), state: "TASK_RUNNING", status: new Uint8Array([1]) } as const;
  const full = stream("TASK_RUNNING", { ending: "kill", startedAtMs: 12, pending: [update] });
  const streamEntry = { key: "stream/F/t/r", value: encodeStreamRecord(full) };

  test("gives back what was recorded", () => {
    const read = readCheckpoint([agent, framework, streamEntry, task]);
    expect(read).toEqual({
      ok: true,
      value: {
        agent: { agentId: undefined, term: 3, bootId: "boot-1" },
        frameworks: new Map([["F", frameworkBlob()]]),
        executors: [],
        nested: [],
        volumes: [],
        tasks: [{ task: record, stream: full }],
      },
    });
  });

  const otherTask = { key: "task/F/t/r2", value: encodeTaskRecord({ ...record, runId: "r2" }) };
  const otherStream = { ...streamEntry, key: "stream/F/t/r2" };
  const newer = { key: "agent", value: new Uint8Array([0x81, 0xa1, 0x76, 0x02]) };
  const bad: [string, { key: string; value: Uint8Array }[], string][] = [
    ["garbage", [{ key: "agent", value: new Uint8Array([0xc1]) }], 'record "agent": Cannot decode'],
    ["a newer version", [newer], 'record "agent": the record has version 2; this program reads up to 1'],
    [
      "a wrong field",
      [{ ...task, key: "stream/F/t/r" }],
      'record "stream/F/t/r": a field of the record is missing',
    ],
    ["an unknown key", [{ ...agent, key: "volume/x" }], 'record "volume/x": no record of this kind is known'],
    [
      "two runs of one task id",
      [framework, streamEntry, task, otherTask, otherStream],
      'record "task/F/t/r2": another run of the task is recorded too',
    ],
    ["a task without stream", [framework, task], 'record "task/F/t/r": its stream record is missing'],
    ["a task without framework", [streamEntry, task], 'record "task/F/t/r": its framework record is missing'],
  ];
  for (const [what, entries, text] of bad) {
    test(`refuses ${what}, naming the record`, () => {
      const read = readCheckpoint(entries);
      expect(read.ok ? "" : read.error).toStartWith(text);
    });
  }
});

describe("an agent that comes back", () => {
  function restarted(
    prepare: (bench: AgentBench) => void,
    container: ContainerState,
    options: { bootId?: string; orphans?: string[] } = {},
  ): AgentBench {
    const before = AgentBench.registered();
    prepare(before);
    const config = options.bootId === undefined ? {} : { bootId: options.bootId };
    const bench = new AgentBench({ disk: before.disk, config, seed: 2 });
    bench.recover(() => container, options.orphans);
    bench.register();
    return bench;
  }
  const running = (bench: AgentBench): void => bench.running("t");

  test("takes up a running task as if nothing had been", () => {
    const bench = restarted(running, RUNNING);
    expect(bench.lines()).toEqual([
      "find-leader",
      "connect 10.0.0.1:5060",
      "send register-agent A t:TASK_RUNNING",
    ]);
    expect(bench.core.state.usage.used("cpus")).toBe(500);
    bench.exited("t");
    expect(bench.lines()).toEqual(["send t TASK_FINISHED", "cleanup t"]);
  });

  test("sends what was made and not acknowledged, in order, and nothing twice", () => {
    const bench = restarted((before) => {
      before.run("t");
      before.launched("t");
      before.acknowledge("t");
    }, RUNNING);
    expect(bench.lines().slice(-1)).toEqual(["send t TASK_RUNNING"]);
    bench.acknowledge("t");
    expect(bench.lines()).toEqual([]);
  });

  test("reports an end with its recorded status", () => {
    const bench = restarted(running, ENDED);
    expect(bench.lines()).toContain("cleanup t");
    expect(bench.lastStatus("t").message).toBe("Command exited with status 3");
  });

  test("reports an end without a record as failed, and why", () => {
    const bench = restarted(running, GONE);
    const status = bench.lastStatus("t");
    expect([status.state, status.reason]).toEqual(["TASK_FAILED", "REASON_EXECUTOR_TERMINATED"]);
    expect(status.message).toBe("Command ended and left no exit status: it ended while the agent was away");
  });

  test("reports a task that was being killed as killed", () => {
    const bench = restarted((before) => {
      before.running("t");
      before.kill("t");
    }, ENDED);
    expect(bench.lastStatus("t").state).toBe("TASK_KILLED");
  });

  test("goes on killing", () => {
    const bench = restarted((before) => {
      before.running("t");
      before.kill("t");
    }, RUNNING);
    expect(bench.lines()).toContain("SIGTERM t");
    bench.advance(3_000);
    expect(bench.lines()).toEqual(["kill t"]);
  });

  test("launches what was asked for and never started", () => {
    const bench = restarted((before) => before.run("t"), NEVER);
    expect(bench.lines()[0]).toBe("launch t");
    bench.launched("t");
    expect(bench.lines().at(-1)).toBe("send t TASK_STARTING (latest TASK_RUNNING)");
  });

  test("announces a task whose start was not recorded any more", () => {
    const bench = restarted((before) => before.run("t"), ENDED);
    expect(bench.lines().at(-1)).toBe("send t TASK_STARTING (latest TASK_FAILED)");
    bench.acknowledge("t");
    bench.acknowledge("t");
    expect(bench.lines()).toEqual(["send t TASK_RUNNING (latest TASK_FAILED)", "send t TASK_FAILED"]);
  });

  test("resends a terminal update and forgets the task once it is acknowledged", () => {
    const bench = restarted((before) => {
      before.running("t");
      before.exited("t");
    }, NEVER);
    expect(bench.lines().at(-1)).toBe("send t TASK_FINISHED");
    bench.acknowledge("t");
    expect(bench.keys()).toEqual(["agent"]);
  });

  test("ends containers that nobody owns", () => {
    const bench = restarted(running, RUNNING, { orphans: ["stray"] });
    expect(bench.lines()).toContain("remove-orphan stray");
  });

  test("tries again to end one of them that it cannot end", () => {
    const bench = restarted(running, RUNNING, { orphans: ["stray"] });
    bench.lines();
    bench.step({ kind: "orphan-left", containerId: "stray", message: "in use" });
    expect(bench.warnings).toContain("Cannot end an orphaned container; trying again");
    bench.advance(4_999);
    expect(bench.lines()).not.toContain("remove-orphan stray");
    bench.advance(1);
    expect(bench.lines()).toContain("remove-orphan stray");
  });

  for (const [aware, asked, state] of [
    [true, "running", "TASK_GONE"],
    // It may have been started: the record of that came too late.
    [true, "staging", "TASK_GONE"],
    [false, "running", "TASK_LOST"],
    [false, "staging", "TASK_LOST"],
  ] as const) {
    test(`after a reboot a ${asked} task is ${state} ${aware ? "with" : "without"} PARTITION_AWARE`, () => {
      const framework = aware ? frameworkBlob("PARTITION_AWARE") : frameworkBlob();
      const bench = restarted(
        (before) =>
          asked === "running" ? before.running("t", {}, framework) : before.run("t", {}, framework),
        asked === "running" ? GONE : NEVER,
        { bootId: "boot-2" },
      );
      const status = bench.lastStatus("t");
      expect([status.state, status.reason]).toEqual([state, "REASON_AGENT_RESTARTED"]);
      bench.acknowledge("t");
      const third = new AgentBench({ disk: bench.disk, config: { bootId: "boot-2" } }).recover();
      expect(third.core.state.tasks.size).toBe(0);
    });
  }

  test("with other resources registers with them and keeps its tasks", () => {
    const before = AgentBench.registered();
    before.running("t");
    const info = { hostname: "node1", port: 5051, resources: [] };
    const bench = new AgentBench({ disk: before.disk, config: { info } }).recover(() => RUNNING);
    bench.register();
    expect(bench.lines()).toContain("send register-agent A t:TASK_RUNNING");
    bench.run("next");
    expect(bench.lastStatus("next").message).toContain("it asks for 0.5 cpus; of 0 in all, 0 are free");
  });
});
