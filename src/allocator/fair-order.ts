/**
 * Finds the one among the candidates that has waited longest for its share.
 *
 * Walking the fair order from its start meets a candidate soon when there are
 * many; comparing all candidates is cheap when there are few. The walk gives up
 * after about as many steps as the comparison would take, so the worst case is
 * twice the better of the two.
 */
import { assert } from "../base/assert.ts";
import type { BitSet } from "./bit-set.ts";
import type { Lots } from "./lots.ts";
import { type Client, type RoleNode, RoleQueue } from "./role-nodes.ts";
import type { RoleTree } from "./role-tree.ts";

/** Steps a walk may take beyond the number of candidates. */
const WALK_MIN_STEPS = 16;

/** Negative when `a` comes before `b`, by share or by lot. Orders need not be settled. */
export function compareClients(a: Client, b: Client, lots: Lots): number {
  if (a.queue === b.queue) return lots.compareFrameworks(a, b);
  const left = a.queue.path;
  const right = b.queue.path;
  for (let i = 0; ; i++) {
    const x = left[i];
    const y = right[i];
    assert(x !== undefined && y !== undefined, "Two queues part at siblings");
    if (x !== y) return lots.compareRoles(x, y);
  }
}

/**
 * The first candidate in fair order; undefined when there is none. Every
 * candidate must be eligible. Whom `check` refuses is none and is taken out of the set.
 */
export function firstInOrder(tree: RoleTree, candidates: BitSet, check?: Check): Client | undefined {
  const count = candidates.count();
  if (count === 0) return undefined;
  if (tree.lots.drawn) return leastOf(tree, candidates, check);
  const walk = new Walk(candidates, count + WALK_MIN_STEPS, check);
  return walk.visit(tree.root) ?? leastOf(tree, candidates, check);
}

type Check = (client: Client) => boolean;

/** Every client that wants offers, first one first. */
export function* inFairOrder(role: RoleNode): Generator<Client> {
  role.order.settle();
  for (let i = 0; i < role.order.length; i++) {
    const sibling = role.order.at(i);
    if (!(sibling instanceof RoleQueue)) {
      yield* inFairOrder(sibling);
      continue;
    }
    sibling.order.settle();
    for (let j = 0; j < sibling.order.length; j++) yield sibling.order.at(j);
  }
}

function leastOf(tree: RoleTree, candidates: BitSet, check: Check | undefined): Client | undefined {
  let least: Client | undefined;
  candidates.forEach((slot) => {
    const client = tree.clientAt(slot);
    const first = least === undefined || compareClients(client, least, tree.lots) < 0;
    if (first && (check === undefined || check(client))) least = client;
  });
  return least;
}

/** One walk through the tree in fair order, with a budget. */
class Walk {
  readonly #candidates: BitSet;
  readonly #check: Check | undefined;
  #steps: number;

  constructor(candidates: BitSet, steps: number, check: Check | undefined) {
    this.#candidates = candidates;
    this.#check = check;
    this.#steps = steps;
  }

  /** Undefined once the steps are used up. */
  visit(role: RoleNode): Client | undefined {
    role.order.settle();
    const siblings = role.order;
    for (let i = 0; i < siblings.length && this.#steps > 0; i++) {
      this.#steps--;
      const sibling = siblings.at(i);
      const found = sibling instanceof RoleQueue ? this.#search(sibling) : this.visit(sibling);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #search(queue: RoleQueue): Client | undefined {
    queue.order.settle();
    const clients = queue.order;
    for (let i = 0; i < clients.length && this.#steps > 0; i++) {
      this.#steps--;
      const client = clients.at(i);
      if (!this.#candidates.has(client.slot)) continue;
      if (this.#check === undefined || this.#check(client)) return client;
      this.#candidates.clear(client.slot);
    }
    return undefined;
  }
}
