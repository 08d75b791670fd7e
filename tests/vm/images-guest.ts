/** Runs inside the virtual machine: containers with roots of their own, each finding printed. */
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { ok } from "../../src/base/result.ts";
import type { ConfinementSettings } from "../../src/isolation/confinement-settings.ts";
import { type ContainerSpec, describeExit, type Exit } from "../../src/isolation/container.ts";
import { enterRoot } from "../../src/isolation/linux/enter-root.ts";
import { overlayMarks, tryOverlay } from "../../src/isolation/linux/overlay.ts";
import { openLinuxRuntime } from "../../src/isolation/linux/runtime.ts";
import { ENTER_ROOT_COMMAND } from "../../src/isolation/root.ts";
import type { Images, Runtime } from "../../src/isolation/runtime.ts";
import { check, checksDone } from "../support/guest-checks.ts";

const words = process.argv.slice(2);
if (words[0] === ENTER_ROOT_COMMAND) enterRoot(words.slice(1));

const STORE = "/tmp/store";
const MIB = 1_024 * 1_024;

/** Two layers: programs and files, and one that hides and adds. */
function makeLayers(): void {
  const [low, top] = ["low", "top"].map((name) => `${STORE}/layers/${name}`);
  for (const path of ["bin", "etc", "old"]) mkdirSync(`${low}/${path}`, { recursive: true });
  cpSync("/usr/bin/busybox", `${low}/bin/busybox`);
  for (const name of ["sh", "cat", "ls", "id", "mknod", "umount", "dd", "sleep"]) {
    symlinkSync("busybox", `${low}/bin/${name}`);
  }
  for (const name of ["etc/kept", "etc/hidden", "old/hidden"]) writeFileSync(`${low}/${name}`, name);
  for (const path of ["etc", "old"]) mkdirSync(`${top}/${path}`, { recursive: true });
  writeFileSync(`${top}/old/new`, "");
  const marks = overlayMarks();
  marks.remove(`${top}/etc/hidden`);
  marks.opaque(`${top}/old`);
}

const images: Images = {
  provide: async (_image, id, _signal, { part = "root" } = {}) => {
    const path = `${STORE}/containers/${id}+${part}`;
    const [upper, work, directory] = [`${path}/upper`, `${path}/work`, `${path}/root`];
    for (const each of [upper, work, directory]) mkdirSync(each, { recursive: true });
    const layers = { layersDirectory: `${STORE}/layers`, layers: ["top", "low"] };
    const config = { entrypoint: [], cmd: [], env: ["PATH=/bin"] };
    return ok({ config, source: { kind: "overlay", ...layers, upper, work }, directory });
  },
  release: async () => {},
  configOf: () => undefined,
  containers: () => [],
};

makeLayers();
check(tryOverlay(STORE).ok, "overlayfs can be mounted");
const exits = new Map<string, PromiseWithResolvers<Exit>>();

function open(confinement?: ConfinementSettings): Runtime {
  const opened = openLinuxRuntime({
    runtimeDirectory: "/run/mesh",
    fetch: async () => ok(undefined),
    images,
    self: [process.execPath],
    ...(confinement === undefined ? {} : { confinement }),
  });
  opened.onExit((id, exit) => exits.get(id)?.resolve(exit));
  return opened;
}

let runtime = open();
const mountsBefore = readFileSync("/proc/mounts", "utf8");

function specOf(id: string, script: string, user?: string): ContainerSpec {
  return {
    containerId: id,
    sandbox: `/tmp/agent/${id}`,
    command: { kind: "image", shell: true, value: script, arguments: [] },
    environment: [["A", "1"]],
    ...(user === undefined ? {} : { user }),
    stdoutName: "stdout",
    stderrName: "stderr",
    uris: [],
    resources: { cpusMilli: 100, memBytes: 32 * MIB, diskBytes: 0 },
    isolation: { namespaces: ["pid", "mount", "ipc", "uts"], cgroup: true },
    image: { name: "test", cached: true, ownVariables: [], sandbox: "/mnt/mesos/sandbox" },
  };
}

async function run(
  id: string,
  script: string,
  user?: string,
  more: Partial<ContainerSpec> = {},
): Promise<{ exit: string; lines: string[] }> {
  return await runSpec({ ...specOf(id, script, user), ...more });
}

async function runSpec(spec: ContainerSpec): Promise<{ exit: string; lines: string[] }> {
  const id = spec.containerId;
  mkdirSync("/tmp/agent", { recursive: true });
  exits.set(id, Promise.withResolvers<Exit>());
  const launched = await runtime.launch(spec);
  if (!launched.ok) return { exit: `${launched.error.step}: ${launched.error.message}`, lines: [] };
  const exit = await exits.get(id)?.promise;
  const lines = readFileSync(`/tmp/agent/${id}/stdout`, "utf8").trim().split("\n");
  await runtime.cleanup(id);
  return { exit: exit === undefined ? "unknown" : describeExit(exit), lines };
}

const seen = await run(
  "seen",
  "echo / *; echo /etc/*; echo /old/*; echo $PWD $PATH $A; cat /proc/self/cgroup",
);
console.log(seen.exit);
const [root, etc, old, place, cgroup] = seen.lines;
check(root === "/ stderr stdout", `its sandbox is where it starts: ${root}`);
check(etc?.includes("/etc/kept") === true && !etc.includes("hidden"), `a hidden file: ${etc}`);
check(old === "/old/new", `a hidden directory: ${old}`);
check(place === "/mnt/mesos/sandbox /bin 1", `directory and environment: ${place}`);
check(cgroup?.endsWith("/seen") === true, `its cgroup: ${cgroup}`);

const inside = await run(
  "inside",
  "echo /*; ls /dev; cat /proc/mounts; ls -d /proc/[0-9]*; echo >/own; echo >/etc/kept",
);
console.log(inside.lines.join("\n"));
check(inside.exit === "exited with status 0", `writes to its own root: ${inside.exit}`);
check(
  inside.lines[0] === "/bin /dev /etc /mnt /old /proc /sys",
  `all that is in its root: ${inside.lines[0]}`,
);
const mounted = inside.lines.filter((line) => line.split(" ").length === 6).map((line) => line.split(" ")[1]);
check(
  mounted[0] === "/" && !mounted.some((path) => path === "/tmp" || path === "/run"),
  `its mounts: ${mounted}`,
);
check(!existsSync(`${STORE}/layers/low/own`), "what it writes is not in the layers");
check(readFileSync(`${STORE}/layers/low/etc/kept`, "utf8") === "etc/kept", "nor what it changes");
check(readFileSync("/proc/mounts", "utf8") === mountsBefore, "the host's mounts are as before");

const OUT = `(echo x >/proc/sys/kernel/core_pattern) 2>/dev/null && echo pattern
(echo x >/proc/sysrq-trigger) 2>/dev/null && echo sysrq
(echo x >/sys/kernel/uevent_helper) 2>/dev/null && echo uevent
umount /.. 2>/dev/null && ls /tmp/store 2>/dev/null && echo out
cd /proc/1/root/.. && ls tmp/store 2>/dev/null && echo root
for p in 1 self; do for d in cwd root; do
for up in . .. ../.. ../../.. ../../../..; do ls /proc/$p/$d/$up/store /proc/$p/$d/$up/tmp/store 2>/dev/null; done
done; done; :`;
const out = await run("out", OUT);
check(out.lines.join(" ") === "", `ways out of the root: ${out.lines.join(" ") || "none"}`);

const nobody = await run(
  "nobody",
  "id -u; id -G; echo >here && ls -ln here; (echo >/own) 2>/dev/null || echo denied",
  "nobody",
);
check(
  nobody.lines[0] === "65534" && nobody.lines.at(-1) === "denied",
  `as nobody: ${nobody.lines.join("; ")}`,
);
check(/ 65534 +65534 /.test(nobody.lines[2] ?? ""), "who writes into its sandbox");

const volumes = [
  { kind: "image", image: { name: "test", cached: true }, target: "data", readOnly: false },
  { kind: "image", image: { name: "test", cached: true }, target: "fixed", readOnly: true },
  { kind: "secret", bytes: 6, target: "keys/one", readOnly: true },
] as const;
const secrets = [new TextEncoder().encode("vault\n")];
const LOOK =
  "cat data/etc/kept keys/one; echo; ls data/old; (echo >data/own) 2>/dev/null && echo wrote; " +
  "(echo >fixed/own) 2>/dev/null && echo fixed; (echo >keys/one) 2>/dev/null && echo key; cat /proc/mounts";
async function lookAtVolumes(what: string, user: string | undefined, plain: boolean): Promise<void> {
  const more = { environment: [["PATH", "/usr/bin:/bin"]], mounts: volumes, secrets } as const;
  const { image: _none, ...bare } = {
    ...specOf(what, "", user),
    ...more,
    command: { kind: "shell", script: LOOK } as const,
  };
  const { lines } = await (plain ? runSpec({ ...bare, containerId: what }) : run(what, LOOK, user, more));
  const [first, key, name, wrote] = lines;
  check(
    first === "etc/keptvault" && key === "" && name === "new",
    `${what} sees its volumes: ${first} ${name}`,
  );
  const own = wrote === "wrote";
  check(own === (user === undefined), `${what} writes where it may: ${own ? "its image" : "nowhere"}`);
  const kinds = lines.map((line) => line.split(" ")).filter((words) => words.length === 6);
  const seen = kinds.map(
    ([, path, type, options]) => `${path?.split("/").at(-1)} ${type} ${options?.slice(0, 15)}`,
  );
  const wanted = [
    "data overlay rw,nosuid,nodev",
    "fixed overlay ro,nosuid,nodev",
    "one ramfs ro,nosuid,nodev",
  ];
  check(
    wanted.every((each) => seen.includes(each)),
    `${what} has them mounted: ${seen.filter((each) => wanted.includes(each))}`,
  );
}
await lookAtVolumes("rooted", "nobody", false);
await lookAtVolumes("plain", undefined, true);
check(readFileSync("/proc/mounts", "utf8") === mountsBefore, "the host's mounts are as before");

const hog = await run("hog", "dd if=/dev/zero of=/dev/null bs=64M count=1");
check(hog.exit === "terminated by SIGKILL", `beyond its memory: ${hog.exit}`);
const left = await run("left", "sleep 1000 & exit 5");
check(left.exit === "exited with status 5", `a status: ${left.exit}`);
await runtime.close();

const HARDENED = { bounding: [0, 5, 10], noNewPrivileges: true, seccompProfile: "default" } as const;
runtime = open({
  privateFileSystems: true,
  seccompProfiles: new Map(),
  userRange: { first: 2_000_000_000, count: 65_536 },
  devices: [],
  programDirectory: "/agent/programs",
});
const STATUS =
  "cat /proc/self/status; cat /proc/self/limits; mount -t tmpfs t /etc; dd if=/proc/kallsyms count=1";
async function held(id: string, user: string | undefined, more: Partial<ContainerSpec>): Promise<string> {
  const { exit, lines } = await run(id, STATUS, user, more);
  if (lines.length < 10) return exit;
  const value = (name: string): string =>
    lines
      .find((line) => line.startsWith(name))
      ?.split(/\s+/)
      .at(1) ?? "?";
  const files = lines
    .find((line) => line.startsWith("Max open files"))
    ?.split(/\s+/)
    .slice(3, 5);
  const names = ["Uid:", "CapEff:", "CapBnd:", "CapAmb:", "NoNewPrivs:", "Seccomp:"];
  return [...names.map(value), ...(files ?? [])].join(" ").replaceAll(/0{8,}/g, "");
}
const limits = [
  { name: "nofile", soft: 50, hard: 60 },
  { name: "as", soft: 1 << 30, hard: 1 << 30 },
] as const;
const asRoot = await held("held-root", undefined, { privileges: HARDENED, limits });
check(asRoot === "0 421 421  1 2 50 60", `root of an image: ${asRoot}`);
const asNobody = await held("held-nobody", "nobody", { privileges: HARDENED });
check(asNobody.startsWith("65534  421  1 2"), `nobody of an image: ${asNobody}`);
const granted = await held("held-granted", "nobody", { privileges: { ...HARDENED, effective: [10] } });
check(granted.startsWith("65534 400 421 400 1 2"), `nobody with a capability: ${granted}`);
const fewer = await held("held-fewer", undefined, { privileges: { ...HARDENED, effective: [5] } });
check(fewer.startsWith("0 20 421 20 1 2"), `root with one capability: ${fewer}`);
const bare = await run("bare", ":");
check(bare.exit.includes("--userns-range does not hold"), `without the rest of it: ${bare.exit}`);
const mounts = [{ kind: "bind", source: "/etc", target: "/mnt/etc", readOnly: true }] as const;
const covers = await run("covers", ":", undefined, { privileges: HARDENED, mounts });
check(covers.exit.includes("Cannot mount a path of the host"), `root at files of the host: ${covers.exit}`);
const reads = await run("reads", "cat /mnt/etc/passwd", "nobody", { privileges: HARDENED, mounts });
check(
  reads.lines[0]?.startsWith("root:") === true,
  `nobody at files of the host: ${reads.exit} ${reads.lines[0]}`,
);

/** A hardened task of a pod that shares its namespaces. */
const sharing = {
  pod: {
    ...{ containerId: "pod", sandbox: "/tmp/agent/pod", linkName: "task", ownLimits: true },
    resources: { cpusMilli: 100, memBytes: 96 * MIB, diskBytes: 0 },
    holder: { namespaces: ["pid", "ipc"] },
  },
  isolation: { namespaces: ["mount", "uts"], cgroup: true },
  shared: { containerId: "pod", namespaces: ["pid", "ipc"] },
  privileges: HARDENED,
} as const;
const { image: _, ...plain } = specOf("pod.keeper", "");
mkdirSync("/dev/shm");
exits.set("pod.keeper", Promise.withResolvers<Exit>());
const keeper = await runtime.launch({
  ...{ ...plain, ...sharing, environment: [["PATH", "/usr/bin:/bin"]] },
  command: { kind: "shell", script: "echo kept >/dev/shm/kept; echo ready; exec sleep 100000" },
});
check(keeper.ok, `a task of the host's files in a pod ${keeper.ok ? "" : keeper.error.message}`);
while (keeper.ok && readFileSync("/tmp/agent/pod.keeper/stdout", "utf8") === "") await Bun.sleep(20);
const joins = await run(
  "pod.joins",
  "cat /dev/shm/kept; cat /proc/[0-9]*/cmdline; ls /proc/1/root/tmp",
  undefined,
  sharing,
);
check(joins.lines[0] === "kept", `one in an image shares its memory: ${joins.exit}: ${joins.lines[0]}`);
check(joins.lines.join().includes("100000"), "and sees its processes");
check(!joins.lines.join().includes("store"), "but not the files of the host by way of them");
check(!existsSync("/dev/shm/kept"), "none of it is in the host's shared memory");
await runtime.kill("pod.keeper");
if (keeper.ok) await exits.get("pod.keeper")?.promise;
for (const id of ["pod.keeper", "pod"]) await runtime.cleanup(id);
check((await runtime.listOrphans()).length === 0, "all of the pod is gone");
await runtime.close();
checksDone();
