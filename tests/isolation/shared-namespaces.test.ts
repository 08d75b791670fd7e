import { describe, expect, test } from "bun:test";
import type { ContainerSpec } from "../../src/isolation/container.ts";
import { describePlan, planLaunch } from "../../src/isolation/plan.ts";
import { holderCommand } from "../../src/isolation/pod-holder-script.ts";
import { joiningWords } from "../../src/isolation/shared-namespaces.ts";
import { supervisorCommand } from "../../src/isolation/supervisor-script.ts";
import type { Host } from "../../src/isolation/tools.ts";
import { FULL, SPEC } from "./plan.test.ts";

const HOST: Host = {
  ...FULL,
  tools: { ...FULL.tools, nsenter: "/usr/bin/nsenter", sleep: "/usr/bin/sleep" },
};
const POD = {
  ...{ containerId: "p", sandbox: "/s/p", linkName: "a", ownLimits: false, resources: SPEC.resources },
  holder: { namespaces: ["pid", "ipc"] as const, shmOptions: "mode=1777,size=1" },
};

function sharing(namespaces: readonly ("pid" | "ipc")[], more: Partial<ContainerSpec> = {}): ContainerSpec {
  const own = (["pid", "mount", "ipc", "uts"] as const).filter((kind) => !namespaces.includes(kind as "pid"));
  return {
    ...SPEC,
    containerId: "p.a",
    pod: POD,
    isolation: { namespaces: own, cgroup: true },
    shared: { containerId: "p", namespaces, ownShm: true },
    ...more,
  };
}

function planned(spec: ContainerSpec, host: Host = HOST): string {
  const plan = planLaunch(spec, host, undefined);
  return plan.ok ? describePlan(plan.value) : plan.error.message;
}

function steps(text: string): string {
  return text
    .split("\n")
    .filter((line) => /join-namespaces|unshare|record-exit/.test(line))
    .join("\n");
}

describe("a container that shares", () => {
  test("a pid namespace has an init that is not its pid 1, and sees its /proc", () => {
    expect(steps(planned(sharing(["pid"])))).toBe(
      [
        'supervisor join-namespaces of="p" namespaces=["pid"] mounts=false',
        'supervisor unshare namespaces=["mount","ipc","uts"] mountProc=true',
        "init       record-exit",
      ].join("\n"),
    );
  });

  test("an ipc namespace with a /dev/shm starts from the mounts with that", () => {
    expect(steps(planned(sharing(["ipc"])))).toBe(
      [
        'supervisor join-namespaces of="p" namespaces=["ipc"] mounts=true',
        'supervisor unshare namespaces=["pid","mount","uts"] mountProc=true',
        "init       record-exit",
      ].join("\n"),
    );
    // /proc of the pid namespace is among them.
    expect(steps(planned(sharing(["pid", "ipc"])))).toContain("mountProc=false");
  });

  test("keeps that /dev/shm where it gets file systems of its own", () => {
    const text = planned(sharing(["ipc"]), { ...HOST, fixedMounts: "/run/mounts" });
    expect(text).toContain("keepShm=true");
    expect(planned(sharing(["pid"]), { ...HOST, fixedMounts: "/run/mounts" })).not.toContain("keepShm");
  });

  test("is told what the machine lacks for it", () => {
    expect(planned(sharing(["pid"]), FULL)).toContain("needs nsenter");
    const { sleep: _, ...tools } = HOST.tools;
    expect(planned(sharing(["pid"]), { ...HOST, tools })).toContain("needs sleep");
    const { cgroupRoot: __, ...capabilities } = HOST.capabilities;
    expect(planned(sharing(["pid"]), { ...HOST, capabilities })).toContain("needs a cgroup2 file system");
    const { pod: ___, ...nested } = sharing(["ipc"]);
    expect(planned(nested, { ...HOST, fixedMounts: "/run/mounts" })).toContain("only the tasks of a pod");
  });

  test("joins nothing where nothing is kept apart", () => {
    const host = { ...HOST, capabilities: { ...HOST.capabilities, namespaces: [] } };
    expect(planned(sharing(["pid", "ipc"]), host)).not.toContain("join-namespaces");
  });

  test("is entered by one nsenter(1), with its network", () => {
    expect(joiningWords("/run/net", { pid: "/proc/1/fd/7", mount: "/proc/1/fd/8" }, HOST)).toEqual([
      ...["/usr/bin/nsenter", "--net=/run/net", "--pid=/proc/1/fd/7", "--mount=/proc/1/fd/8", "--"],
    ]);
    expect(joiningWords(undefined, undefined, HOST)).toEqual([]);
    const plan = planLaunch(sharing(["pid", "ipc"]), HOST, undefined);
    if (!plan.ok) throw new Error(plan.error.message);
    const { argv } = supervisorCommand(plan.value, HOST, "/r/p.a", { pid: "/f" });
    expect(argv.slice(0, 4).join(" ")).toBe("/usr/bin/nsenter --pid=/f -- /usr/bin/unshare");
    // It stands at the root of the other's mounts.
    expect(argv.join("\n")).toContain('cd -P -- "$1"');
    expect(argv).toContain("mesh-init");
  });
});

test("what holds the namespaces of a pod", () => {
  const { argv, environment } = holderCommand(POD, HOST, "/r/p");
  expect(argv.slice(0, 9).join(" ")).toBe(
    "/usr/bin/unshare --fork --pid --ipc --mount --propagation slave --mount-proc /bin/sh",
  );
  expect(argv.slice(-5)).toEqual([
    "mesh-pod",
    "/r/p",
    "/cg/mesh/a/supervisors",
    "mode=1777,size=1",
    "/usr/bin/sleep",
  ]);
  expect(environment).toEqual({});
  const { shmOptions: _, ...holder } = POD.holder;
  expect(holderCommand({ ...POD, holder }, HOST, "/r/p").argv.join("\n")).not.toContain("/dev/shm");
});
