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

  test("about projects of XFS", () => {
    const range = { "xfs-project-range": "[5000-5999, 7000-7000]" };
    const projects = [
      { begin: 5_000, end: 5_999 },
      { begin: 7_000, end: 7_000 },
    ];
    const held = { projects, kills: false, headroomBytes: 0 };
    expect(read(range)).toMatchObject({ projectQuotas: held, diskQuotaIntervalMs: 15_000 });
    expect(read({ ...range, "xfs-kill-containers": "true" })).toMatchObject({
      projectQuotas: { projects, kills: true, headroomBytes: 10 * 1024 ** 2 },
    });
    expect(() => read({ "xfs-kill-containers": "true" })).toThrow("--xfs-project-range beside it");
    expect(() => read({ ...range, "enforce-container-disk-quota": "true" })).toThrow("beside it");
  });

  for (const [name, value] of [
    ["xfs-project-range", "[0-10]"],
    ["xfs-project-range", "many"],
    ["xfs-project-range", "[10-5]"],
    ["xfs-project-range", "[1-2000000000]"],
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
