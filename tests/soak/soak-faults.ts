/** What happens to a cluster under the soak; each resolves when it is over. */
import type { Random } from "../../src/base/random.ts";
import { AGENTS, MASTERS, type SoakCluster, type SoakProcess } from "./soak-cluster.ts";
import type { SoakFramework } from "./soak-framework.ts";

export interface Scene {
  readonly cluster: SoakCluster;
  readonly frameworks: readonly SoakFramework[];
  readonly random: Random;
}

type Fault = (scene: Scene) => Promise<void>;

function pick<T>(random: Random, from: readonly T[]): T {
  return from[random.below(from.length)] as T;
}

/** All at once, and back in any order. */
async function bounce(
  random: Random,
  some: readonly SoakProcess[],
  signal: NodeJS.Signals,
  awayMaxMs: number,
): Promise<void> {
  const order = [...some].sort(() => random.below(3) - 1);
  await Promise.all(order.map((one) => one.kill(signal)));
  for (const one of order) {
    await Bun.sleep(random.below(awayMaxMs));
    one.start();
  }
}

async function freeze(random: Random, one: SoakProcess, maxMs: number): Promise<void> {
  one.freeze();
  await Bun.sleep(random.between(300, maxMs));
  one.thaw();
}

async function fill(random: Random, one: SoakProcess): Promise<void> {
  one.fillDisk();
  await Bun.sleep(random.between(500, 5_000));
  one.freeDisk();
}

/** `agent-0` and so on are also the machines' names. */
async function outOfService(scene: Scene, out: string[], back: string[]): Promise<void> {
  const { cluster, random } = scene;
  const agent = pick(random, cluster.agents).name;
  await cluster.mesh("node", ...out.slice(0, 1), agent, ...out.slice(1));
  await Bun.sleep(random.between(500, 4_000));
  await cluster.mesh("node", ...back, agent);
}

async function killOne(scene: Scene, which: RegExp): Promise<void> {
  const found = scene.cluster.processes().filter(({ line }) => which.test(line));
  if (found.length === 0) return;
  try {
    process.kill(pick(scene.random, found).pid, "SIGKILL");
  } catch {
    // It ended meanwhile.
  }
}

export const FAULTS = {
  masterKilled: ({ cluster, random }) => bounce(random, [pick(random, cluster.masters)], "SIGKILL", 4_000),
  masterStopped: ({ cluster, random }) => bounce(random, [pick(random, cluster.masters)], "SIGTERM", 3_000),
  masterFrozen: ({ cluster, random }) => freeze(random, pick(random, cluster.masters), 7_000),
  masterFull: ({ cluster, random }) => fill(random, pick(random, cluster.masters)),
  mastersKilled: ({ cluster, random }) => bounce(random, cluster.masters, "SIGKILL", 1_500),
  leaderMoved: async ({ cluster }) => void (await cluster.mesh("raft", "transfer")),
  agentKilled: ({ cluster, random }) => bounce(random, [pick(random, cluster.agents)], "SIGKILL", 4_000),
  agentKilledOften: async ({ cluster, random }) => {
    const agent = pick(random, cluster.agents);
    for (let i = 0; i < 5; i++) await bounce(random, [agent], "SIGKILL", 700);
  },
  agentStopped: ({ cluster, random }) => bounce(random, [pick(random, cluster.agents)], "SIGTERM", 3_000),
  agentFrozen: ({ cluster, random }) => freeze(random, pick(random, cluster.agents), 9_000),
  agentFull: ({ cluster, random }) => fill(random, pick(random, cluster.agents)),
  agentsKilled: ({ cluster, random }) => bounce(random, cluster.agents, "SIGKILL", 1_000),
  supervisorKilled: (scene) => killOne(scene, /mesh-(init|supervisor|pod)/),
  taskKilled: (scene) => killOne(scene, /^(sleep|sh|\/bin\/sh)/),
  frameworkKilled: ({ frameworks, random }) => pick(random, frameworks).crash(random.below(5_000)),
  drained: (scene) => outOfService(scene, ["drain", "--max-grace", "2"], ["reactivate"]),
  deactivated: (scene) => outOfService(scene, ["deactivate"], ["reactivate"]),
  down: (scene) => outOfService(scene, ["down"], ["up"]),
  cutOff: async ({ cluster: { network }, random }) => {
    const machine = random.below(MASTERS + AGENTS);
    network.cutOff(machine);
    await Bun.sleep(random.between(300, 8_000));
    network.healOff(machine);
  },
  cutOneWay: async ({ cluster: { network }, random }) => {
    const from = random.below(MASTERS + AGENTS);
    const to = (from + 1 + random.below(MASTERS + AGENTS - 1)) % (MASTERS + AGENTS);
    network.cutOneWay(from, to);
    await Bun.sleep(random.between(300, 8_000));
    network.healOneWay(from, to);
  },
  tasksKilled: async ({ frameworks, random }) => {
    const framework = pick(random, frameworks);
    for (const task of framework.open) if (random.below(4) === 0) await framework.kill(task);
  },
} as const satisfies Record<string, Fault>;

export type FaultName = keyof typeof FAULTS;
