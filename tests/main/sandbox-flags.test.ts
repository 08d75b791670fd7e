import { describe, expect, test } from "bun:test";
import { DEFAULT_OUTPUTS } from "../../src/agent/output-settings.ts";
import { Flags } from "../../src/main/flags.ts";
import {
  DEFAULT_SANDBOX_SETTINGS,
  readSandboxSettings,
  SANDBOX_FLAGS,
  type SandboxSettings,
} from "../../src/main/sandbox-flags.ts";

function read(given: Readonly<Record<string, string>>): SandboxSettings {
  const values = Object.entries(given).map(([name, value]) => [name, [value]] as const);
  return readSandboxSettings(new Flags(SANDBOX_FLAGS, new Map(values), {}));
}

describe("flags about sandboxes", () => {
  test("have the defaults of Mesos, but for logs, which are bounded", () => {
    expect(read({})).toEqual(DEFAULT_SANDBOX_SETTINGS);
  });

  test("are read", () => {
    const settings = read({
      "gc-delay": "2days",
      "gc-disk-headroom": "0.25",
      "disk-watch-interval": "5secs",
      "max-stdout-size": "1GB",
      "logrotate-stderr-options": "rotate 2",
    });
    expect(settings).toMatchObject({
      gcDelayMs: 2 * 86_400_000,
      gcDiskHeadroom: 0.25,
      diskWatchIntervalMs: 5_000,
      outputs: { stdout: { maxBytes: 1024 ** 3, parts: 9 }, stderr: { maxBytes: 10 * 1024 ** 2, parts: 2 } },
    });
    expect(read({ "container-logger": "sandbox" }).outputs).toBeUndefined();
    const logger = "org_apache_mesos_LogrotateContainerLogger";
    expect(read({ "container-logger": logger }).outputs).toEqual(DEFAULT_OUTPUTS);
  });

  for (const [name, value] of [
    ["gc-delay", "soon"],
    ["gc-disk-headroom", "1.5"],
    ["disk-watch-interval", "0secs"],
    ["container-logger", "journald"],
    ["max-stderr-size", "1KB"],
    ["logrotate-stdout-options", "compress"],
  ] as const) {
    test(`refuse --${name} ${value}`, () => {
      expect(() => read({ [name]: value })).toThrow(`--${name} has the value '${value}'`);
    });
  }
});
