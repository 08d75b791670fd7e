/**
 * Runs in a network namespace of the test's own: a master and an agent of the
 * binary, and tasks on networks that Debian's plugins make. Prints each finding.
 */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import type { ContainerInfo, NetworkInfo } from "../../src/model/v1/containers.ts";
import type { TaskInfo } from "../../src/model/v1/tasks.ts";
import { check, checksDone } from "../support/guest-checks.ts";
import { CNI_PLUGINS } from "../support/own-network.ts";
import { eventually, mesh, TestCluster } from "./test-cluster.ts";
import { TestScheduler } from "./test-scheduler.ts";

const HOST_PORT = 31_500;
const [, , directory = ""] = process.argv;
const calls = `${directory}/calls`;

function plugin(name: string, script: string): void {
  const note = `echo "${name} $CNI_COMMAND" >>${calls}`;
  writeFileSync(`${directory}/plugins/${name}`, `#!/bin/sh\n${note}\n${script}\n`, { mode: 0o755 });
}

function writeNetworks(): void {
  for (const name of ["plugins", "networks"]) mkdirSync(`${directory}/${name}`);
  writeFileSync(calls, "");
  for (const [number, [name, last]] of [
    ["web", { type: "portmap", capabilities: { portMappings: true }, snat: true }] as const,
    ["slow", { type: "slow" }] as const,
    ["broken", { type: "broken" }] as const,
  ].entries()) {
    const ranges = [[{ subnet: `10.78.${number}.0/24` }]];
    const ipam = { type: "host-local", dataDir: `${directory}/addresses`, ranges };
    const bridge = { type: "bridge", bridge: `mesh${number}`, isGateway: true, ipam };
    const config = { cniVersion: "1.0.0", name, plugins: [bridge, last] };
    writeFileSync(`${directory}/networks/${name}.json`, JSON.stringify(config));
  }
  plugin("slow", "case $CNI_COMMAND in ADD) sleep 1000;; esac");
  plugin("broken", 'case $CNI_COMMAND in ADD) echo \'{"code": 11, "msg": "no cable"}\'; exit 1;; esac');
}

const BUSYBOX = ["/usr/bin/busybox", "/bin/busybox"].find((path) => existsSync(path)) ?? "/bin/busybox";

/** An image of one static program, as docker save writes it. */
function writeImage(): void {
  const files = `${directory}/image`;
  mkdirSync(`${files}/root`, { recursive: true });
  mkdirSync(`${directory}/images`);
  cpSync(BUSYBOX, `${files}/root/busybox`, { dereference: true });
  Bun.spawnSync(["tar", "-C", `${files}/root`, "-cf", `${files}/layer.tar`, "busybox"]);
  const digest = new Bun.CryptoHasher("sha256").update(readFileSync(`${files}/layer.tar`)).digest("hex");
  const rootfs = { type: "layers", diff_ids: [`sha256:${digest}`] };
  const architecture = process.arch === "x64" ? "amd64" : process.arch;
  writeFileSync(`${files}/config.json`, JSON.stringify({ architecture, os: "linux", config: {}, rootfs }));
  const manifest = [{ Config: "config.json", RepoTags: ["tool:latest"], Layers: ["layer.tar"] }];
  writeFileSync(`${files}/manifest.json`, JSON.stringify(manifest));
  const names = ["manifest.json", "config.json", "layer.tar"];
  Bun.spawnSync(["tar", "-C", files, "-cf", `${directory}/images/tool.tar`, ...names]);
}

const on = (network: NetworkInfo, more: Partial<TaskInfo> = {}): Partial<TaskInfo> => ({
  container: { type: "MESOS", network_infos: [network] },
  ...more,
});

const taken = (name: string): string[] => {
  const path = `${directory}/addresses/${name}`;
  return existsSync(path) ? readdirSync(path).filter((file) => /^\d/.test(file)) : [];
};

async function get(url: string): Promise<string> {
  return await fetch(url, { signal: AbortSignal.timeout(2_000) })
    .then((response) => response.text())
    .catch((error: unknown) => String(error));
}

async function all(): Promise<void> {
  writeNetworks();
  writeImage();
  await using cluster = await TestCluster.start({
    masters: 1,
    agents: 1,
    agentFlags: [
      ...["--network_cni_config_dir", `${directory}/networks`],
      ...["--network_cni_plugins_dir", `${directory}/plugins:${CNI_PLUGINS}`],
      ...["--docker_registry", `${directory}/images`],
      ...["--enforce_container_ports", "--container_ports_watch_interval", "300ms"],
    ],
  });
  await using scheduler = new TestScheduler(cluster.masterAddresses);
  const agent = cluster.agents[0];
  if (agent === undefined) throw new Error("There is one agent");
  const state = (id: string, wanted: string): Promise<boolean> =>
    eventually(`${id} to be ${wanted}`, () => scheduler.stateOf(id) === wanted, 60_000);
  const restart = async (): Promise<void> => {
    agent.start();
    await eventually("the agent to be back", async () => (await cluster.activeAgents()) === 1);
  };
  const fetching = (url: string): string =>
    `exec ${process.execPath} -e 'process.exit(await (await fetch("${url}")).text() === "from web" ? 0 : 1)'`;

  const port_mappings = [{ host_port: HOST_PORT, container_port: 80 }];
  const serve = 'Bun.serve({port:80,fetch:()=>new Response("from web")})';
  const times = { delay_seconds: 0, interval_seconds: 0.2, grace_period_seconds: 60 };
  const health_check = { type: "HTTP" as const, http: { port: 80 }, ...times };
  const command = `exec ${process.execPath} -e '${serve}'`;
  await scheduler.launch([
    { id: "web", command, more: on({ name: "web", port_mappings }, { health_check }) },
    { id: "broken", command: "exit 0", more: on({ name: "broken" }) },
    { id: "nowhere", command: "exit 0", more: on({ name: "nowhere" }) },
  ]);
  const healthy = (): boolean => scheduler.told.get("web")?.some((one) => one.healthy) === true;
  await eventually("web to be healthy", healthy, 60_000);
  check(true, "a health check looks inside the task's network");
  const [info] = scheduler.told.get("web")?.at(-1)?.container_status?.network_infos ?? [];
  const address = info?.ip_addresses?.[0]?.ip_address ?? "";
  check(info?.name === "web" && address.startsWith("10.78.0."), "the status tells the address", info);
  check((await get(`http://127.0.0.1:${HOST_PORT}/`)) === "from web", "the host's port leads to it");
  const master = cluster.masterAddresses.join(",");
  const session = await mesh(["exec", "--master", master, "web", "cat", "/proc/self/net/dev"]);
  check(
    session.stdout.includes("eth0:") && !session.stdout.includes("mesh0:"),
    "mesh exec runs in the network of its task",
    session,
  );
  await scheduler.launch([
    { id: "peer", command: fetching(`http://${address}/`), more: on({ name: "web" }) },
    { id: "host", command: fetching(`http://${address}/`) },
  ]);
  await state("peer", "TASK_FINISHED");
  await state("host", "TASK_FINISHED");
  check(true, "another task of the network reaches it, and one on the host's network");
  check(taken("web").length === 1, "whose address is free again", taken("web"));
  const told = (id: string): string => scheduler.told.get(id)?.at(-1)?.message ?? "";
  await state("broken", "TASK_FAILED");
  check(
    told("broken").includes('the plugin "broken" failed at ADD: no cable (code 11)'),
    "a plugin's words",
    told("broken"),
  );
  await state("nowhere", "TASK_FAILED");
  check(told("nowhere").includes('unknown CNI network "nowhere"'), "an unknown network", told("nowhere"));
  check(taken("broken").length === 0, "neither left an address", taken("broken"));
  const look = {
    shell: false,
    value: "/busybox",
    arguments: ["busybox", "sh", "-c", "cat /etc/hosts; hostname"],
  };
  const inImage: ContainerInfo = {
    type: "MESOS",
    mesos: { image: { type: "DOCKER", docker: { name: "tool" } } },
    network_infos: [{ name: "web" }],
    hostname: "in-image",
  };
  await scheduler.launch([{ id: "image", command: "", more: { container: inImage, command: look } }]);
  await state("image", "TASK_FINISHED");
  const sandbox =
    [
      ...new Bun.Glob("a0/slaves/*/frameworks/*/executors/image/runs/latest/stdout").scanSync({
        cwd: cluster.directory,
        followSymlinks: true,
      }),
    ][0] ?? "";
  const seen = readFileSync(`${cluster.directory}/${sandbox}`, "utf8");
  check(
    /^10\.78\.0\.\d+ in-image$/m.test(seen) && seen.endsWith("\nin-image\n"),
    "an image sees the names of its network",
    seen,
  );
  const used = JSON.stringify(await (await fetch(`http://${cluster.agentAddresses[0]}/containers`)).json());
  check(used.includes(`"ip_address":"${address}"`), "the agent shows its address", used);
  check(/"net_rx_bytes":[1-9]/.test(used), "its traffic is counted", used);

  const pod = { type: "MESOS" as const, network_infos: [{ name: "web" }] };
  const inside = `exec ${process.execPath} -e 'Bun.serve({port:80,fetch:()=>new Response("from the pod")});console.log(1)'`;
  const local = `until ${process.execPath} -e 'process.exit(await (await fetch("http://127.0.0.1/")).text() === "from the pod" ? 0 : 1)'; do :; done`;
  await scheduler.launchGroup(
    "pod",
    [
      { id: "inside", command: inside, more: { health_check } },
      { id: "local", command: `${local} 2>/dev/null` },
    ],
    {},
    pod,
  );
  await state("local", "TASK_FINISHED");
  const podHealthy = (): boolean => scheduler.told.get("inside")?.some((one) => one.healthy) === true;
  await eventually("the pod's server to be healthy", podHealthy, 60_000);
  const [first, second] = ["inside", "local"].map(
    (id) =>
      scheduler.told.get(id)?.at(-1)?.container_status?.network_infos?.[0]?.ip_addresses?.[0]?.ip_address,
  );
  check(
    first !== undefined && first === second && first !== address,
    "tasks of a pod share its address",
    first,
  );
  check(taken("web").length === 2, "which is taken once", taken("web"));
  check((await get(`http://${first}/`)) === "from the pod", "the host reaches it");
  await agent.kill("SIGKILL");
  await restart();
  const inside_agent = scheduler.told.get("inside")?.[0]?.agent_id;
  await scheduler.client.call({
    type: "KILL",
    kill: { task_id: { value: "inside" }, ...(inside_agent && { agent_id: inside_agent }) },
  });
  await state("inside", "TASK_KILLED");
  await eventually("the pod's address to be free", () => taken("web").length === 1);
  check(true, "it is free when the pod has ended, over a restart of the agent");

  const steal = 'Bun.listen({hostname:"127.0.0.1",port:31501,socket:{data(){}}})';
  await scheduler.launch([{ id: "thief", command: `exec ${process.execPath} -e '${steal}'` }]);
  await state("thief", "TASK_FAILED");
  const theft = scheduler.told.get("thief")?.at(-1);
  check(
    theft?.reason === "REASON_CONTAINER_LIMITATION" &&
      theft.message?.endsWith("is listening on unallocated port(s): [31501]") === true &&
      theft.limitation?.resources?.[0]?.ranges?.range?.[0]?.begin === 31_501,
    "a task that takes another's port of the host is ended, and those on networks are not",
    theft,
  );

  await scheduler.launch([{ id: "slow", command: "exec sleep 1000", more: on({ name: "slow" }) }]);
  await eventually("the plugin to take its time", () => readFileSync(calls, "utf8").includes("slow ADD"));
  await agent.kill("SIGKILL");
  check(taken("slow").length === 1, "the agent is killed in the middle of a launch");
  plugin("slow", "");
  await restart();
  await state("slow", "TASK_RUNNING");
  check(taken("slow").length === 1, "the next one gives the address back and launches anew", taken("slow"));
  check(readFileSync(calls, "utf8").includes("slow ADD\nslow DEL\nslow ADD\n"), "DEL before ADD");
  check((await get(`http://127.0.0.1:${HOST_PORT}/`)) === "from web", "other tasks stayed in their networks");

  await agent.kill("SIGKILL");
  const pid = scheduler.told.get("slow")?.at(-1)?.container_status?.executor_pid ?? 0;
  process.kill(pid, "SIGKILL");
  await restart();
  await state("slow", "TASK_FAILED");
  await eventually("its address to be free", () => taken("slow").length === 0);
  check(true, "a task that ends without an agent leaves no address");
  const agent_id = scheduler.told.get("web")?.[0]?.agent_id;
  await scheduler.client.call({
    type: "KILL",
    kill: { task_id: { value: "web" }, ...(agent_id && { agent_id }) },
  });
  await state("web", "TASK_KILLED");
  const last = scheduler.told.get("web")?.at(-1)?.container_status?.network_infos?.[0];
  check(
    last?.ip_addresses?.[0]?.ip_address === address,
    "the address is told to the end, by later agents too",
    last,
  );
  check(taken("web").length === 0, "when the end is told the address is free", taken("web"));
  check((await get(`http://127.0.0.1:${HOST_PORT}/`)) !== "from web", "and the port");
  const records = `${cluster.directory}/a0/networks`;
  check(readdirSync(records).length === 0, "no record is left");
  checksDone();
}

await all();
