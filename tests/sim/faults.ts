/**
 * What goes wrong in the safety phase: machines crash, freeze and slow down,
 * and the network falls apart. Each fault ends by itself after a while; the
 * healing phase ends all of them.
 */
import type { Random } from "../../src/base/random.ts";
import type { Direction } from "./network.ts";
import { nowAndThen } from "./now-and-then.ts";
import type { FaultKind } from "./options.ts";
import type { SimAgent } from "./sim-agent.ts";
import type { SimCluster } from "./sim-cluster.ts";
import type { SimMaster } from "./sim-master.ts";

/** A fault that picks a master picks the leader this often. */
const AIMS_AT_LEADER = 0.5;
const DOWN_MAX_MS = 9_000;

interface Restartable {
  readonly process: { readonly alive: boolean };
  start(): void;
}

export class Faults {
  readonly #cluster: SimCluster;
  readonly #random: Random;
  #stop = (): void => {};

  constructor(cluster: SimCluster) {
    this.#cluster = cluster;
    this.#random = cluster.world.fork();
  }

  start(): void {
    const { options, world } = this.#cluster;
    if (options.faults.length === 0) return;
    this.#stop = nowAndThen(world, this.#random, options.faultMeanMs, () => {
      this.#strike(this.#random.pick(options.faults));
    });
  }

  /** Everything runs and everything gets through from now on. */
  heal(): void {
    this.#stop();
    const { network, masters, agents, frameworks, world } = this.#cluster;
    world.note("--- healing ---");
    network.faultless = true;
    network.mendAll();
    for (const machine of [...masters, ...agents, ...frameworks]) {
      machine.process.resume();
      if (!machine.process.alive) machine.start();
    }
    for (const machine of masters) machine.disk.slow = false;
    for (const machine of agents) machine.slow = false;
  }

  #strike(kind: FaultKind): void {
    const { agents, frameworks, masters } = this.#cluster;
    switch (kind) {
      case "master-crash":
        this.#crashMaster(this.#master());
        return;
      case "all-masters-crash":
        for (const master of masters) this.#crashMaster(master);
        return;
      case "agent-crash":
      case "agent-reboot":
        this.#crashAgent(this.#random.pick(agents), kind === "agent-reboot");
        return;
      case "agent-replaced": {
        const agent = this.#random.pick(agents);
        this.#crashAgent(agent, true);
        agent.wipe();
        return;
      }
      case "agent-leaves":
        this.#random.pick(agents).leave(() => this.#someTimeMs());
        return;
      case "framework-crash": {
        const framework = this.#random.pick(frameworks);
        if (!framework.process.alive) return;
        framework.crash();
        this.#restartLater(framework);
        return;
      }
      case "isolate":
      case "one-way":
      case "halves":
      case "bridge":
        this.#partition(kind);
        return;
      case "master-pause":
        this.#pause(this.#master());
        return;
      case "agent-pause":
        this.#pause(this.#random.pick(agents));
        return;
      case "framework-pause":
        this.#pause(this.#random.pick(frameworks));
        return;
      case "master-slow-disk":
        this.#slow(this.#master().disk);
        return;
      case "agent-slow-disk":
        this.#slow(this.#random.pick(agents));
        return;
      case "transfer":
        this.#cluster.leader()?.transferLeadership();
        return;
    }
  }

  #master(): SimMaster {
    const leader = this.#cluster.leader();
    if (leader !== undefined && this.#random.chance(AIMS_AT_LEADER)) return leader;
    return this.#random.pick(this.#cluster.masters);
  }

  #crashMaster(master: SimMaster): void {
    if (!master.process.alive) return;
    this.#cluster.crashMaster(master);
    this.#restartLater(master);
  }

  #crashAgent(agent: SimAgent, reboot: boolean): void {
    if (!agent.process.alive) return;
    agent.crash(reboot);
    this.#restartLater(agent);
  }

  #restartLater(machine: Restartable): void {
    this.#cluster.world.after(this.#someTimeMs(), () => {
      if (!machine.process.alive) machine.start();
    });
  }

  #pause({ process, name }: { process: SimMaster["process"]; name: string }): void {
    if (!process.answers) return;
    process.pause();
    this.#cluster.world.note(`${name} is paused`);
    this.#cluster.world.after(this.#someTimeMs(), () => process.resume());
  }

  #slow(disk: { slow: boolean }): void {
    disk.slow = true;
    this.#cluster.world.after(this.#someTimeMs(), () => {
      disk.slow = false;
    });
  }

  #partition(kind: "isolate" | "one-way" | "halves" | "bridge"): void {
    const { network, world } = this.#cluster;
    const directions = this.#cutsOf(kind);
    world.note(`cut (${kind}) ${directions.join(" ")}`);
    network.cut(directions);
    world.after(this.#someTimeMs(), () => {
      world.note(`mended (${kind})`);
      network.mend(directions);
    });
  }

  #cutsOf(kind: "isolate" | "one-way" | "halves" | "bridge"): Direction[] {
    const { machines } = this.#cluster;
    const random = this.#random;
    if (kind === "isolate" || kind === "one-way") {
      const victim = random.chance(0.5) ? this.#master().name : random.pick(machines);
      const others = machines.filter((name) => name !== victim);
      const out = others.map((name): Direction => `${victim}>${name}`);
      const back = others.map((name): Direction => `${name}>${victim}`);
      if (kind === "isolate") return [...out, ...back];
      return random.chance(0.5) ? out : back;
    }
    // A bridge is a machine that both halves still reach.
    const bridge = kind === "bridge" ? random.pick(machines) : undefined;
    const left = new Set(machines.filter((name) => name !== bridge && random.chance(0.5)));
    const right = machines.filter((name) => name !== bridge && !left.has(name));
    return [...left].flatMap((a) => right.flatMap((b): Direction[] => [`${a}>${b}`, `${b}>${a}`]));
  }

  /** Mostly short, sometimes so long that everybody takes notice. */
  #someTimeMs(): number {
    const fraction = this.#random.fraction();
    return 50 + DOWN_MAX_MS * fraction * fraction;
  }
}
