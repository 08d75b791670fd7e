/** Runs inside the virtual machine: containers on a pure cgroup v2 machine, each finding printed. */
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { ok } from "../../src/base/result.ts";
import type { ContainerSpec, Exit } from "../../src/isolation/container.ts";
import { describeExit } from "../../src/isolation/container.ts";
import { procTable } from "../../src/isolation/linux/process-table.ts";
import { openLinuxRuntime } from "../../src/isolation/linux/runtime.ts";
import { check, checksDone } from "../support/guest-checks.ts";

mkdirSync("/tmp/agent");
const runtime = openLinuxRuntime({ runtimeDirectory: "/run/mesh", fetch: async () => ok(undefined) });
const exits = new Map<string, PromiseWithResolvers<Exit>>();
runtime.onExit((id, exit) => exits.get(id)?.resolve(exit));

function specOf(id: string, script: string, user?: string): ContainerSpec {
  return {
    containerId: id,
    sandbox: `/tmp/agent/${id}`,
    command: { kind: "shell", script },
    environment: [["PATH", "/usr/bin:/bin"]],
    ...(user === undefined ? {} : { user }),
    stdoutName: "stdout",
    stderrName: "stderr",
    uris: [],
    resources: { cpusMilli: 100, memBytes: 1 << 25, diskBytes: 0 },
    isolation: { namespaces: ["pid", "mount", "ipc", "uts"], cgroup: true },
  };
}

async function launch(id: string, script: string, user?: string): Promise<number> {
  exits.set(id, Promise.withResolvers<Exit>());
  const launched = await runtime.launch(specOf(id, script, user));
  if (!launched.ok) {
    check(false, `launch ${id}: ${launched.error.step}: ${launched.error.message}`);
    return -1;
  }
  return launched.value.pid;
}

async function run(id: string, script: string, user?: string): Promise<{ exit: string; stdout: string }> {
  if ((await launch(id, script, user)) < 0) return { exit: "not launched", stdout: "" };
  const exit = await exits.get(id)?.promise;
  const stdout = readFileSync(`/tmp/agent/${id}/stdout`, "utf8");
  await runtime.cleanup(id);
  return { exit: exit === undefined ? "unknown" : describeExit(exit), stdout };
}

/** Kernel threads, which come and go, have no command line. */
const processes = (): number =>
  procTable.all().filter(({ pid }) => procTable.commandLine(pid).length > 0).length;
const containerCgroups = (): string[] => {
  const root = runtime.capabilities.cgroupRoot ?? "";
  return readdirSync(root, { withFileTypes: true })
    .filter((each) => each.isDirectory() && each.name !== "supervisors")
    .map((each) => each.name);
};

const { capabilities } = runtime;
console.log(`kernel ${readFileSync("/proc/version", "utf8").split(" ")[2]}`);
console.log(`controllers ${readFileSync("/sys/fs/cgroup/cgroup.controllers", "utf8").trim()}`);
check(capabilities.namespaces.join(" ") === "pid mount ipc uts", `namespaces ${capabilities.namespaces}`);
check(
  capabilities.cgroupRoot?.startsWith("/sys/fs/cgroup/mesh/") === true,
  `cgroups ${capabilities.cgroupRoot}`,
);
check(capabilities.missing.length === 0, `nothing missing ${capabilities.missing.join("; ")}`);
const before = processes();

for (const [script, expected] of [
  ["exit 0", "exited with status 0"],
  ["exit 3", "exited with status 3"],
  ["exit 137", "exited with status 137"],
  ["kill -9 $$", "terminated by SIGKILL"],
  ["kill -TERM $$", "terminated by SIGTERM"],
] as const) {
  const { exit } = await run(`exit-${script.replaceAll(/\W/g, "")}`, script);
  check(exit === expected, `"${script}" ${exit}`);
}

const NAMESPACES = "pid mnt ipc uts";
const seen = await run(
  "seen",
  `for n in ${NAMESPACES}; do readlink /proc/self/ns/$n; done; cat /proc/self/cgroup`,
);
const [pid, mnt, ipc, uts, cgroup] = seen.stdout.split("\n");
const host = Bun.spawnSync(["sh", "-c", `for n in ${NAMESPACES}; do readlink /proc/self/ns/$n; done`]);
const [hostPid, hostMnt, hostIpc, hostUts] = host.stdout.toString().split("\n");
check(pid !== undefined && pid !== hostPid, `pid namespace ${pid}, host ${hostPid}`);
check(mnt !== undefined && mnt !== hostMnt, `mount namespace ${mnt}, host ${hostMnt}`);
check(ipc !== undefined && ipc !== hostIpc, `ipc namespace ${ipc}, host ${hostIpc}`);
check(uts !== undefined && uts !== hostUts, `uts namespace ${uts}, host ${hostUts}`);
check(
  cgroup === `0::${capabilities.cgroupRoot?.slice("/sys/fs/cgroup".length)}/seen`,
  `cgroup of the task ${cgroup}`,
);

const inside = await run(
  "inside",
  "ls -d /proc/[0-9]* | wc -l; mount -t tmpfs x /tmp; hostname other; hostname",
);
const [visible = "", name] = inside.stdout.trim().split("\n");
check(Number(visible) > 0 && Number(visible) <= 5, `processes that a task sees ${visible}`);
check(existsSync("/tmp/agent"), "a mount inside stays inside");
check(name === "other", `hostname inside ${name}`);
const outside = Bun.spawnSync(["hostname"]).stdout.toString().trim();
check(outside !== "other", `hostname outside ${outside}`);

const nobody = await run("nobody", "id -u; id -g; touch here 2>/dev/null || : >here; ls -ln here", "nobody");
check(
  nobody.stdout.startsWith("65534\n65534\n"),
  `user nobody ${nobody.stdout.split("\n").slice(0, 2).join(":")}`,
);
check(/ 65534 +65534 /.test(nobody.stdout), "nobody writes into its sandbox");

const SPAWNING =
  'trap "" TERM; setsid sleep 1000 & (setsid sh -c "trap : TERM; sleep 1000 & sleep 1000" &) ; sleep 1000';
await launch("stubborn", SPAWNING);
const members = `${capabilities.cgroupRoot}/stubborn/cgroup.procs`;
while (readFileSync(members, "utf8").trim().split("\n").length < 5) await Bun.sleep(5);
console.log(`processes of the stubborn task ${readFileSync(members, "utf8").trim().replaceAll("\n", " ")}`);
await runtime.signal("stubborn", "SIGTERM");
check((await runtime.inspect("stubborn")).state === "running", "a stubborn task outlives SIGTERM");
const killed = await runtime.kill("stubborn");
const how = await exits.get("stubborn")?.promise;
check(killed.ok, `kill ${killed.ok ? "done" : killed.error}`);
check(
  how !== undefined && describeExit(how) === "terminated by SIGKILL",
  `killed task ${JSON.stringify(how)}`,
);
check(processes() === before, `processes ${before} before, ${processes()} after the kill`);
await runtime.cleanup("stubborn");
check(containerCgroups().length === 0, `cgroups left ${containerCgroups().join(" ") || "none"}`);

const spaces = `for n in ${NAMESPACES}; do readlink /proc/self/ns/$n; done`;
await launch("checked", `${spaces} >ns; : >up; sleep 1000`, "nobody");
const looked = async (script: string): Promise<string> => {
  const probe = { kind: "command", spec: specOf("checked", script, "nobody") } as const;
  return JSON.stringify(await runtime.check("checked", probe, 20_000));
};
while (!existsSync("/tmp/agent/checked/up")) await Bun.sleep(5);
const good = '{"kind":"exited","code":0}';
const inTask = `test "$(${spaces})" = "$(cat ns)" && test "$(id -u)" = 65534`;
const inCgroup = `grep -qx 0::${capabilities.cgroupRoot?.slice("/sys/fs/cgroup".length)}/checked /proc/self/cgroup`;
check((await looked(inTask)) === good, "a check runs in its task's namespaces, as its user");
check((await looked(inCgroup)) === good, "a check runs in its task's cgroup");
check((await looked("exit 3")) === '{"kind":"exited","code":3}', "a check tells its status");
await runtime.kill("checked");
await runtime.cleanup("checked");
check(processes() === before, `processes ${processes()} after a task that was checked`);

const daemon = await run("daemon", "setsid sleep 1000 >/dev/null 2>&1 & exit 4");
check(daemon.exit === "exited with status 4", `a task that leaves a daemon ${daemon.exit}`);
check(processes() === before, `processes ${processes()} after a task that left a daemon`);
await runtime.close();
check(!existsSync(capabilities.cgroupRoot ?? "/"), "the agent's cgroup is removed");
checksDone();
