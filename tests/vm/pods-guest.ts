/** Runs inside the virtual machine: what holds the containers of pods to their resources, all printed. */
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { ok } from "../../src/base/result.ts";
import { DEFAULT_CGROUP_SETTINGS } from "../../src/isolation/cgroup-settings.ts";
import type { ContainerPod, ContainerResources, ContainerSpec, Exit } from "../../src/isolation/container.ts";
import { openLinuxRuntime } from "../../src/isolation/linux/runtime.ts";
import type { Runtime } from "../../src/isolation/runtime.ts";
import { check, checksDone } from "../support/guest-checks.ts";

const MIB = 1024 * 1024;
const HOG = "exec dd if=/dev/zero of=/dev/null bs=128M count=1";
const SLEEP = "exec sleep 100000";

mkdirSync("/tmp/agent");
const exits = new Map<string, PromiseWithResolvers<Exit>>();

function open(): Runtime {
  const opened = openLinuxRuntime({
    runtimeDirectory: "/run/mesh",
    fetch: async () => ok(undefined),
    cgroups: DEFAULT_CGROUP_SETTINGS,
  });
  opened.onExit((id, exit) => exits.get(id)?.resolve(exit));
  return opened;
}

let runtime = open();
const root = runtime.capabilities.cgroupRoot ?? "";
const file = (path: string): string => readFileSync(`${root}/${path}`, "utf8").trim();
const resources = (memMib: number): ContainerResources => ({
  cpusMilli: 100,
  memBytes: memMib * MIB,
  diskBytes: 0,
});

/** A task that asks for 64 MiB in a pod of so many. */
async function start(podId: string, child: string, script: string, memMib: number, ownLimits: boolean) {
  const containerId = `${podId}.${child}`;
  exits.set(containerId, Promise.withResolvers<Exit>());
  const sandbox = `/tmp/agent/${podId}`;
  const pod: ContainerPod = {
    ...{ containerId: podId, sandbox, linkName: child, ownLimits },
    resources: resources(memMib),
  };
  const spec: ContainerSpec = {
    ...{ containerId, sandbox: `${sandbox}/containers/${child}`, pod },
    command: { kind: "shell", script },
    environment: [["PATH", "/usr/bin:/bin"]],
    stdoutName: "stdout",
    stderrName: "stderr",
    uris: [],
    resources: resources(64),
    isolation: { namespaces: ["pid", "mount", "ipc", "uts"], cgroup: true },
  };
  const launched = await runtime.launch(spec);
  if (!launched.ok) check(false, `launch ${containerId}: ${launched.error.step}: ${launched.error.message}`);
}

async function ended(id: string): Promise<Exit> {
  const exit = (await exits.get(id)?.promise) ?? { kind: "unknown", reason: "not launched" };
  await runtime.cleanup(id);
  return exit;
}

const isRunning = async (id: string): Promise<boolean> => (await runtime.inspect(id)).state === "running";

await start("own", "sleeper", SLEEP, 256, true);
await start("own", "hog", HOG, 256, true);
const ownHog = await ended("own.hog");
check(
  ownHog.limitation?.usedBytes === 64 * MIB,
  `a task beyond its own limit: ${JSON.stringify(ownHog.kind)}`,
);
check(await isRunning("own.sleeper"), "the other task of its pod lives");
check(file("own/memory.max") === `${256 * MIB}`, "the limit of the pod");
check(file("own/sleeper/memory.max") === `${64 * MIB}`, "the limit of a task");
const updated = await runtime.update("own", { ...resources(320), cpusMilli: 300 });
check(updated.ok && file("own/memory.max") === `${320 * MIB}`, "the pod gets more");
await runtime.update("own", resources(64));
check(file("own/memory.max") === `${320 * MIB}`, "what it has is not taken from it");
// Each time less than it was given first, the second time more than it was given last.
for (const memMib of [32, 48]) await runtime.update("own.sleeper", resources(memMib));
check(file("own/sleeper/memory.max") === `${64 * MIB}`, "nor from a task");
// Planned before the pod had more, as one that waited for its image.
await start("own", "late", SLEEP, 128, true);
check(file("own/memory.max") === `${320 * MIB}`, "nor by the launch of one more task");
await runtime.kill("own.late");
await ended("own.late");

await start("shared", "sleeper", SLEEP, 96, false);
await start("shared", "modest", "dd if=/dev/zero of=/dev/null bs=80M count=1", 96, false);
const modest = await ended("shared.modest");
check(modest.kind === "exited" && modest.code === 0, "a task uses what the others of its pod leave");
const { mem_rss_bytes = 0 } = (await runtime.statistics("shared")) ?? {};
check(mem_rss_bytes > 0, `memory of the pod ${mem_rss_bytes}`);
await start("shared", "hog", HOG, 96, false);
const [hog, sleeper] = [await ended("shared.hog"), await ended("shared.sleeper")];
for (const [name, exit] of [
  ["hog", hog],
  ["sleeper", sleeper],
] as const) {
  const told = exit.limitation?.message.split("\n")[0];
  check(
    told === "Memory limit exceeded: Requested: 96MB Maximum Used: 96MB",
    `beyond the pod's limit, ${name}: ${told}`,
  );
}
check(await isRunning("own.sleeper"), "another pod lives");
await runtime.cleanup("shared");
check(!existsSync(`${root}/shared`), "the cgroup of the pod that ended is removed");

await runtime.close();
runtime = open();
const found = await runtime.recover(["own.sleeper"]);
check(found.get("own.sleeper")?.state === "running", "a pod's task is found after a restart");
check((await runtime.listOrphans()).length === 0, `orphans: ${await runtime.listOrphans()}`);
await runtime.kill("own.sleeper");
await ended("own.sleeper");
check((await runtime.listOrphans()).join() === "own", "a pod without tasks is an orphan");
await runtime.cleanup("own");
check(!existsSync(`${root}/own`), "and can be removed");
await runtime.close();
checksDone();
