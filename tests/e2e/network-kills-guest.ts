/**
 * Runs in a network namespace of the test's own: an agent dies by SIGKILL at
 * random moments while tasks and pods join networks and leave them. Prints each
 * finding, the seed first.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Random } from "../../src/base/random.ts";
import { chooseRuntimeDirectory } from "../../src/main/runtime-directory.ts";
import type { NetworkInfo } from "../../src/model/v1/containers.ts";
import { check, checksDone } from "../support/guest-checks.ts";
import { CNI_PLUGINS } from "../support/own-network.ts";
import { eventually, TestCluster } from "./test-cluster.ts";
import { TestScheduler } from "./test-scheduler.ts";

const ROUNDS = 6;
const TASKS_PER_ROUND = 5;
/** Between the launches and the kill: from before the first plugin to after the last. */
const KILL_AFTER_MS = { low: 0, high: 700 };
const [, , directory = ""] = process.argv;

function writeNetwork(): void {
  mkdirSync(`${directory}/networks`);
  const ranges = [[{ subnet: "10.79.0.0/24" }]];
  const ipam = { type: "host-local", dataDir: `${directory}/addresses`, ranges };
  const bridge = { type: "bridge", bridge: "mesh0", isGateway: true, ipam };
  const portmap = { type: "portmap", capabilities: { portMappings: true } };
  const config = { cniVersion: "1.0.0", name: "web", plugins: [bridge, portmap] };
  writeFileSync(`${directory}/networks/web.json`, JSON.stringify(config));
}

function taken(): string[] {
  return readdirSync(`${directory}/addresses/web`).filter((file) => /^\d/.test(file));
}

const said = (...command: string[]): string => Bun.spawnSync(command).stdout.toString();

async function all(): Promise<void> {
  const seed = crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
  console.log(`seed ${seed}`);
  const random = new Random(seed);
  writeNetwork();
  const agentFlags = [
    ...["--network-cni-config-dir", `${directory}/networks`],
    ...["--network-cni-plugins-dir", CNI_PLUGINS],
  ];
  await using cluster = await TestCluster.start({ masters: 1, agents: 1, agentFlags });
  await cluster.useAgent();
  await using scheduler = new TestScheduler(cluster.masterAddresses);
  const [agent] = cluster.agents;
  let tasks = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const on = (more: Partial<NetworkInfo>) => ({
      container: { type: "MESOS" as const, network_infos: [{ name: "web", ...more }] },
    });
    const launched = Array.from({ length: TASKS_PER_ROUND }, (_, at) => {
      const host_port = 20_000 + round * TASKS_PER_ROUND + at;
      const more = on({ port_mappings: [{ host_port, container_port: 80 }] });
      return { id: `task-${round}-${at}`, command: `sleep 0.${at}`, more };
    });
    await scheduler.launch(launched);
    const group = ["a", "b"].map((name) => ({ id: `pod-${round}-${name}`, command: "sleep 0.2" }));
    await scheduler.launchGroup(`pod-${round}`, group, {}, on({}).container);
    tasks += launched.length + group.length;
    await Bun.sleep(random.between(KILL_AFTER_MS.low, KILL_AFTER_MS.high));
    await agent?.kill("SIGKILL");
    agent?.start();
    await eventually("the agent to be back", async () => (await cluster.activeAgents()) === 1);
  }
  await scheduler.untilEnded(tasks, 60_000);
  const ends = [...scheduler.told.keys()].map((id) => [id, scheduler.told.get(id)?.at(-1)] as const);
  // Those whose offer went with the agent never ran.
  const wrong = ends.filter(([, end]) => end?.state !== "TASK_FINISHED" && end?.state !== "TASK_DROPPED");
  check(
    wrong.length === 0,
    `${tasks} tasks ended as they should through ${ROUNDS} kills of their agent`,
    wrong,
  );
  check(
    ends.some(([, end]) => end?.state === "TASK_FINISHED"),
    "and ran",
  );
  await eventually("addresses to be free", () => taken().length === 0).catch(() => {});
  check(taken().length === 0, "no address is taken", taken());
  const records = readdirSync(`${cluster.directory}/a0/networks`);
  check(records.length === 0, "no record is left", records);
  const rules = said("iptables", "-t", "nat", "-S");
  check(!/CNI-DN-|--dport/.test(rules), "no rule for a port", rules);
  const links = said("ip", "-br", "link").split("\n").filter(Boolean);
  check(links.length === 2, "no interface but lo and the bridge", links);
  const runtimeDirectory = chooseRuntimeDirectory(join(cluster.directory, "a0"));
  await agent?.kill("SIGTERM");
  const mounted = readFileSync("/proc/self/mountinfo", "utf8").includes(runtimeDirectory);
  check(!mounted && !existsSync(runtimeDirectory), "no namespace", runtimeDirectory);
  checksDone();
}

await all();
