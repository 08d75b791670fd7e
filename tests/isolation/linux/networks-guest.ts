/**
 * Runs in a network namespace of a test's own: containers on networks made by
 * the real plugins and by some that misbehave. Prints each finding.
 *
 *     bun networks-guest.ts <directory>              all checks
 *     bun networks-guest.ts <directory> start <id>   launches a container on the slow network, for ever
 */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { ok } from "../../../src/base/result.ts";
import { checkNetwork } from "../../../src/io/network-check.ts";
import type { ContainerSpec, Exit } from "../../../src/isolation/container.ts";
import { openLinuxRuntime } from "../../../src/isolation/linux/runtime.ts";
import type { Runtime } from "../../../src/isolation/runtime.ts";
import type { NetworkInfo } from "../../../src/model/v1/containers.ts";
import { check, checksDone } from "../../support/guest-checks.ts";
import { CNI_PLUGINS } from "../../support/own-network.ts";

const HOST_PORT = 31_080;
const [, , directory = "", action, startId = ""] = process.argv;
const addresses = `${directory}/addresses`;
const home = readlinkSync("/proc/thread-self/ns/net");
const exits = new Map<string, PromiseWithResolvers<Exit>>();
const logged: string[] = [];

function open(): Runtime {
  const log = (message: string, fields?: object): void => {
    logged.push(`${message} ${JSON.stringify(fields ?? {})}`);
  };
  const opened = openLinuxRuntime({
    runtimeDirectory: `${directory}/run`,
    fetch: async () => ok(undefined),
    checkNetwork,
    networks: {
      pluginDirectories: [`${directory}/plugins`, CNI_PLUGINS],
      configDirectory: `${directory}/networks`,
      recordDirectory: `${directory}/records`,
      defaultDns: [
        {
          network: undefined,
          dns: { nameservers: ["10.0.0.53"], domain: undefined, search: ["test"], options: [] },
        },
      ],
    },
    log: { debug: log, info: log, warn: log, error: log },
  });
  opened.onExit((id, exit) => exits.get(id)?.resolve(exit));
  return opened;
}

async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!(await condition())) {
    if (performance.now() > deadline) {
      check(false, what);
      return;
    }
    await Bun.sleep(10);
  }
  check(true, what);
}

function plugin(name: string, script: string): void {
  const calls = `echo "${name} $CNI_COMMAND $CNI_CONTAINERID $CNI_IFNAME" >>${directory}/calls`;
  writeFileSync(`${directory}/plugins/${name}`, `#!/bin/sh\n${calls}\n${script}\n`, { mode: 0o755 });
}

function writeNetworks(): void {
  for (const name of ["plugins", "networks", "sandboxes"]) mkdirSync(`${directory}/${name}`);
  const ipam = (subnet: string) => ({ type: "host-local", dataDir: addresses, ranges: [[{ subnet }]] });
  const write = (name: string, config: object): void =>
    writeFileSync(
      `${directory}/networks/${name}.json`,
      JSON.stringify({ cniVersion: "0.4.0", name, ...config }),
    );
  const bridge = { type: "bridge", bridge: "mesh0", isGateway: true, ipam: ipam("10.77.1.0/24") };
  const portmap = { type: "portmap", capabilities: { portMappings: true }, snat: true };
  write("web", { plugins: [bridge, portmap, { type: "notes" }] });
  write("old", {
    cniVersion: "0.2.0",
    type: "bridge",
    bridge: "mesh1",
    ipam: { ...ipam("10.77.2.0/24"), subnet: "10.77.2.0/24", ranges: undefined },
  });
  write("broken", {
    cniVersion: "1.0.0",
    plugins: [{ ...bridge, bridge: "mesh3", ipam: ipam("10.77.3.0/24") }, { type: "refuses" }],
  });
  write("slow", { plugins: [{ ...bridge, bridge: "mesh4", ipam: ipam("10.77.4.0/24") }, { type: "hangs" }] });
  write("lacking", { type: "nowhere" });
  plugin(
    "refuses",
    'case $CNI_COMMAND in ADD) echo \'{"cniVersion":"1.0.0","code":7,"msg":"no room","details":"left"}\'; exit 1;; esac',
  );
  plugin("notes", 'case $CNI_COMMAND in CHECK) echo "{\\"code\\":9,\\"msg\\":\\"changed\\"}"; exit 1;; esac');
  plugin("hangs", "case $CNI_COMMAND in ADD) sleep 1000;; esac");
}

function spec(id: string, script: string, networks: NetworkInfo[], owner = id): ContainerSpec {
  exits.set(id, Promise.withResolvers<Exit>());
  return {
    containerId: id,
    sandbox: `${directory}/sandboxes/${id}`,
    command: { kind: "shell", script },
    environment: [["PATH", "/usr/sbin:/usr/bin:/sbin:/bin"]],
    stdoutName: "stdout",
    stderrName: "stderr",
    uris: [],
    network: { networks, hostname: `${id}.test`, owner },
    resources: { cpusMilli: 100, memBytes: 1 << 25, diskBytes: 0 },
    isolation: { namespaces: ["pid", "mount", "ipc", "uts"], cgroup: true },
  };
}

const said = (id: string): string => readFileSync(`${directory}/sandboxes/${id}/stdout`, "utf8");
const taken = (name: string): string[] =>
  existsSync(`${addresses}/${name}`)
    ? readdirSync(`${addresses}/${name}`).filter((file) => /^\d/.test(file))
    : [];
const mounts = (): number =>
  readFileSync("/proc/self/mountinfo", "utf8").split(`${directory}/run/networks/`).length - 1;

/** What a program in the task's network listens on, and its greeting. */
const server = (host: string, port: number, text: string): string =>
  `exec ${process.execPath} -e 'Bun.serve({hostname:"${host}",port:${port},fetch:()=>new Response("${text}")}); console.log("up")'`;

async function get(url: string): Promise<string> {
  return await fetch(url, { signal: AbortSignal.timeout(2_000) })
    .then((response) => response.text())
    .catch((error: unknown) => String(error));
}

/** Whether this process is where it began. */
function own(): string {
  return readlinkSync("/proc/thread-self/ns/net") === home ? "own" : "another";
}

async function all(): Promise<void> {
  writeNetworks();
  let runtime = open();
  const web: NetworkInfo = { name: "web", labels: { labels: [{ key: "a", value: "b" }] } };
  const ports = [{ host_port: HOST_PORT, container_port: 80, protocol: "tcp" }];
  const first = await runtime.launch(
    spec("a", server("0.0.0.0", 80, "from a"), [{ ...web, port_mappings: ports }, { name: "old" }]),
  );
  const infos = first.ok ? (first.value.networks ?? []) : [];
  const address = infos[0]?.ip_addresses?.[0]?.ip_address ?? "";
  check(address.startsWith("10.77.1."), "a container has an address of its network", first);
  check(infos[0]?.labels?.labels?.[0]?.key === "a", "and the labels asked for", infos);
  check(
    infos[1]?.ip_addresses?.[0]?.ip_address?.startsWith("10.77.2.") === true,
    "and one of a network of CNI 0.2.0",
    infos,
  );
  await until("its program listens", () => said("a").includes("up"));

  const look = `echo low=$(cat /proc/sys/net/ipv4/ip_unprivileged_port_start); hostname; cat /etc/hosts /etc/resolv.conf /etc/hostname; ls /sys/class/net >/dev/null; cut -d: -f1 /proc/net/dev; ${process.execPath} -e 'console.log(await (await fetch("http://${address}/")).text())'; ${server("127.0.0.1", 81, "from b")}`;
  const second = await runtime.launch(spec("b", look, [web]));
  check(second.ok, "a second container joins", second);
  await until("its program listens", () => said("b").includes("up"));
  const b = said("b");
  check(b.includes("from a"), "containers of a network reach each other", b);
  check(
    b.includes("\nb.test\n") && /10\.77\.1\.\d+ b\.test\n/.test(b) && b.includes("127.0.0.1 localhost"),
    "host name and /etc/hosts",
    b,
  );
  check(b.includes("search test\nnameserver 10.0.0.53\n"), "the operator's name servers", b);
  check(/^ *eth0$/m.test(b) && /^ *lo$/m.test(b) && !b.includes("mesh0"), "only interfaces of its own", b);
  check(b.includes("low=0\n"), "ports below 1024 are for everybody there", b);
  check(!readFileSync("/etc/hosts", "utf8").includes("b.test"), "the host's own files stay");
  check(
    (await get(`http://127.0.0.1:${HOST_PORT}/`)) === "from a",
    "a port of the host leads to the container",
  );
  const http = { kind: "http", scheme: "http", protocol: "IPv4", port: 81, path: "/" } as const;
  const looked = await runtime.check("b", http, 5_000);
  check(
    looked.kind === "answered" && looked.status === 200,
    "a check sees what listens on the task's loopback",
    looked,
  );
  const closed = await runtime.check("a", { kind: "tcp", protocol: "IPv4", port: 81 }, 5_000);
  check(closed.kind === "connected" && !closed.connected, "and not on that of another", closed);
  const command = await runtime.check(
    "b",
    { kind: "command", spec: { ...spec("b", "grep -q eth0 /proc/net/dev", [web]) } },
    5_000,
  );
  check(
    command.kind === "exited" && command.code === 0,
    "a command check runs in the task's network",
    command,
  );
  const used = await runtime.statistics("a");
  check(
    (used?.net_rx_bytes ?? 0) > 0 && (used?.net_snmp_statistics?.tcp_stats?.PassiveOpens ?? 0) > 0,
    "what it sent and got is counted",
    used,
  );

  await runtime.close();
  runtime = open();
  const recovered = await runtime.recover(["a", "b"]);
  const state = recovered.get("a");
  check(
    state?.state === "running" && Bun.deepEquals(state.launched.networks, infos),
    "a later agent knows the addresses",
    state,
  );
  check((await runtime.listOrphans()).length === 0, "and has no orphans");
  check((await get(`http://127.0.0.1:${HOST_PORT}/`)) === "from a", "the port leads on");
  const checked = (id: string): boolean =>
    logged.some(
      (line) => line.includes("not as it was set up") && line.includes(id) && line.includes("changed"),
    );
  await until("CHECK tells of a network that changed", () => checked("a") && checked("b"));
  await runtime.kill("a");
  check(taken("web").length === 1 && taken("old").length === 0, "addresses are free when the end is told", [
    taken("web"),
    taken("old"),
  ]);
  check((await get(`http://127.0.0.1:${HOST_PORT}/`)) !== "from a", "so is the port");
  await runtime.kill("b");
  for (const id of ["a", "b"]) await runtime.cleanup(id);

  const refused = await runtime.launch(spec("c", "exit 0", [{ name: "broken" }]));
  check(
    !refused.ok &&
      refused.error.step === "network" &&
      refused.error.message.includes(
        'cannot join the network "broken": the plugin "refuses" failed at ADD: no room: left (code 7)',
      ),
    "a failing plugin's words are told",
    refused,
  );
  const calls = readFileSync(`${directory}/calls`, "utf8");
  check(calls.endsWith("refuses ADD c eth0\nrefuses DEL c eth0\n"), "and its work undone", calls);
  const unknown = await runtime.launch(spec("d", "exit 0", [{ name: "nothing" }]));
  check(
    !unknown.ok && unknown.error.message.includes('unknown CNI network "nothing"'),
    "an unknown network is refused",
    unknown,
  );
  const lacking = await runtime.launch(spec("e", "exit 0", [{ name: "lacking" }]));
  check(
    !lacking.ok && lacking.error.message.includes('the plugin "nowhere" is in none of the directories'),
    "and one whose plugin is not there",
    lacking,
  );
  const portless = await runtime.launch(spec("f", "exit 0", [{ name: "old", port_mappings: ports }]));
  check(
    !portless.ok && portless.error.message.includes('network "old" maps no ports'),
    "and ports that nobody maps",
    portless,
  );
  const fixed = await runtime.launch(
    spec("g", "exec sleep 100", [
      { name: "web", ip_addresses: [{ protocol: "IPv4", ip_address: "10.77.1.200" }] },
    ]),
  );
  check(
    fixed.ok && fixed.value.networks?.[0]?.ip_addresses?.[0]?.ip_address === "10.77.1.200",
    "an address that is asked for",
    fixed,
  );
  const launching = runtime.launch(spec("h", "exit 0", [{ name: "slow" }]));
  await until("a plugin takes its time", () =>
    readFileSync(`${directory}/calls`, "utf8").includes("hangs ADD h"),
  );
  await runtime.kill("h");
  const cancelled = await launching;
  check(
    !cancelled.ok && cancelled.error.step === "cancelled" && taken("slow").length === 0,
    "a kill ends the plugin",
    cancelled,
  );

  const stopping = runtime.launch(spec("s", "exit 0", [{ name: "slow" }]));
  await until("a plugin takes its time again", () =>
    readFileSync(`${directory}/calls`, "utf8").includes("hangs ADD s"),
  );
  await runtime.close();
  check(
    !(await stopping).ok && own() === "own",
    "an agent that stops in the middle stays in its own network",
  );
  runtime = open();
  await runtime.recover(["g"]);

  const child = Bun.spawn([process.execPath, import.meta.path, directory, "start", "i"], {
    stdio: ["ignore", "inherit", "inherit"],
  });
  await until("another agent is in the middle of it", () =>
    readFileSync(`${directory}/calls`, "utf8").includes("hangs ADD i"),
  );
  child.kill("SIGKILL");
  await child.exited;
  check(taken("slow").length === 1, "it dies, and an address is taken");
  await runtime.close();
  mkdirSync(`${directory}/run/networks/stranger`);
  runtime = open();
  const found = await runtime.recover(["g", "i"]);
  check(
    found.get("i")?.state === "never-started" && found.get("g")?.state === "running",
    "the next one finds what it left",
    [...found],
  );
  check(taken("slow").length === 0 && taken("web").length === 1, "and gives it back", [
    taken("slow"),
    taken("web"),
  ]);
  check(!existsSync(`${directory}/run/networks/stranger`), "with what has no record");
  await runtime.close();

  runtime = open();
  const orphans = await runtime.listOrphans();
  check(Bun.deepEquals([...orphans], ["g"]), "a container nobody remembers is an orphan", orphans);
  for (const id of orphans) {
    await runtime.kill(id);
    await runtime.cleanup(id);
  }
  check(taken("web").length === 0 && mounts() === 0, "ended, it leaves no address and no namespace", [
    taken("web"),
    mounts(),
  ]);
  check(
    readdirSync(`${directory}/records`).length + readdirSync(`${directory}/run/networks`).length === 0,
    "and no record",
  );
  const p1 = spec("p1", server("127.0.0.1", 90, "from p1"), [web], "p");
  const p2 = spec(
    "p2",
    `until ${process.execPath} -e 'console.log(await (await fetch("http://127.0.0.1:90/")).text())' 2>/dev/null; do :; done; exec sleep 100`,
    [web],
    "p",
  );
  const both = await Promise.all([runtime.launch(p1), runtime.launch(p2)]);
  const shown = both.map((one) =>
    one.ok ? one.value.networks?.[0]?.ip_addresses?.[0]?.ip_address : one.error,
  );
  check(
    taken("web").length === 1 && shown[0] !== undefined && shown[0] === shown[1],
    "two share a network",
    shown,
  );
  await until("they reach each other over localhost", () => said("p2").includes("from p1"));
  await runtime.close();
  // One more was about to be launched.
  const [record = ""] = readFileSync(`${directory}/run/containers/p1`, "utf8").split("\n");
  writeFileSync(`${directory}/run/containers/p0`, `${record.replaceAll('p1"', 'p0"')}\n`);
  runtime = open();
  const podFound = await runtime.recover(["p0", "p1", "p2"]);
  check(
    podFound.get("p0")?.state === "never-started" && taken("web").length === 1,
    "one that was never started takes the network from nobody",
    [...podFound],
  );
  const ownerless = await runtime.listOrphans();
  check(ownerless.length === 0, "which has no owner of its own to end", ownerless);
  await runtime.kill("p1");
  await runtime.cleanup("p1");
  check(taken("web").length === 1, "the network stays as long as one is in it");
  await runtime.kill("p2");
  check(taken("web").length === 0, "and no longer", taken("web"));
  await runtime.cleanup("p2");
  const doomed = await runtime.launch(spec("k", "exec sleep 100", [{ name: "web" }]));
  if (doomed.ok) process.kill(doomed.value.pid, "SIGKILL");
  await runtime.close();
  // What a reboot does: no process, no mount and nothing in memory is left.
  for (const pid of Bun.spawnSync(["pgrep", "-f", `${directory}/run/containers/k`])
    .stdout.toString()
    .split("\n")) {
    if (pid !== "") process.kill(Number(pid), "SIGKILL");
  }
  Bun.spawnSync(["umount", "-l", `${directory}/run/networks/k/namespace`]);
  rmSync(`${directory}/run`, { recursive: true });
  check(taken("web").length === 1, "an address outlives a reboot");
  runtime = open();
  for (const id of await runtime.listOrphans()) {
    await runtime.kill(id);
    await runtime.cleanup(id);
  }
  check(
    taken("web").length === 0 && readdirSync(`${directory}/records`).length === 0,
    "and is given back after it",
  );
  const rules = Bun.spawnSync(["iptables", "-t", "nat", "-S"]).stdout.toString();
  check(!rules.includes(String(HOST_PORT)), "and no rule", rules);
  await runtime.close();
  checksDone();
}

if (action === "start") {
  await open().launch(spec(startId, "exit 0", [{ name: "slow" }]));
} else {
  await all();
}
