import { expect, test } from "bun:test";
import { ALLOCATOR_FLAGS, readAllocatorFlags } from "../../src/main/allocator-flags.ts";
import { Flags } from "../../src/main/flags.ts";
import { DEFAULT_SETTINGS } from "../../src/master/settings.ts";

function read(given: Readonly<Record<string, string>>, environment: Readonly<Record<string, string>> = {}) {
  const values = new Map(Object.entries(given).map(([name, value]) => [name, [value]]));
  return readAllocatorFlags(new Flags(ALLOCATOR_FLAGS, values, environment));
}

test("the defaults are those of the master's settings", () => {
  expect(DEFAULT_SETTINGS).toMatchObject(read({}));
});

test("sizes, names and sorters, also from Mesos' variables", () => {
  const settings = read(
    {
      "min-allocatable-resources": "cpus:1;mem:64|gpus:1",
      "fair-sharing-excluded-resource-names": "gpus, disk",
      "filter-gpu-resources": "false",
      "allocator-recovery-timeout": "30",
      roles: "web,eng/build",
    },
    { MESOS_ROLE_SORTER: "random", MESOS_ALLOCATOR_AGENT_RECOVERY_FACTOR: "0.5" },
  );
  expect(settings).toEqual({
    allocation: {
      minAllocatable: [
        new Map([
          ["cpus", 1_000],
          ["mem", 64_000],
        ]),
        new Map([["gpus", 1_000]]),
      ],
      fairShareExcluded: ["gpus", "disk"],
      filterGpuResources: false,
      roleSorter: "random",
      frameworkSorter: "drf",
    },
    recoveryFactor: 0.5,
    recoveryTimeoutMs: 30_000,
    roleWhitelist: new Set(["*", "web", "eng/build"]),
  });
  expect(read({ "min-allocatable-resources": "" }).allocation.minAllocatable).toEqual([]);
});

test.each([
  ["min-allocatable-resources", "much", /'much': expected amounts/],
  ["role-sorter", "fair", /'fair': expected drf or random/],
  ["framework-sorter", "fifo", /'fifo': expected drf or random/],
  ["allocator-agent-recovery-factor", "2", /from 0 to 1/],
  ["allocator-recovery-timeout", "soon", /a number/],
  ["roles", "a//b", /'a\/\/b': expected the name of a role/],
  ["filter-gpu-resources", "perhaps", /true or false/],
])("--%s %s is refused", (name, value, message) => {
  expect(() => read({ [name]: value })).toThrow(message);
});
