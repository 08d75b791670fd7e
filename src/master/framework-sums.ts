/** What frameworks use and are offered, summed over agents. */
import { Resources } from "../model/resources.ts";

/** So many are added up at once: sums need not be made anew for each, and no sum is long. */
const PARTS_MAX = 500;

export class FrameworkSums {
  readonly #used = new Map<string, Resources[]>();
  readonly #offered = new Map<string, Resources[]>();

  used(frameworkId: string, resources: Resources): void {
    add(this.#used, frameworkId, resources);
  }

  offered(frameworkId: string, resources: Resources): void {
    add(this.#offered, frameworkId, resources);
  }

  usedBy(frameworkId: string): Resources {
    return Resources.sum(this.#used.get(frameworkId) ?? []);
  }

  offeredTo(frameworkId: string): Resources {
    return Resources.sum(this.#offered.get(frameworkId) ?? []);
  }
}

function add(sums: Map<string, Resources[]>, id: string, resources: Resources): void {
  const parts = sums.get(id);
  if (parts === undefined) sums.set(id, [resources]);
  else if (parts.push(resources) >= PARTS_MAX) sums.set(id, [Resources.sum(parts)]);
}
