import type { UsedByFramework } from "../allocator/types.ts";
import type { Resources } from "../model/resources.ts";
import type { TaskRecord } from "../registry/records.ts";
import { type Holding, RecordedHolding } from "./holding.ts";

/**
 * What tasks hold on one agent, by `taskKey`. A new leader adopts what a
 * million tasks hold and asks for most of it only when their agents come back,
 * so nothing is made of the adopted ones before the first question.
 */
export class AgentHoldings {
  /** Tasks not sorted in yet, and beside each what it holds. */
  #adopted: readonly TaskRecord[] = [];
  #adoptedResources: readonly Resources[] = [];
  readonly #byFramework = new Map<string, Map<string, Holding>>();

  /** Takes over tasks of the registry with what each holds; they replace what is there of the same tasks. */
  adopt(tasks: readonly TaskRecord[], resources: readonly Resources[]): void {
    this.#sortIn();
    this.#adopted = tasks;
    this.#adoptedResources = resources;
    if (this.#byFramework.size > 0) this.#sortIn();
  }

  get(key: string): Holding | undefined {
    this.#sortIn();
    const slash = key.indexOf("/");
    return this.#byFramework.get(key.slice(0, slash))?.get(key.slice(slash + 1));
  }

  add(holding: Holding): void {
    this.#sortIn();
    this.#put(holding);
  }

  /** False if nothing was held. */
  delete(key: string): boolean {
    this.#sortIn();
    const slash = key.indexOf("/");
    const frameworkId = key.slice(0, slash);
    const holdings = this.#byFramework.get(frameworkId);
    if (holdings?.delete(key.slice(slash + 1)) !== true) return false;
    if (holdings.size === 0) this.#byFramework.delete(frameworkId);
    return true;
  }

  get size(): number {
    let size = this.#adopted.length;
    for (const holdings of this.#byFramework.values()) size += holdings.size;
    return size;
  }

  *values(): Iterable<Holding> {
    this.#sortIn();
    for (const holdings of this.#byFramework.values()) yield* holdings.values();
  }

  /** Ids of those that hold something. */
  frameworks(): Iterable<string> {
    this.#sortIn();
    return this.#byFramework.keys();
  }

  /** All that is held, as the allocator books it. */
  used(): UsedByFramework[] {
    const counts: Counts = new Map();
    this.#adopted.forEach(({ frameworkId, role }, at) => {
      const resources = this.#adoptedResources[at];
      if (resources !== undefined) count(counts, frameworkId, role, resources);
    });
    for (const holdings of this.#byFramework.values()) {
      for (const { frameworkId, role, resources } of holdings.values()) {
        count(counts, frameworkId, role, resources);
      }
    }
    const used: UsedByFramework[] = [];
    for (const [frameworkId, roles] of counts) {
      for (const [role, kinds] of roles) {
        const sums = [...kinds].map(([resources, times]) => multiply(resources, times));
        used.push({ frameworkId, role, resources: sums.reduce((sum, part) => sum.add(part)) });
      }
    }
    return used;
  }

  #sortIn(): void {
    if (this.#adopted.length === 0) return;
    const [adopted, held] = [this.#adopted, this.#adoptedResources];
    this.#adopted = [];
    this.#adoptedResources = [];
    adopted.forEach((task, at) => {
      const resources = held[at];
      if (resources !== undefined) this.#put(new RecordedHolding(task, resources));
    });
  }

  #put(holding: Holding): void {
    let holdings = this.#byFramework.get(holding.frameworkId);
    if (holdings === undefined) {
      holdings = new Map();
      this.#byFramework.set(holding.frameworkId, holdings);
    }
    holdings.set(holding.taskId, holding);
  }
}

/** Framework id → role → resources → how many tasks hold just these. */
type Counts = Map<string, Map<string, Map<Resources, number>>>;

function count(counts: Counts, frameworkId: string, role: string, resources: Resources): void {
  let roles = counts.get(frameworkId);
  if (roles === undefined) {
    roles = new Map();
    counts.set(frameworkId, roles);
  }
  let kinds = roles.get(role);
  if (kinds === undefined) {
    kinds = new Map();
    roles.set(role, kinds);
  }
  kinds.set(resources, (kinds.get(resources) ?? 0) + 1);
}

/** By doubling: as many additions as `times` has binary digits, twice at most. */
function multiply(resources: Resources, times: number): Resources {
  if (times === 1) return resources;
  const half = multiply(resources, Math.floor(times / 2));
  const even = half.add(half);
  return times % 2 === 0 ? even : even.add(resources);
}
