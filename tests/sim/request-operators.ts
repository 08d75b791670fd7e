/**
 * Operators who change what agents have, kill tasks, end frameworks, keep
 * notes and name the agents that may offer, in the safety phase. Some of what
 * they ask for names what is not there, and some is asked for twice.
 */
import type { Random } from "../../src/base/random.ts";
import type { AgentMemory } from "../../src/master/memory.ts";
import { toResources } from "../../src/model/resource-format.ts";
import type { OfferOperation } from "../../src/model/v1/offers.ts";
import type { NoteCommand } from "../../src/registry/commands.ts";
import { nowAndThen } from "./now-and-then.ts";
import { drawOperations } from "./operation-draws.ts";
import type { SimCluster } from "./sim-cluster.ts";
import type { Request } from "./sim-master.ts";

const ROLES = ["a", "b", "b/c"];
const NOTES = ["n1", "n2"];
/** Operations whose answer may have got lost, to be asked for once more. */
const AGAIN_MAX = 5;

export class RequestOperators {
  readonly #cluster: SimCluster;
  readonly #random: Random;
  #stop = (): void => {};
  #made = 0;
  readonly #again: Request[] = [];

  constructor(cluster: SimCluster) {
    this.#cluster = cluster;
    this.#random = cluster.world.fork();
  }

  start(): void {
    const { world, options } = this.#cluster;
    this.#stop = nowAndThen(world, this.#random, options.requestMeanMs, () => {
      for (const request of this.#draw()) this.#cluster.leader()?.ask(request);
    });
  }

  /** All agents may offer again; what is reserved stays. */
  heal(): void {
    this.#stop();
    const hostnames = new Set(this.#cluster.agents.map(({ name }) => name));
    for (const master of this.#cluster.masters) master.feed({ kind: "whitelist", hostnames });
  }

  #draw(): Request[] {
    const random = this.#random;
    switch (random.below(9)) {
      case 0:
      case 1:
        return this.#kills();
      case 2:
        return random.chance(0.1) ? [this.#teardown()] : [this.#note()];
      case 3:
        return [this.#note()];
      case 4:
        this.#whitelist();
        return [];
      case 5:
        return this.#again.length === 0 ? [{ kind: "read-index" }] : [random.pick(this.#again)];
      default:
        return this.#operations();
    }
  }

  /** As a file that each master reads. */
  #whitelist(): void {
    const { agents, masters, world } = this.#cluster;
    const hostnames = new Set(agents.map(({ name }) => name).filter(() => this.#random.chance(0.7)));
    world.note(`operator: whitelist ${[...hostnames].join(" ")}`);
    for (const master of masters) master.feed({ kind: "whitelist", hostnames });
  }

  #kills(): Request[] {
    const { frameworks, world } = this.#cluster;
    const { frameworkId = "nobody", book } = this.#random.pick(frameworks);
    const [[taskId] = ["nothing"]] = book.open();
    world.note(`operator: kill ${taskId}`);
    return [{ kind: "operator-kill", frameworkId, taskId }];
  }

  #teardown(): Request {
    const { frameworks, world } = this.#cluster;
    const { frameworkId = "nobody", name } = this.#random.pick(frameworks);
    world.note(`operator: teardown ${name}`);
    return { kind: "teardown", frameworkId };
  }

  #note(): Request {
    const random = this.#random;
    const key = random.pick(NOTES);
    const known = this.#cluster.leader()?.node?.registry.note(key)?.version;
    const ifVersion = random.pick([undefined, 0, known]);
    const value = new Uint8Array([random.below(256)]);
    const command: NoteCommand = random.chance(0.3)
      ? { kind: "delete-note", key, ifVersion }
      : { kind: "put-note", key, value, ifVersion };
    return { kind: "note", command };
  }

  #operations(): Request[] {
    const random = this.#random;
    const agents = [...(this.#cluster.leader()?.node?.core.leader?.agents.values() ?? [])];
    if (agents.length === 0) return [{ kind: "operate", agentId: "nobody", operation: { type: "RESERVE" } }];
    const agent = random.pick(agents);
    return this.#drawFor(agent).map((operation): Request => {
      const named = random.chance(0.7);
      const id = named ? { id: { value: `request-${this.#made++}` } } : {};
      const request: Request = { kind: "operate", agentId: agent.id, operation: { ...operation, ...id } };
      if (named) this.#again.push(request);
      if (this.#again.length > AGAIN_MAX) this.#again.shift();
      return request;
    });
  }

  #drawFor(agent: AgentMemory): OfferOperation[] {
    const role = this.#random.pick(ROLES);
    const rules = { role, allocated: false, shares: true, all: this.#random.chance(0.1) };
    const { operations } = drawOperations(this.#random, toResources(agent.total), rules);
    this.#cluster.world.note(`operator: ${operations.map(({ type }) => type).join(" ")} on ${agent.id}`);
    return operations;
  }
}
