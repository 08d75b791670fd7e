import { expect, test } from "bun:test";
import { commandTaskEnvironment, DEFAULT_PATH, durationText } from "../../src/isolation/environment.ts";

const FROM = {
  frameworkId: "f-1",
  executorId: "task-1",
  agentId: "a-1",
  agentEndpoint: "10.0.0.1:5051",
  sandbox: "/var/lib/sandbox",
  checkpoint: true,
  recoveryTimeoutMs: 900_000,
  subscriptionBackoffMaxMs: 2_000,
  executorShutdownGraceMs: 5_000,
  userVariables: [],
};

test("the table of a checkpointing framework's task", () => {
  expect(Object.fromEntries(commandTaskEnvironment(FROM))).toEqual({
    MESOS_FRAMEWORK_ID: "f-1",
    MESOS_EXECUTOR_ID: "task-1",
    MESOS_SLAVE_ID: "a-1",
    MESOS_SLAVE_PID: "slave(1)@10.0.0.1:5051",
    MESOS_AGENT_ENDPOINT: "10.0.0.1:5051",
    MESOS_DIRECTORY: "/var/lib/sandbox",
    MESOS_SANDBOX: "/var/lib/sandbox",
    MESOS_CHECKPOINT: "1",
    MESOS_RECOVERY_TIMEOUT: "15mins",
    MESOS_SUBSCRIPTION_BACKOFF_MAX: "2secs",
    MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD: "5secs",
    MESOS_HTTP_COMMAND_EXECUTOR: "0",
    LIBPROCESS_PORT: "0",
    PATH: DEFAULT_PATH,
  });
});

test("without checkpointing the recovery variables are absent", () => {
  const table = new Map(commandTaskEnvironment({ ...FROM, checkpoint: false }));
  expect(table.get("MESOS_CHECKPOINT")).toBe("0");
  expect(table.has("MESOS_RECOVERY_TIMEOUT")).toBe(false);
  expect(table.has("MESOS_SUBSCRIPTION_BACKOFF_MAX")).toBe(false);
});

test("the user wins over the operator and over Mesos, the last of equal names counts", () => {
  const table = commandTaskEnvironment({
    ...FROM,
    sandboxInContainer: "/mnt/mesos/sandbox",
    operatorVariables: [
      ["A", "operator"],
      ["B", "operator"],
    ],
    userVariables: [
      ["A", "first"],
      ["A", "second"],
      ["PATH", "/mine"],
      ["MESOS_SANDBOX", "/mine"],
    ],
  });
  const found = new Map(table);
  expect(found.size).toBe(table.length);
  expect([found.get("A"), found.get("B"), found.get("PATH"), found.get("MESOS_SANDBOX")]).toEqual([
    "second",
    "operator",
    "/mine",
    "/mine",
  ]);
});

test.each([
  [0, "0ms"],
  [250, "250ms"],
  [1_500, "1500ms"],
  [2_000, "2secs"],
  [90_000, "90secs"],
  [900_000, "15mins"],
  [7_200_000, "2hrs"],
  [172_800_000, "2days"],
  [1_209_600_000, "2weeks"],
])("%d ms is %s", (ms, text) => {
  expect(durationText(ms)).toBe(text);
});
