/** Runs inside the virtual machine: what holds containers to their disk, each finding printed. */
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { ok } from "../../src/base/result.ts";
import type { ContainerPod, ContainerSpec, Exit } from "../../src/isolation/container.ts";
import { ProjectQuotas } from "../../src/isolation/linux/project-quotas.ts";
import { openLinuxRuntime } from "../../src/isolation/linux/runtime.ts";
import { check, checksDone } from "../support/guest-checks.ts";

const MIB = 1024 * 1024;
const SETTINGS = { projects: [{ begin: 7_000, end: 7_001 }], headroomBytes: 0 };
const AGENT = "/tmp/disk/agent";

mkdirSync("/tmp/disk");
const mount = (...words: string[]) => Bun.spawnSync(["/usr/bin/mount", ...words]).stderr.toString();
const without = ProjectQuotas.open("/tmp", SETTINGS);
check(!without.ok && without.error.includes("prjquota"), "a file system without quotas is refused", without);
console.log(mount("-t", "xfs", "/dev/vda", "/tmp/disk"));
const off = ProjectQuotas.open("/tmp/disk", SETTINGS);
check(!off.ok && off.error.includes("(xfs on /dev/vda)"), "one of XFS that keeps none, too", off);
Bun.spawnSync(["/usr/bin/umount", "/tmp/disk"]);
console.log(mount("-t", "xfs", "-o", "prjquota", "/dev/vda", "/tmp/disk"));
mkdirSync(AGENT);

const opened = ProjectQuotas.open(AGENT, SETTINGS);
if (!opened.ok) throw new Error(opened.error);
const quotas = opened.value;
const exits = new Map<string, PromiseWithResolvers<Exit>>();
const open = (diskQuotas: ProjectQuotas) => {
  const runtime = openLinuxRuntime({
    runtimeDirectory: "/run/mesh",
    fetch: async () => ok(undefined),
    diskQuotas,
  });
  runtime.onExit((id, exit) => exits.get(id)?.resolve(exit));
  return runtime;
};
let runtime = open(quotas);

function specOf(id: string, script: string, diskMib: number, pod?: ContainerPod): ContainerSpec {
  exits.set(id, Promise.withResolvers<Exit>());
  return {
    containerId: id,
    sandbox: pod === undefined ? `${AGENT}/${id}` : `${pod.sandbox}/containers/${id}`,
    command: { kind: "shell", script },
    environment: [["PATH", "/usr/bin:/bin"]],
    stdoutName: "stdout",
    stderrName: "stderr",
    uris: [],
    ...(pod === undefined ? {} : { pod }),
    resources: { cpusMilli: 100, memBytes: 64 * MIB, diskBytes: diskMib * MIB },
    isolation: { namespaces: ["pid", "mount", "ipc", "uts"], cgroup: true },
  };
}

/** Exit status; a string says why it did not start. */
async function run(spec: ContainerSpec): Promise<number | string> {
  const { containerId } = spec;
  const launched = await runtime.launch(spec);
  if (!launched.ok) return launched.error.message;
  const exit = await exits.get(containerId)?.promise;
  await runtime.cleanup(containerId);
  return exit?.kind === "exited" ? exit.code : JSON.stringify(exit);
}

const write = (mib: number, name = "big") => `dd if=/dev/zero of=${name} bs=1M count=${mib}`;
const usedMib = (directory: string) => (quotas.usage(directory)?.usedBytes ?? 0) / MIB;

const free = await run(specOf("free", write(8), 0));
check(free === 0 && quotas.usage(`${AGENT}/free`) === undefined, "who asks for no disk has no limit", free);
const greedy = await run(specOf("greedy", `${write(8)} 2>&1 | grep -q 'No space left'`, 4));
check(greedy === 0, "who asks for 4 MiB cannot write 8", greedy);
const { size } = statSync(`${AGENT}/greedy/big`);
check(size > 2 * MIB && size <= 4 * MIB, "but nearly 4", size);
const used = usedMib(`${AGENT}/greedy`);
check(used > 2 && used <= 4, "which is what it is said to have", used);
const modest = await run(specOf("modest", write(3), 4));
check(modest === 0, "its neighbour writes 3", modest);
const third = await run(specOf("third", ":", 4));
check(
  String(third).includes("all 2 projects of --xfs-project-range are taken"),
  "there is no third project",
  third,
);
rmSync(`${AGENT}/greedy`, { recursive: true });
const fourth = await run(specOf("fourth", `${write(5)} && exit 3; : >big; echo no`, 4));
const said = readFileSync(`${AGENT}/fourth/stdout`, "utf8");
check(fourth === 0 && said === "no\n", "one that a removed sandbox had is free again, with its own limit", [
  fourth,
  said,
]);
rmSync(`${AGENT}/modest`, { recursive: true });

const grows = specOf("grows", `until ${write(6)}; do sleep 0.1; done`, 4);
const launched = await runtime.launch(grows);
check(launched.ok, "a task that waits for more", launched);
await runtime.close();
runtime = open(quotas);
await runtime.recover(["grows"]);
const more = await runtime.update("grows", { ...grows.resources, diskBytes: 8 * MIB });
const grown = await exits.get("grows")?.promise;
check(more.ok && grown?.kind === "exited" && grown.code === 0, "gets it, after a restart of the agent", [
  more,
  grown,
]);
await runtime.cleanup("grows");
rmSync(`${AGENT}/grows`, { recursive: true });
rmSync(`${AGENT}/fourth`, { recursive: true });

const pod: ContainerPod = {
  ...{ containerId: "pod", sandbox: `${AGENT}/pod`, linkName: "task", ownLimits: false },
  resources: { cpusMilli: 100, memBytes: 64 * MIB, diskBytes: 6 * MIB },
};
const first = await run(specOf("pod.a", write(4), 3, pod));
const second = await run(specOf("pod.b", `! ${write(4)}`, 3, pod));
check(first === 0 && second === 0, "the tasks of a pod have its disk together", [first, second]);
const all = usedMib(`${AGENT}/pod`);
check(all > 4 && all <= 6, "and are counted together", all);
await runtime.cleanup("pod");
rmSync(`${AGENT}/pod`, { recursive: true });

mkdirSync(`${AGENT}/volume/old`, { recursive: true });
writeFileSync(`${AGENT}/volume/old/data`, new Uint8Array(3 * MIB));
const withVolume = (id: string, script: string, mib: number): ContainerSpec => ({
  ...specOf(id, script, 0),
  volumes: [{ source: `${AGENT}/volume`, target: "kept", bytes: mib * MIB }],
});
const filled = await run(withVolume("filled", `! ${write(4, "kept/more")} && : >kept/more`, 5));
check(filled === 0, "what was in a volume counts for its size", filled);
const larger = await run(withVolume("larger", write(4, "kept/more"), 8));
check(larger === 0 && usedMib(`${AGENT}/volume`) >= 7, "which can grow", larger);
await runtime.close();

const lenient = ProjectQuotas.open(AGENT, { ...SETTINGS, headroomBytes: 2 * MIB });
if (!lenient.ok) throw new Error(lenient.error);
runtime = open(lenient.value);
const over = await run(specOf("over", `${write(5)} && ! ${write(8, "more")}`, 4));
const found = lenient.value.usage(`${AGENT}/over`);
check(over === 0, "with headroom it can write a little more, to be found", over);
check((found?.usedBytes ?? 0) > 4 * MIB && found?.limitBytes === 4 * MIB, "and is", found);
await runtime.close();
checksDone();
