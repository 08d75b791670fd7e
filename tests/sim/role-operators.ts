/**
 * Operators who set weights and quota in the safety phase, at random, alone
 * and several at once, by force and without. What is set stays when the cluster heals.
 */
import type { Random } from "../../src/base/random.ts";
import type { ClusterChange } from "../../src/master/port.ts";
import type { QuotaConfig } from "../../src/model/v1/quota.ts";
import { nowAndThen } from "./now-and-then.ts";
import type { SimCluster } from "./sim-cluster.ts";

const ROLES = ["*", "a", "b"];

export class RoleOperators {
  readonly #cluster: SimCluster;
  readonly #random: Random;
  #stop = (): void => {};

  constructor(cluster: SimCluster) {
    this.#cluster = cluster;
    this.#random = cluster.world.fork();
  }

  start(): void {
    const { world, options } = this.#cluster;
    this.#stop = nowAndThen(world, this.#random, options.quotaMeanMs, () => {
      this.#cluster.askForChange(this.#draw());
    });
  }

  heal(): void {
    this.#stop();
  }

  #draw(): ClusterChange {
    const random = this.#random;
    const role = random.pick(ROLES);
    switch (random.below(8)) {
      case 0:
        return { kind: "weights", weights: [{ role: random.pick(["a", "a/b", "*"]), weight: 0.5 }] };
      case 1:
        return {
          kind: "weights",
          weights: ROLES.map((name) => ({ role: name, weight: 1 + random.below(3) })),
        };
      case 2:
        return { kind: "remove-quota", role };
      case 3: {
        const cpus = { name: "cpus", type: "SCALAR" as const, scalar: { value: random.pick([0.1, 0.3, 1]) } };
        return { kind: "set-quota", request: { role, guarantee: [cpus], force: random.chance(0.5) } };
      }
      default: {
        const roles = ROLES.filter(() => random.chance(0.5));
        return { kind: "quota", configs: roles.map((name) => this.#config(name)), force: random.chance(0.5) };
      }
    }
  }

  #config(role: string): QuotaConfig {
    const random = this.#random;
    if (random.chance(0.3)) return { role };
    const cpus = random.pick([0, 0.1, 0.3, 1]);
    const mem = random.pick([0, 0, 64]);
    const limits: QuotaConfig["limits"] = {};
    if (random.chance(0.5)) limits["cpus"] = { value: cpus + random.pick([0, 0.2, 1]) };
    if (random.chance(0.3)) limits["mem"] = { value: mem + random.pick([0, 64, 256]) };
    return { role, guarantees: { cpus: { value: cpus }, mem: { value: mem } }, limits };
  }
}
