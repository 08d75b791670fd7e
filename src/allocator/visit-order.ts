/**
 * The order in which agents are given away: shuffled anew for every
 * allocation, so that no framework always gets the same agents first. The
 * place of an agent depends on the allocation's salt and the agent alone, not
 * on which others are visited.
 */
import { assert } from "../base/assert.ts";

interface Visited {
  readonly slot: number;
  readonly sequence: number;
}

/** Slots share a double with a 32-bit key. */
const SLOTS_MAX = 2 ** 21;

/** Scatters 32-bit numbers, no two of them to the same place (the finalizer of MurmurHash3). */
export function scatter(number: number): number {
  let key = number >>> 0;
  key = Math.imul(key ^ (key >>> 16), 0x85ebca6b);
  key = Math.imul(key ^ (key >>> 13), 0xc2b2ae35);
  return (key ^ (key >>> 16)) >>> 0;
}

/** No two sequences below 2^32 have the same key. */
export function visitKey(salt: number, sequence: number): number {
  return scatter(sequence ^ salt);
}

/** The slots in the order of their visits. */
export function inVisitOrder(agents: readonly Visited[], salt: number): Float64Array {
  const keys = new Float64Array(agents.length);
  let count = 0;
  for (const { slot, sequence } of agents) {
    assert(slot < SLOTS_MAX, `At most ${SLOTS_MAX} agents can be known at once`);
    keys[count++] = visitKey(salt, sequence) * SLOTS_MAX + slot;
  }
  keys.sort();
  return keys.map((key) => key % SLOTS_MAX);
}
