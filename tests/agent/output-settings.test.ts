import { describe, expect, test } from "bun:test";
import { containerOutputs, DEFAULT_OUTPUTS } from "../../src/agent/output-settings.ts";
import { AgentBench } from "./agent-bench.ts";

const MIB = 1024 ** 2;

describe("settings of a container's log files", () => {
  test("are the agent's, and what its environment says", () => {
    const variables = [
      ["CONTAINER_LOGGER_MAX_STDOUT_SIZE", "5MB"],
      ["CONTAINER_LOGGER_LOGROTATE_STDOUT_OPTIONS", " rotate 3 "],
      ["CONTAINER_LOGGER_MAX_STDERR_SIZE", "4096"],
      ["PATH", "/bin"],
    ] as const;
    expect(containerOutputs(DEFAULT_OUTPUTS, variables)).toEqual({
      ok: true,
      value: { stdout: { maxBytes: 5 * MIB, parts: 3 }, stderr: { maxBytes: 4_096, parts: 9 } },
    });
    expect(containerOutputs(DEFAULT_OUTPUTS, [])).toEqual({ ok: true, value: DEFAULT_OUTPUTS });
    // Where logs are plain files, the variables are as any others.
    expect(containerOutputs(undefined, variables)).toEqual({ ok: true, value: undefined });
  });

  for (const [name, value, word] of [
    ["MAX_STDOUT_SIZE", "4095", "4KB or more"],
    ["MAX_STDERR_SIZE", "1.5GB", "4KB or more"],
    ["LOGROTATE_STDOUT_OPTIONS", "compress", '"rotate <n>"'],
    ["LOGROTATE_STDERR_OPTIONS", "rotate 1001", "from 0 to 1000"],
    ["DESTINATION", "journald", "CONTAINER_LOGGER_MAX_STDOUT_SIZE"],
  ] as const) {
    test(`refuses ${name}=${value}`, () => {
      const refused = containerOutputs(DEFAULT_OUTPUTS, [[`CONTAINER_LOGGER_${name}`, value]]);
      expect(refused.ok ? "" : refused.error).toContain(word);
    });
  }

  test("a task that sets them wrongly is TASK_FAILED and says why", () => {
    const bench = AgentBench.registered({ config: { outputs: DEFAULT_OUTPUTS } });
    const variables = [{ name: "CONTAINER_LOGGER_MAX_STDOUT_SIZE", value: "huge" }];
    bench.run("t", { command: { value: "true", environment: { variables } } });
    expect(bench.lastStatus("t").state).toBe("TASK_FAILED");
    expect(bench.lastStatus("t").message).toContain(
      '"CONTAINER_LOGGER_MAX_STDOUT_SIZE" has the value "huge"',
    );
  });
});
