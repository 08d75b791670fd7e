import { describe, expect, test } from "bun:test";
import { newChecks } from "../../src/agent/task-checks.ts";
import type { CheckInfo, HealthCheck, TaskInfo, TaskStatus } from "../../src/model/v1/tasks.ts";
import { decodeBlob } from "../../src/wire/blob.ts";
import { AgentBench, type BenchOptions, frameworkBlob } from "./agent-bench.ts";

const GOOD = { kind: "answered", status: 200 } as const;
const BAD = { kind: "answered", status: 503 } as const;
const HEALTH_UPDATED = "REASON_TASK_HEALTH_CHECK_STATUS_UPDATED";
const STATUS_UPDATED = "REASON_TASK_CHECK_STATUS_UPDATED";

function http(more: Partial<HealthCheck> = {}): Partial<TaskInfo> {
  const times = { delay_seconds: 2, interval_seconds: 3, timeout_seconds: 1, grace_period_seconds: 0 };
  return { health_check: { type: "HTTP", http: { port: 80, path: "/up" }, ...times, ...more } };
}

const TCP_CHECK: CheckInfo = { type: "TCP", tcp: { port: 7 }, delay_seconds: 0, interval_seconds: 5 };

function running(task: Partial<TaskInfo>, options?: BenchOptions): AgentBench {
  const bench = AgentBench.registered(options);
  bench.running("t", task);
  return bench;
}

/** What a status says of checks. */
function told({ state, reason, healthy, check_status, message }: TaskStatus): unknown[] {
  return [state, reason, healthy, check_status, message].filter((part) => part !== undefined);
}

/** Acknowledges and returns all that is sent for the task from here on. */
function drain(bench: AgentBench): unknown[][] {
  const all: unknown[][] = [];
  while (bench.lines().some((line) => line.startsWith("send t "))) {
    all.push(told(bench.lastStatus("t")));
    bench.acknowledge("t");
  }
  return all;
}

describe("a health check", () => {
  test("comes after the delay, and again an interval after its end", () => {
    const bench = running(http());
    bench.advance(1_999);
    expect(bench.lines()).toEqual([]);
    bench.advance(1);
    expect(bench.lines()).toEqual(["check health of t: http"]);
    expect(bench.checks.at(-1)).toMatchObject({
      timeoutMs: 1_000,
      probe: { kind: "http", scheme: "http", protocol: "IPv4", port: 80, path: "/up" },
    });
    bench.advance(10_000);
    expect(bench.lines()).toEqual([]);
    bench.checked("t", GOOD);
    drain(bench);
    bench.advance(2_999);
    expect(bench.checks).toHaveLength(1);
    bench.advance(1);
    expect(bench.checks).toHaveLength(2);
  });

  test("has the times of mesos.proto unless told otherwise", () => {
    const bench = running({ health_check: { type: "TCP", tcp: { port: 7 } } });
    bench.advance(14_999);
    expect(bench.checks).toHaveLength(0);
    bench.advance(1);
    expect(bench.checks.at(-1)?.timeoutMs).toBe(20_000);
    // The grace period of 10 s is over: failures count.
    for (const failures of [1, 2, 3]) {
      bench.checked("t", { kind: "connected", connected: false, reason: "refused" });
      const message = `Health check failed (${failures} in a row, 3 end the task): refused`;
      expect(told(bench.lastStatus("t"))).toEqual(["TASK_RUNNING", HEALTH_UPDATED, false, message]);
      bench.acknowledge("t");
      bench.advance(10_000);
    }
    expect(bench.lines().filter((line) => line.startsWith("SIGTERM"))).toEqual(["SIGTERM t"]);
  });

  test("without a time limit for a timeout of 0", () => {
    const bench = running(http({ timeout_seconds: 0 }));
    bench.advance(2_000);
    expect(bench.checks.at(-1)?.timeoutMs).toBeUndefined();
  });

  test("tells changes of health, and each failure", () => {
    const bench = running(http());
    const seen = [GOOD, GOOD, BAD, BAD, GOOD].map((result) => {
      bench.advance(3_000);
      bench.checked("t", result);
      return drain(bench).map(([state, reason, healthy]) => [state, reason, healthy]);
    });
    const good = ["TASK_RUNNING", HEALTH_UPDATED, true];
    const bad = ["TASK_RUNNING", HEALTH_UPDATED, false];
    expect(seen).toEqual([[good], [], [bad], [bad], [good]]);
  });

  test("that fails too often ends the task: TASK_KILLED, not healthy", () => {
    const bench = AgentBench.registered();
    bench.running("t", http({ consecutive_failures: 2 }), frameworkBlob("TASK_KILLING_STATE"));
    for (const result of [BAD, BAD]) {
      bench.advance(3_000);
      bench.checked("t", result);
    }
    const message = "Health check failed (2 in a row, 2 end the task): the answer has HTTP status 503";
    // The first failure is in flight, the second waits.
    expect(bench.lines()).toEqual([
      "check health of t: http",
      "send t TASK_RUNNING",
      "check health of t: http",
      "SIGTERM t",
    ]);
    bench.acknowledge("t");
    expect(told(bench.lastStatus("t"))).toEqual(["TASK_RUNNING", HEALTH_UPDATED, false, message]);
    bench.acknowledge("t");
    expect(told(bench.lastStatus("t"))).toEqual(["TASK_KILLING"]);
    bench.acknowledge("t");
    bench.advance(3_000);
    expect(bench.lines().at(-1)).toBe("kill t");
    bench.exited("t", { kind: "signaled", signal: 15 });
    const ended = ["TASK_KILLED", false, "Command terminated with signal Terminated"];
    expect(told(bench.lastStatus("t"))).toEqual(ended);
    expect(bench.checks).toHaveLength(2);
  });

  test("in the grace period does no harm", () => {
    const bench = running(http({ grace_period_seconds: 60, consecutive_failures: 1 }));
    bench.advance(2_000);
    bench.checked("t", BAD);
    expect(drain(bench)).toEqual([]);
    bench.advance(58_000);
    // Asked within the grace period, answered after it.
    bench.advance(1);
    bench.checked("t", BAD);
    expect(bench.lines()).toContain("SIGTERM t");
  });

  test("that could not be tried says nothing of the task", () => {
    const bench = running(http({ consecutive_failures: 1 }));
    bench.advance(2_000);
    bench.checked("t", { kind: "untried", reason: "no descriptors left" });
    expect(bench.warnings).toContain("Cannot check a task; trying again");
    bench.advance(3_000);
    expect(bench.lines()).toEqual(["check health of t: http", "check health of t: http"]);
  });

  test("under way when the task is to end counts for nothing", () => {
    const bench = running(http({ consecutive_failures: 1 }));
    bench.advance(2_000);
    bench.kill("t");
    bench.checked("t", BAD);
    bench.advance(2_000);
    expect(bench.lines()).toEqual(["check health of t: http", "SIGTERM t"]);
    bench.exited("t", { kind: "signaled", signal: 15 });
    expect(bench.lastStatus("t").healthy).toBeUndefined();
  });

  test("of a task that waits for acknowledgements leaves only its newest word on disk", () => {
    const bench = AgentBench.registered();
    bench.run("t", http({ consecutive_failures: 1_000 }));
    bench.launched("t");
    for (let i = 0; i < 50; i++) {
      bench.advance(3_000);
      bench.checked("t", i % 2 === 0 ? BAD : GOOD);
    }
    const task = bench.core.state.tasks.get("F/t");
    expect(task?.stream.pending.map(({ status }) => told(decodeBlob("TaskStatus", status)))).toEqual([
      ["TASK_STARTING"],
      ["TASK_RUNNING"],
      ["TASK_RUNNING", HEALTH_UPDATED, true],
    ]);
  });
});

describe("a check", () => {
  test("is told of when its result changes, and every update has its type", () => {
    const bench = AgentBench.registered();
    bench.run("t", { check: TCP_CHECK });
    bench.launched("t");
    bench.lines();
    const empty = { type: "TCP", tcp: {} };
    expect(told(bench.lastStatus("t"))).toEqual(["TASK_STARTING", empty]);
    bench.acknowledge("t");
    expect(told(bench.lastStatus("t"))).toEqual(["TASK_RUNNING", empty]);
    bench.acknowledge("t");
    const results = [true, true, false].map((connected) => {
      bench.advance(5_000);
      bench.checked("t", { kind: "connected", connected });
      return drain(bench);
    });
    const now = (succeeded: boolean): unknown[][] => [
      ["TASK_RUNNING", STATUS_UPDATED, { type: "TCP", tcp: { succeeded } }],
    ];
    expect(results).toEqual([now(true), [], now(false)]);
    bench.exited("t");
    expect(told(bench.lastStatus("t"))).toEqual(["TASK_FINISHED", empty, "Command exited with status 0"]);
  });

  test("without a result says its type, and why", () => {
    const bench = running({ check: TCP_CHECK });
    bench.advance(5_000);
    bench.checked("t", { kind: "connected", connected: true });
    drain(bench);
    bench.advance(5_000);
    bench.checked("t", { kind: "failed", reason: "it took longer than 20000 ms" });
    const why = "Check failed: it took longer than 20000 ms";
    expect(drain(bench)).toEqual([["TASK_RUNNING", STATUS_UPDATED, { type: "TCP", tcp: {} }, why]]);
  });

  test("and a health check of one task do not mix", () => {
    const bench = running({ ...http({ delay_seconds: 1 }), check: { ...TCP_CHECK, delay_seconds: 3 } });
    bench.advance(1_000);
    bench.checked("t", GOOD);
    expect(drain(bench)).toEqual([["TASK_RUNNING", HEALTH_UPDATED, true, { type: "TCP", tcp: {} }]]);
    bench.advance(2_000);
    bench.checked("t", { kind: "connected", connected: true });
    const status = { type: "TCP", tcp: { succeeded: true } };
    expect(drain(bench)).toEqual([["TASK_RUNNING", STATUS_UPDATED, true, status]]);
  });
});

describe("a check by a command", () => {
  const command = {
    value: "test -e $FILE",
    environment: { variables: [{ name: "FILE", value: "up" }] },
  };
  const times = { delay_seconds: 0, interval_seconds: 5 };

  test("has the task's user and environment, with its own variables over them", () => {
    const variables = [
      { name: "FILE", value: "down" },
      { name: "PORT", value: "80" },
    ];
    const task = { command: { value: "serve", environment: { variables }, user: "www" } };
    const config = { config: { switchUser: true } };
    const bench = running({ ...task, check: { type: "COMMAND", command: { command }, ...times } }, config);
    bench.advance(0);
    const probe = bench.checks.at(-1)?.probe;
    if (probe?.kind !== "command") throw new Error("A command is asked for");
    expect(probe.spec).toMatchObject({ command: { kind: "shell", script: "test -e $FILE" }, user: "www" });
    const table = new Map(probe.spec.environment);
    expect([table.get("FILE"), table.get("PORT"), table.has("MESOS_SANDBOX")]).toEqual(["up", "80", true]);
  });

  test.each([
    ["a secret", { environment: { variables: [{ name: "S", type: "SECRET" as const }] } }, {}, "is a secret"],
    ["a machine without nsenter", {}, { commandChecks: false }, "needs nsenter"],
  ])("that is not possible fails the launch: %s", (_, more, config, words) => {
    const bench = AgentBench.registered({ config });
    bench.run("t", { health_check: { type: "COMMAND", command: { ...command, ...more }, ...times } });
    expect(bench.lines()).toEqual(["send t TASK_FAILED"]);
    const { reason, message } = bench.lastStatus("t");
    expect([reason, message]).toEqual(["REASON_CONTAINER_LAUNCH_FAILED", expect.stringContaining(words)]);
  });
});

describe("an agent restart", () => {
  function again(before: AgentBench, monotonicMs = before.nowMs): AgentBench {
    const bench = new AgentBench({ disk: before.disk, seed: 2 });
    bench.nowMs = monotonicMs;
    bench.recover(() => ({ state: "running", launched: { pid: 42, startTime: "1" } }));
    bench.register();
    bench.lines();
    return bench;
  }

  test("goes on within an interval with the health and the count told last", () => {
    const before = running({ ...http(), check: TCP_CHECK });
    before.advance(0);
    before.checked("t", { kind: "connected", connected: true });
    drain(before);
    before.advance(2_000);
    before.checked("t", BAD);
    drain(before);
    const bench = again(before);
    bench.advance(2_999);
    const health = bench.checks.find((one) => one.check === "health");
    expect(health).toBeDefined();
    if (health === undefined) return;
    bench.step({ kind: "checked", ...pick(health), result: BAD });
    const message = "Health check failed (2 in a row, 3 end the task): the answer has HTTP status 503";
    const status = { type: "TCP", tcp: { succeeded: true } };
    expect(drain(bench)).toEqual([["TASK_RUNNING", HEALTH_UPDATED, false, status, message]]);
  });

  test("does not repeat that a task is healthy", () => {
    const before = running(http());
    before.advance(2_000);
    before.checked("t", GOOD);
    drain(before);
    const bench = again(before);
    bench.advance(3_000);
    bench.checked("t", GOOD);
    expect(drain(bench)).toEqual([]);
  });

  test("goes on ending a task that was not healthy, without further checks", () => {
    const before = running(http({ consecutive_failures: 1 }));
    before.advance(2_000);
    before.checked("t", BAD);
    const bench = again(before);
    bench.advance(3_000);
    expect(bench.checks).toEqual([]);
    bench.exited("t", { kind: "signaled", signal: 9 });
    bench.acknowledge("t");
    expect(told(bench.lastStatus("t"))).toEqual([
      "TASK_KILLED",
      false,
      "Command terminated with signal Killed",
    ]);
  });
});

function pick({ containerId, check, round }: AgentBench["checks"][number]) {
  return { containerId, check, round };
}

test("a task without a command, which is its executor's, is not checked by the agent", () => {
  const task = { task_id: { value: "t" }, name: "t", agent_id: { value: "A" }, ...http() };
  expect(newChecks({ ...task, command: { value: "serve" } }, undefined)).toBeDefined();
  expect(newChecks({ ...task, executor: { executor_id: { value: "e" } } }, undefined)).toBeUndefined();
});

test("a task without checks has nothing of them", () => {
  const bench = running({});
  expect(bench.core.state.tasks.get("F/t")?.checks).toBeUndefined();
  bench.advance(100_000);
  expect(bench.checks).toEqual([]);
});
