import { describe, expect, test } from "bun:test";
import { cgroupFiles, oomScoreAdjust, updateFiles } from "../../src/isolation/cgroup-limits.ts";
import { DEFAULT_CGROUP_SETTINGS } from "../../src/isolation/cgroup-settings.ts";
import type { ContainerResources } from "../../src/isolation/container.ts";
import { describePlan, planLaunch } from "../../src/isolation/plan.ts";
import { supervisorCommand } from "../../src/isolation/supervisor-script.ts";
import type { Host } from "../../src/isolation/tools.ts";
import { FULL, SPEC } from "./plan.test.ts";

const MIB = 1024 * 1024;
const FILES = new Set(
  "cpu.weight cpu.max memory.max memory.low memory.oom.group memory.swap.max pids.max io.max".split(" "),
);
const HOST: Host = { ...FULL, cgroupFiles: FILES, cgroupSettings: DEFAULT_CGROUP_SETTINGS };
const GIVEN: ContainerResources = { cpusMilli: 1_500, memBytes: 64 * MIB, diskBytes: 0 };

function files(more: Partial<ContainerResources> = {}, settings = DEFAULT_CGROUP_SETTINGS, present = FILES) {
  const host = { ...HOST, cgroupFiles: present, cgroupSettings: settings };
  const written = cgroupFiles({ ...GIVEN, ...more }, host);
  return Object.fromEntries(written.map(({ file, value }) => [file, value]));
}

describe("files of a container's cgroup", () => {
  test("requests alone: a share of the CPUs, and no memory beyond the request", () => {
    expect(files()).toEqual({
      "cpu.weight": "150",
      "memory.max": `${64 * MIB}`,
      "memory.low": `${64 * MIB}`,
      "memory.oom.group": "1",
      "pids.max": "8192",
    });
  });

  test("limits above the requests", () => {
    const limited = files({ cpusLimitMilli: 2_000, memLimitBytes: 128 * MIB });
    expect(limited).toMatchObject({ "cpu.weight": "150", "cpu.max": "200000 100000" });
    expect(limited).toMatchObject({ "memory.max": `${128 * MIB}`, "memory.low": `${64 * MIB}` });
    const unlimited = files({ cpusLimitMilli: "unlimited", memLimitBytes: "unlimited" });
    expect(unlimited).toMatchObject({ "cpu.max": "max 100000", "memory.max": "max" });
  });

  test("huge pages, those of sizes that the machine has", () => {
    const hugePagesMax = [["2MB", 4 * MIB] as const, ["1GB", 0] as const];
    const settings = { ...DEFAULT_CGROUP_SETTINGS, hugePagesMax };
    const present = new Set(["hugetlb.2MB.max", "hugetlb.2MB.rsvd.max"]);
    expect(files({}, settings, present)).toEqual({
      "hugetlb.2MB.max": `${4 * MIB}`,
      "hugetlb.2MB.rsvd.max": `${4 * MIB}`,
    });
  });

  test("settings of the agent", () => {
    const settings = {
      ...DEFAULT_CGROUP_SETTINGS,
      cpuQuota: true,
      limitSwap: true,
      maxPids: 100,
      ioMax: ["8:0 rbps=1"],
    };
    expect(files({}, settings)).toMatchObject({
      "cpu.max": "150000 100000",
      "memory.swap.max": "0",
      "pids.max": "100",
      "io.max": "8:0 rbps=1",
    });
    // Infinity beats the quota that everybody has.
    expect(files({ cpusLimitMilli: "unlimited" }, settings)["cpu.max"]).toBe("max 100000");
    expect(files({}, { ...settings, maxPids: "unlimited" })["pids.max"]).toBeUndefined();
  });

  test("revocable CPUs weigh next to nothing, unless that is switched off", () => {
    expect(files({ cpusRevocable: true })["cpu.weight"]).toBe("2");
    const equal = { ...DEFAULT_CGROUP_SETTINGS, revocableLowPriority: false };
    expect(files({ cpusRevocable: true }, equal)["cpu.weight"]).toBe("150");
  });

  test("the kernel's bounds", () => {
    const little = files({ cpusMilli: 1, cpusLimitMilli: 1, memBytes: MIB });
    expect(little).toMatchObject({ "cpu.weight": "1", "cpu.max": "1000 100000" });
    expect(little).toMatchObject({ "memory.max": `${32 * MIB}`, "memory.low": `${MIB}` });
    expect(files({ cpusMilli: 200_000 })["cpu.weight"]).toBe("10000");
  });

  test("only files that the machine has", () => {
    expect(files({}, undefined, new Set(["pids.max"]))).toEqual({ "pids.max": "8192" });
    expect(cgroupFiles(GIVEN, FULL)).toEqual([]);
  });
});

describe("an update", () => {
  const update = (given: Partial<ContainerResources>) => {
    const written = updateFiles({ ...GIVEN, ...given }, HOST);
    return Object.fromEntries(written.map(({ file, value }) => [file, value]));
  };
  test("gives memory", () => {
    expect(update({ memBytes: 65 * MIB })["memory.max"]).toBe(`${65 * MIB}`);
    expect(update({ memLimitBytes: "unlimited" })["memory.max"]).toBe("max");
  });
  test("takes a quota away", () => {
    expect(update({})["cpu.max"]).toBe("max 100000");
    expect(update({ cpusLimitMilli: 10 })["cpu.max"]).toBe("1000 100000");
  });
});

describe("the OOM score", () => {
  const adjust = (more: Partial<ContainerResources>, total = 1_024 * MIB) =>
    oomScoreAdjust({ ...GIVEN, ...more }, { ...HOST, oomScoreMemBytes: total });
  test("of who may not burst is 0", () => {
    expect(adjust({})).toBe(0);
    expect(adjust({ memLimitBytes: 64 * MIB })).toBe(0);
  });
  test("of who may is the higher the less it requests", () => {
    expect(adjust({ memLimitBytes: "unlimited" })).toBe(938);
    expect(adjust({ memLimitBytes: 65 * MIB, memBytes: 1 })).toBe(999);
    expect(adjust({ memLimitBytes: "unlimited" }, 64 * MIB)).toBe(1);
  });
  test("is left alone where it cannot be set", () => expect(oomScoreAdjust(GIVEN, HOST)).toBeUndefined());
});

test("a plan limits the cgroup before anything is in it, and sets the score before the program", () => {
  const plan = planLaunch(SPEC, { ...HOST, oomScoreMemBytes: MIB }, undefined);
  if (!plan.ok) throw new Error(plan.error.message);
  const steps = describePlan(plan.value)
    .split("\n")
    .map((line) => line.split(/\s+/, 2).join(" "));
  expect(steps.slice(1, 4)).toEqual(["agent make-cgroup", "agent limit-cgroup", "agent spawn"]);
  expect(steps.indexOf("task set-oom-score")).toBeLessThan(steps.indexOf("task announce"));
  expect(supervisorCommand(plan.value, HOST, "/r").argv.join("\n")).toContain(
    "{ echo 0 >/proc/self/oom_score_adj; } 2>/dev/null || :",
  );
});
