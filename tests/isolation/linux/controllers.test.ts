import { afterEach, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DEFAULT_CGROUP_SETTINGS } from "../../../src/isolation/cgroup-settings.ts";
import { cgroupBases, setUpControllers } from "../../../src/isolation/linux/controllers.ts";

describe("where an agent's cgroups may be", () => {
  test("at the root of the tree", () => {
    expect(cgroupBases("/cg", DEFAULT_CGROUP_SETTINGS, "0::/system.slice/mesh-agent.service\n")).toEqual([
      "/cg/mesh",
    ]);
  });
  test("else in what systemd delegated to the agent's unit", () => {
    const own = "1:name=systemd:/x\n0::/system.slice/mesh-agent.service/agent\n";
    expect(cgroupBases("/cg", DEFAULT_CGROUP_SETTINGS, own)).toEqual([
      "/cg/mesh",
      "/cg/system.slice/mesh-agent.service/mesh",
    ]);
  });
});

/** Plain files that stand for a cgroup2 mount; what the kernel makes of writes the VM's test shows. */
describe("controllers", () => {
  let mount = "";
  afterEach(() => rmSync(mount, { recursive: true }));
  const tree = (controllers: string) => {
    mount = mkdtempSync(join(tmpdir(), "mesh-cg-"));
    mkdirSync(`${mount}/mesh/a/supervisors`, { recursive: true });
    for (const directory of [mount, `${mount}/mesh`, `${mount}/mesh/a`]) {
      writeFileSync(`${directory}/cgroup.controllers`, `${controllers}\n`);
      writeFileSync(`${directory}/cgroup.subtree_control`, "\n");
    }
    return `${mount}/mesh/a`;
  };

  test("are handed down where they are not yet", () => {
    const path = tree("cpuset cpu io memory pids");
    writeFileSync(`${mount}/cgroup.subtree_control`, "cpu io memory pids\n");
    const found = setUpControllers(mount, path, DEFAULT_CGROUP_SETTINGS, undefined);
    expect(found).toMatchObject({ names: ["cpu", "memory", "pids", "io"], missing: [], unmet: [] });
    expect(readFileSync(`${mount}/cgroup.subtree_control`, "utf8")).toBe("cpu io memory pids\n");
    // A plain file is not cut at a write.
    expect(readFileSync(`${path}/cgroup.subtree_control`, "utf8")).toStartWith("+io");
  });

  test("that cgroup v1 holds are said once, with what it means", () => {
    const path = tree("");
    const found = setUpControllers(mount, path, DEFAULT_CGROUP_SETTINGS, undefined);
    expect(found.names).toEqual([]);
    expect(found.missing).toEqual([
      expect.stringContaining("as cgroup v1 holds them: tasks are counted, but"),
    ]);
  });

  test("one that is not there is named; the others are used", () => {
    const path = tree("cpu memory pids");
    const { names, missing } = setUpControllers(mount, path, DEFAULT_CGROUP_SETTINGS, undefined);
    expect(names).toEqual(["cpu", "memory", "pids"]);
    expect(missing).toEqual([expect.stringContaining("io of cgroups: ")]);
  });

  test("settings that cannot be kept are told with their flags", () => {
    const path = tree("cpu memory");
    const hugePagesMax = [["2MB", 0] as const];
    const more = { cpuset: "0", limitSwap: true, ioMax: ["8:0 rbps=1"], hugePagesMax };
    const asked = { ...DEFAULT_CGROUP_SETTINGS, ...more };
    const { unmet } = setUpControllers(mount, path, asked, undefined);
    expect(unmet.map((text) => /--[a-z-]+/.exec(text)?.[0])).toEqual([
      "--cgroups-cpuset",
      "--cgroups-io-max",
      "--cgroups-hugetlb-max",
      "--cgroups-limit-swap",
    ]);
  });
});
