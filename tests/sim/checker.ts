/**
 * What must hold at every moment of a run, whatever fails. Each broken promise
 * throws with what was seen.
 */
import type { ContainerSpec } from "../../src/isolation/container.ts";
import type { ClusterView } from "../../src/master/port.ts";
import type { Resource } from "../../src/model/v1/resources.ts";

export class Violation extends Error {
  override readonly name = "Violation";
}

/** What the checker sees of one master after each of its turns. */
export interface MasterReading {
  readonly name: string;
  readonly term: number;
  readonly leads: boolean;
  readonly appliedIndex: number;
  readonly digest: string;
}

export class Checker {
  readonly #leaderOfTerm = new Map<number, string>();
  /** State digest by applied index: the same on every master, for ever. */
  readonly #digests = new Map<number, string>();
  readonly #starts = new Map<string, string>();
  highestAppliedIndex = 0;

  /** Election safety and state machine safety (Raft paper, figure 3). */
  readMaster(reading: MasterReading): void {
    const { name, term, leads, appliedIndex, digest } = reading;
    if (leads) {
      const leader = this.#leaderOfTerm.get(term);
      if (leader !== undefined && leader !== name) {
        throw new Violation(`Two leaders in term ${term}: ${leader} and ${name}`);
      }
      this.#leaderOfTerm.set(term, name);
    }
    const seen = this.#digests.get(appliedIndex);
    if (seen !== undefined && seen !== digest) {
      throw new Violation(
        `${name} has digest ${digest} at index ${appliedIndex}, another master had ${seen}`,
      );
    }
    this.#digests.set(appliedIndex, digest);
    this.highestAppliedIndex = Math.max(this.highestAppliedIndex, appliedIndex);
  }

  /** A task is started at most once, on one agent only. */
  started(agent: string, spec: ContainerSpec): void {
    const task = spec.sandbox.replace(/\/runs\/.*$/, "").replace(/^.*\/frameworks\//, "");
    const before = this.#starts.get(task);
    if (before !== undefined)
      throw new Violation(`Task ${task} was started on ${before} and again on ${agent}`);
    this.#starts.set(task, agent);
  }

  get startedTasks(): number {
    return this.#starts.size;
  }

  /** Used and offered resources of no agent exceed what it has. */
  readResources(view: ClusterView): void {
    for (const agent of view.agents()) {
      const total = sum(agent.total);
      const taken = sum([...agent.used, ...agent.offered]);
      for (const [name, amount] of taken) {
        if (amount > (total.get(name) ?? 0) + 1e-6) {
          throw new Violation(
            `Agent ${agent.id} has ${total.get(name) ?? 0} ${name}, used and offered are ${amount}`,
          );
        }
      }
    }
  }
}

function sum(resources: readonly Resource[]): Map<string, number> {
  const sums = new Map<string, number>();
  for (const { name, scalar, ranges } of resources) {
    const ports = (ranges?.range ?? []).reduce((count, { begin, end }) => count + end - begin + 1, 0);
    sums.set(name, (sums.get(name) ?? 0) + (scalar?.value ?? ports));
  }
  return sums;
}
