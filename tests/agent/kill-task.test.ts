import { describe, expect, test } from "bun:test";
import { nanosFromMs } from "../../src/base/time.ts";
import { AgentBench, frameworkBlob } from "./agent-bench.ts";

const TERMINATED = { kind: "signaled", signal: 15 } as const;
const KILLED = { kind: "signaled", signal: 9 } as const;

function graceMs(ms: number): { kill_policy: { grace_period: { nanoseconds: number } } } {
  return { kill_policy: { grace_period: { nanoseconds: nanosFromMs(ms) } } };
}

describe("a kill", () => {
  test("is SIGTERM, and TASK_KILLED when that is enough", () => {
    const bench = AgentBench.registered();
    bench.running("t");
    bench.kill("t");
    expect(bench.lines()).toEqual(["SIGTERM t"]);
    bench.exited("t", TERMINATED);
    expect(bench.lines()).toEqual(["send t TASK_KILLED", "cleanup t"]);
    const status = bench.lastStatus("t");
    expect(status.message).toBe("Command terminated with signal Terminated");
    expect([status.source, status.reason]).toEqual(["SOURCE_EXECUTOR", undefined]);
    bench.advance(5_000);
    expect(bench.lines()).toEqual([]);
  });

  test("is TASK_KILLED also when the command exits with 0 on SIGTERM", () => {
    const bench = AgentBench.registered();
    bench.running("t");
    bench.kill("t");
    bench.exited("t", { kind: "exited", code: 0 });
    expect(bench.lastStatus("t").state).toBe("TASK_KILLED");
  });

  test("is written down before the signal", () => {
    const bench = AgentBench.registered();
    bench.running("t");
    bench.autoSync = false;
    bench.kill("t");
    expect(bench.lines()).toEqual(["write stream/F/t/t-r1"]);
    bench.sync();
    expect(bench.lines()).toEqual(["SIGTERM t"]);
  });

  test("becomes SIGKILL after 3 s without a kill policy", () => {
    const bench = AgentBench.registered();
    bench.running("t");
    bench.kill("t");
    bench.advance(2_999);
    expect(bench.lines()).toEqual(["SIGTERM t"]);
    bench.advance(1);
    expect(bench.lines()).toEqual(["kill t"]);
    bench.exited("t", KILLED);
    expect(bench.lastStatus("t").message).toBe("Command terminated with signal Killed");
  });

  test("waits as long as the task's kill policy says", () => {
    const bench = AgentBench.registered();
    bench.running("t", graceMs(20_000));
    bench.kill("t");
    bench.advance(19_999);
    expect(bench.lines()).toEqual(["SIGTERM t"]);
    bench.advance(1);
    expect(bench.lines()).toEqual(["kill t"]);
  });

  test("may override the policy, and a later one only shortens what is left", () => {
    const bench = AgentBench.registered();
    bench.running("t", graceMs(1_000));
    bench.kill("t", 60_000);
    bench.advance(10_000);
    expect(bench.lines()).toEqual(["SIGTERM t"]);
    bench.kill("t", 120_000);
    bench.kill("t", 5_000);
    bench.advance(4_999);
    expect(bench.lines()).toEqual([]);
    bench.advance(1);
    expect(bench.lines()).toEqual(["kill t"]);
  });

  test.each([
    ["more than its own", [60_000], 60_000],
    ["less than its own", [500], 500],
    ["shortened since", [60_000, 9_000], 9_000],
    ["its own", [undefined], 1_000],
  ])("under way when the agent starts again keeps its grace period: %s", (_, given, leftMs) => {
    const before = AgentBench.registered();
    before.running("t", graceMs(1_000));
    for (const ms of given) before.kill("t", ms);
    const bench = new AgentBench({ disk: before.disk, seed: 2 }).recover(() => ({
      state: "running",
      launched: { pid: 42, startTime: "1" },
    }));
    expect(bench.lines()).toEqual(["SIGTERM t", "find-leader"]);
    const ended = () => bench.lines().includes("kill t");
    bench.advance(leftMs - 1);
    expect(ended()).toBe(false);
    bench.advance(1);
    expect(ended()).toBe(true);
  });

  test("shows TASK_KILLING to frameworks that know it", () => {
    const bench = AgentBench.registered();
    bench.running("t", {}, frameworkBlob("TASK_KILLING_STATE"));
    bench.kill("t");
    expect(bench.lines()).toEqual(["send t TASK_KILLING", "SIGTERM t"]);
    bench.exited("t", TERMINATED);
    bench.acknowledge("t");
    expect(bench.lines()).toEqual(["cleanup t", "send t TASK_KILLED"]);
  });

  test("before the launch leaves nothing to launch", () => {
    const bench = AgentBench.registered();
    bench.autoSync = false;
    bench.run("t");
    bench.kill("t");
    bench.sync();
    expect(bench.lines().filter((line) => !line.startsWith("write"))).toEqual(["send t TASK_KILLED"]);
    expect(bench.lastStatus("t").reason).toBe("REASON_TASK_KILLED_DURING_LAUNCH");
    expect(bench.core.state.usage.used("cpus")).toBe(0);
  });

  test("during the launch cancels it", () => {
    const bench = AgentBench.registered();
    bench.run("t");
    bench.kill("t");
    expect(bench.lines()).toEqual(["launch t", "kill t"]);
    const containerId = bench.containerOf("t");
    bench.step({ kind: "launch-failed", containerId, error: { step: "cancelled", message: "killed" } });
    expect(bench.lastStatus("t").state).toBe("TASK_KILLED");
    expect(bench.lastStatus("t").reason).toBe("REASON_TASK_KILLED_DURING_LAUNCH");
  });

  test("that loses the race with the launch ends the task all the same", () => {
    const bench = AgentBench.registered();
    bench.run("t");
    bench.kill("t");
    bench.lines();
    bench.launched("t");
    expect(bench.lines()).toEqual(["kill t", "send t TASK_STARTING (latest TASK_RUNNING)"]);
    bench.exited("t", KILLED);
    bench.acknowledge("t");
    bench.acknowledge("t");
    expect(bench.lastStatus("t").state).toBe("TASK_KILLED");
  });

  test("that fails is tried again", () => {
    const bench = AgentBench.registered();
    bench.running("t");
    bench.kill("t", 0);
    bench.advance(0);
    expect(bench.lines()).toEqual(["SIGTERM t", "kill t"]);
    bench.step({ kind: "kill-failed", containerId: bench.containerOf("t"), message: "in use" });
    bench.advance(5_000);
    expect(bench.lines()).toEqual(["kill t"]);
    expect(bench.warnings).toContain("Cannot kill a container; trying again");
  });

  test("of a task that is not here changes nothing", () => {
    const bench = AgentBench.registered();
    bench.kill("nobody");
    expect(bench.lines()).toEqual([]);
  });
});

describe("max_completion_time", () => {
  const limited = { max_completion_time: { nanoseconds: nanosFromMs(60_000) } };

  test("ends the task as failed", () => {
    const bench = AgentBench.registered();
    bench.running("t", limited);
    bench.advance(59_999);
    expect(bench.lines()).toEqual([]);
    bench.advance(1);
    expect(bench.lines()).toEqual(["SIGTERM t"]);
    bench.advance(3_000);
    expect(bench.lines()).toEqual(["kill t"]);
    bench.exited("t", KILLED);
    const status = bench.lastStatus("t");
    expect([status.state, status.reason]).toEqual(["TASK_FAILED", "REASON_MAX_COMPLETION_TIME_REACHED"]);
  });

  test("counts on over an agent restart", () => {
    const bench = AgentBench.registered();
    bench.running("t", limited);
    bench.advance(40_000);
    const again = new AgentBench({ disk: bench.disk });
    again.nowMs = bench.nowMs;
    again.recover(() => ({ state: "running", launched: { pid: 42, startTime: "1" } }));
    again.register();
    again.lines();
    again.advance(19_999);
    expect(again.lines()).toEqual([]);
    again.advance(1);
    expect(again.lines()).toEqual(["SIGTERM t"]);
  });

  test("does not count once the task is being killed", () => {
    const bench = AgentBench.registered();
    bench.running("t", limited);
    bench.kill("t", 120_000);
    bench.advance(65_000);
    expect(bench.lines()).toEqual(["SIGTERM t"]);
  });
});
