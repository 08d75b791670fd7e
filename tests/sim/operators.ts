/**
 * Operators in the safety phase: they drain, deactivate and activate agents,
 * mark them gone, and plan and carry out maintenance of their machines, at
 * random and sometimes on what cannot be. When the cluster heals they bring
 * everything back into service.
 */
import type { Random } from "../../src/base/random.ts";
import type { RegistryReader } from "../../src/master/leader.ts";
import type { ClusterChange } from "../../src/master/port.ts";
import type { MachineID } from "../../src/model/v1/ids.ts";
import { nowAndThen } from "./now-and-then.ts";
import type { SimAgent } from "./sim-agent.ts";
import type { SimCluster } from "./sim-cluster.ts";

const RESTORE_EVERY_MS = 400;

export class Operators {
  readonly #cluster: SimCluster;
  readonly #random: Random;
  #stop = (): void => {};

  constructor(cluster: SimCluster) {
    this.#cluster = cluster;
    this.#random = cluster.world.fork();
  }

  start(): void {
    const { world, options } = this.#cluster;
    this.#stop = nowAndThen(world, this.#random, options.operatorMeanMs, () => {
      this.#cluster.askForChange(this.#draw());
    });
  }

  /** From now on only what brings agents back. */
  heal(): void {
    this.#stop();
    this.#restore();
  }

  #draw(): ClusterChange {
    const random = this.#random;
    const agent = random.pick(this.#cluster.agents);
    const agentId = agent.core?.state.agentId ?? "nobody";
    const machines = [machineOf(agent)];
    switch (random.below(10)) {
      case 0:
        return { kind: "mark-gone", agentId };
      case 1:
      case 2: {
        const maxGraceMs = random.pick([undefined, 0, 500]);
        return { kind: "drain", agentId, maxGraceMs, markGone: random.chance(0.2) };
      }
      case 3:
        return { kind: "deactivate", agentId };
      case 4:
      case 5:
        return { kind: "reactivate", agentId };
      case 6:
        return { kind: "machines-down", machines };
      case 7:
        return { kind: "machines-up", machines };
      default:
        return scheduleOf(this.#cluster.agents.filter(() => random.chance(0.5)).map(machineOf));
    }
  }

  #restore(): void {
    const registry = this.#cluster.leader()?.node?.registry;
    const change = registry === undefined ? undefined : nextRepair(registry);
    if (change !== undefined) this.#cluster.askForChange(change);
    this.#cluster.world.after(RESTORE_EVERY_MS, () => this.#restore());
  }
}

function machineOf({ name, ip }: SimAgent): MachineID {
  return { hostname: name, ip };
}

function scheduleOf(machine_ids: MachineID[]): ClusterChange {
  const window = { machine_ids, unavailability: { start: { nanoseconds: 1 } } };
  return { kind: "schedule", schedule: machine_ids.length === 0 ? {} : { windows: [window] } };
}

/** What is to be done next to have every agent in service; undefined: nothing, or it takes its time. */
export function nextRepair(registry: RegistryReader): ClusterChange | undefined {
  const { maintenance } = registry;
  if (maintenance.down.length > 0) return { kind: "machines-up", machines: maintenance.down };
  if (!maintenance.isEmpty) return scheduleOf([]);
  for (const { id: agentId, deactivated, drain } of registry.agents.values()) {
    if (deactivated && drain?.drained !== false) return { kind: "reactivate", agentId };
  }
  return undefined;
}
