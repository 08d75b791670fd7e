/** Runs inside the virtual machine: who may open GPUs, which are other devices, each finding printed. */
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { ok } from "../../src/base/result.ts";
import { type CgroupSettings, DEFAULT_CGROUP_SETTINGS } from "../../src/isolation/cgroup-settings.ts";
import type { ConfinementSettings } from "../../src/isolation/confinement-settings.ts";
import { type ContainerSpec, describeExit, type Exit } from "../../src/isolation/container.ts";
import { ALL_DEVICES } from "../../src/isolation/device-program.ts";
import type { GpuSettings } from "../../src/isolation/gpus.ts";
import { enterRoot } from "../../src/isolation/linux/enter-root.ts";
import { findNvidiaGpus } from "../../src/isolation/linux/nvidia.ts";
import { openLinuxRuntime } from "../../src/isolation/linux/runtime.ts";
import { ENTER_ROOT_COMMAND } from "../../src/isolation/root.ts";
import type { Images, Runtime } from "../../src/isolation/runtime.ts";
import { shellContainer } from "./shell-container.ts";

const words = process.argv.slice(2);
if (words[0] === ENTER_ROOT_COMMAND) enterRoot(words.slice(1));

const MIB = 1_024 * 1_024;
const NAMES = ["nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm"];
/** Prints which of them can be opened. */
const OPENS = `for d in ${NAMES.join(" ")}; do (: </dev/$d) 2>/dev/null && echo $d; done; :`;

function check(holds: boolean, what: string): void {
  console.log(`check ${holds ? "ok" : "FAILED"} ${what}`);
}

function sh(script: string): string {
  const { stdout, stderr } = Bun.spawnSync(["sh", "-c", script]);
  return `${stdout}${stderr}`.trim();
}

function expectSeen(seen: string, expected: string, what: string): void {
  check(seen === sorted(expected), `${what}: ${seen === "" ? "none" : seen}`);
}

/** What the driver of NVIDIA's would have made, of devices of the kernel that no task may open. */
function makeGpus(): GpuSettings {
  const misc = readdirSync("/sys/dev/char").filter((numbers) => numbers.startsWith("10:"));
  const usable = misc.find((numbers) => {
    sh(`mknod /tmp/tried${numbers} c ${numbers.replace(":", " ")}`);
    return sh(`: </tmp/tried${numbers} && echo yes`) === "yes";
  });
  const numbers = ["1 11", "1 1", "4 64", usable?.replace(":", " ")];
  for (const [at, name] of NAMES.entries()) sh(`mknod -m 666 /dev/${name} c ${numbers[at]}`);
  sh("mount -t tmpfs gpus /proc/driver");
  // The second by its address has the first number.
  for (const [address, minor] of [
    ["0000:02:00.0", 0],
    ["0000:01:00.0", 1],
  ] as const) {
    mkdirSync(`/proc/driver/nvidia/gpus/${address}`, { recursive: true });
    writeFileSync(
      `/proc/driver/nvidia/gpus/${address}/information`,
      `Model: \t M\nDevice Minor: \t ${minor}\n`,
    );
  }
  const found = findNvidiaGpus();
  if (!found.ok) throw new Error(found.error);
  check(
    found.value.gpus.map(({ path }) => path).join(" ") === "/dev/nvidia1 /dev/nvidia0",
    `GPUs in the order of their addresses: ${JSON.stringify(found.value)}`,
  );
  check(found.value.driver.length === 2, `with devices of their driver: ${found.value.driver.length}`);
  check(sh(OPENS).split("\n").join(" ") === NAMES.join(" "), "which the machine itself can open");
  return found.value;
}

const STORE = "/tmp/store";
function makeImage(): void {
  mkdirSync(`${STORE}/layers/low/bin`, { recursive: true });
  cpSync("/usr/bin/busybox", `${STORE}/layers/low/bin/busybox`);
  for (const name of ["sh", "ls", "grep"]) symlinkSync("busybox", `${STORE}/layers/low/bin/${name}`);
}

const images: Images = {
  provide: async (_image, id) => {
    const path = `${STORE}/containers/${id}`;
    const [upper, work, directory] = [`${path}/upper`, `${path}/work`, `${path}/root`];
    for (const each of [upper, work, directory]) mkdirSync(each, { recursive: true });
    const config = { entrypoint: [], cmd: [], env: ["PATH=/bin"] };
    const source = {
      kind: "overlay",
      layersDirectory: `${STORE}/layers`,
      layers: ["low"],
      upper,
      work,
    } as const;
    return ok({ config, source, directory });
  },
  release: async () => {},
  configOf: () => undefined,
  containers: () => [],
};

mkdirSync("/tmp/agent");
makeImage();
const exits = new Map<string, PromiseWithResolvers<Exit>>();

function open(gpus?: GpuSettings, confinement?: ConfinementSettings, cgroups?: CgroupSettings): Runtime {
  const opened = openLinuxRuntime({
    runtimeDirectory: "/run/mesh",
    fetch: async () => ok(undefined),
    images,
    self: [process.execPath],
    ...(gpus === undefined ? {} : { gpus }),
    ...(confinement === undefined ? {} : { confinement }),
    ...(cgroups === undefined ? {} : { cgroups }),
  });
  opened.onExit((id, exit) => exits.get(id)?.resolve(exit));
  return opened;
}

function resources(gpus: number): ContainerSpec["resources"] {
  return { cpusMilli: 100, memBytes: 32 * MIB, diskBytes: 0, ...(gpus === 0 ? {} : { gpus }) };
}

async function start(id: string, gpus: number, script: string, more: Partial<ContainerSpec> = {}) {
  exits.set(id, Promise.withResolvers<Exit>());
  const launched = await runtime.launch({
    ...shellContainer(id, script, resources(gpus)),
    ...more,
  });
  const problem = launched.ok ? "" : `${launched.error.step}: ${launched.error.message}`;
  if (problem !== "") console.log(`${id} ${problem}`);
  return problem;
}

const said = (id: string): string =>
  readFileSync(`/tmp/agent/${id}/stdout`, "utf8").trim().replaceAll("\n", " ");

async function run(
  id: string,
  gpus: number,
  script = OPENS,
  more: Partial<ContainerSpec> = {},
): Promise<string> {
  const problem = await start(id, gpus, script, more);
  if (problem !== "") return problem;
  const exit = await exits.get(id)?.promise;
  await runtime.cleanup(id);
  return exit?.kind === "exited" && exit.code === 0 ? said(id) : exit ? describeExit(exit) : "?";
}

async function stop(id: string): Promise<void> {
  await runtime.kill(id);
  await runtime.cleanup(id);
}

/** Looks again each time that a line is written into the pipe. */
const ASKED = `mkfifo ask; while read line <ask; do (${OPENS} ; echo end) >seen; done`;
async function look(id: string): Promise<string> {
  const sandbox = `/tmp/agent/${id}`;
  while (!existsSync(`${sandbox}/ask`)) await Bun.sleep(5);
  writeFileSync(`${sandbox}/seen`, "");
  // It waits for the task to open the other end.
  writeFileSync(`${sandbox}/ask`, "\n");
  for (;;) {
    const seen = readFileSync(`${sandbox}/seen`, "utf8").trim().split("\n");
    if (seen.pop() === "end") return seen.join(" ");
    await Bun.sleep(5);
  }
}

const gpus = makeGpus();
const [first, second] = ["nvidia1 nvidiactl nvidia-uvm", "nvidia0 nvidiactl nvidia-uvm"];
const all = NAMES.join(" ");

// An agent of before handed out none, and its tasks live on.
let runtime = open();
await start("old", 0, ASKED);
expectSeen(await look("old"), "", "a task of an agent without GPUs opens");
await runtime.close();
runtime = open(gpus);
await runtime.recover(["old"]);
expectSeen(await look("old"), "", "the same, when the agent came back with GPUs");

expectSeen(await run("plain", 0), "", "a task without GPUs opens");
expectSeen(await run("both", 2), all, "a task with two opens");
const three = await run("three", 3);
check(three.includes("It asks for 3 GPUs; this agent hands out 2"), `more than there are: ${three}`);

await start("holder", 1, ASKED);
expectSeen(await look("holder"), first, "a task with one opens");
expectSeen(await run("beside", 1), second, "the next one opens the other");
await start("holder.inner", 0, ASKED);
expectSeen(await look("holder.inner"), first, "a container inside another opens what that one does");

await runtime.close();
runtime = open(gpus);
await runtime.recover(["old", "holder", "holder.inner"]);
expectSeen(await run("after", 1), second, "who holds which is known after a restart of the agent");
expectSeen(await look("holder"), first, "and holds it on");

await start("holder2", 1, ASKED);
const late = run("late", 1);
expectSeen(await look("holder2"), second, "now both are held");
await stop("holder.inner");
await stop("holder");
expectSeen(await late, first, "one that had to wait gets what is let go");

check((await runtime.update("holder2", resources(2))).ok, "a running one can be given more");
expectSeen(await look("holder2"), all, "which it opens");
const more = await runtime.update("old", resources(1));
check(!more.ok, `when all are held it waits: ${more.ok ? "" : more.error}`);
await runtime.update("holder2", resources(1));
expectSeen(await look("holder2"), second, "one loses what it is to have no more");
expectSeen(await look("old"), first, "and who waited has it");
await runtime.close();
runtime = open(gpus);
await runtime.recover(["old", "holder2"]);
await runtime.update("holder2", resources(0));
expectSeen(await look("holder2"), "", "one can lose all");
expectSeen(await run("again", 1), second, "after a restart those that were given later are known, too");
await stop("old");
await stop("holder2");

const image = { image: { name: "test", cached: true, ownVariables: [], sandbox: "/mnt/mesos/sandbox" } };
const inImage = (script: string): Partial<ContainerSpec> => ({
  ...image,
  command: { kind: "image", shell: true, value: script, arguments: [] },
});
const LISTED = `${OPENS}; ls /dev | grep nv; :`;
const rooted = await run("rooted", 1, "", inImage(LISTED));
const listed = first.split(" ").sort().join(" ");
check(rooted === `${sorted(first)} ${listed}`, `in an image, where no others are: ${rooted}`);
const bare = await run("bare", 0, "", inImage(LISTED));
check(bare === "", `in an image without GPUs: ${bare}`);
await runtime.close();

const paths = [...gpus.gpus, ...gpus.driver].map(({ path }) => path);
runtime = open(gpus, {
  privateFileSystems: true,
  seccompProfiles: new Map(),
  devices: paths,
  programDirectory: "/agent/programs",
});
expectSeen(await run("private", 1), first, "with a /dev of its own");
expectSeen(await run("private-none", 0), "", "with a /dev of its own and no GPUs");
await runtime.close();

runtime = open(gpus, undefined, { ...DEFAULT_CGROUP_SETTINGS, devices: ALL_DEVICES });
expectSeen(await run("all-none", 0), "nvidiactl nvidia-uvm", "where all may open all, but no GPU");
expectSeen(await run("all-one", 1), first, "where all may open all, and its own GPU");
await runtime.close();

runtime = open();
expectSeen(await run("none", 2), "", "an agent that hands out none again");
await runtime.close();
check(!existsSync(runtime.capabilities.cgroupRoot ?? "/"), "the agent's cgroup is removed");
console.log("checks done");

/** In the order in which they are tried. */
function sorted(names: string): string {
  return NAMES.filter((name) => names.split(" ").includes(name)).join(" ");
}
