import { expect, test } from "bun:test";
import { DEFAULT_CGROUP_SETTINGS } from "../../src/isolation/cgroup-settings.ts";
import { ALL_DEVICES } from "../../src/isolation/device-program.ts";
import { CGROUP_FLAGS, readCgroupSettings } from "../../src/main/cgroup-flags.ts";
import { Flags } from "../../src/main/flags.ts";

function read(given: Record<string, string>, environment: Record<string, string> = {}) {
  const values = new Map(Object.entries(given).map(([name, value]) => [name, [value]]));
  return readCgroupSettings(new Flags(CGROUP_FLAGS, values, environment));
}

test("without flags the defaults hold", () => expect(read({})).toEqual(DEFAULT_CGROUP_SETTINGS));

test("all of them", () => {
  const given = {
    "cgroups-root": "/system.slice/mesh/",
    "cgroups-enable-cfs": "true",
    "revocable-cpu-low-priority": "false",
    "cgroups-limit-swap": "true",
    "cgroups-pids-max": "max",
    "cgroups-cpuset": "0-3,8",
    "allowed-devices": "all",
    "cgroups-io-max": "8:0 rbps=1; 8:16 wiops=2",
    "cgroups-hugetlb-max": "2MB=64MB; 1GB=0B",
  };
  expect(read(given)).toEqual({
    root: "system.slice/mesh",
    cpuQuota: true,
    revocableLowPriority: false,
    limitSwap: true,
    maxPids: "unlimited",
    cpuset: "0-3,8",
    ioMax: ["8:0 rbps=1", "8:16 wiops=2"],
    hugePagesMax: [
      ["2MB", 64 * 1024 * 1024],
      ["1GB", 0],
    ],
    devices: ALL_DEVICES,
  });
});

test("Mesos' variables count", () => {
  expect(read({}, { MESOS_CGROUPS_ENABLE_CFS: "true" }).cpuQuota).toBe(true);
});

test.each([
  ["cgroups-pids-max", "0"],
  ["cgroups-pids-max", "many"],
  ["cgroups-root", "a/../b"],
  ["cgroups-root", "/"],
  ["cgroups-hugetlb-max", "2MB"],
  ["cgroups-hugetlb-max", "max=1MB"],
  ["cgroups-hugetlb-max", "2MB=many"],
])("--%s %s is refused", (name, value) => expect(() => read({ [name]: value })).toThrow(`--${name}`));
