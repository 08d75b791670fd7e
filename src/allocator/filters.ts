/**
 * Refusals: "not these resources, or fewer, from this agent in this role until
 * then". A thousand frameworks that decline ten thousand agents make ten
 * million of them, so a refusal is one bit: those on one agent that end at the
 * same time and refuse equal resources share one {@link FilterCohort}.
 *
 * To let them meet, ends are rounded up by at most one hundredth of the
 * duration (5 s becomes at most 5.05 s); a refusal never ends early.
 */
import { assert } from "../base/assert.ts";
import type { Resources } from "../model/resources.ts";
import { BitSet } from "./bit-set.ts";
import type { Client } from "./role-nodes.ts";

/** What filters are kept on: one agent. */
export interface FilterHolder {
  readonly slot: number;
  /** In no order. */
  readonly cohorts: FilterCohort[];
}

/** Refusals of equal resources of one agent that end together. */
export interface FilterCohort {
  readonly agent: FilterHolder;
  /** Clients that refuse, by slot. */
  readonly clients: BitSet;
  readonly resources: Resources;
  readonly endsAtMs: number;
  /** False once dropped; the queue of ends forgets it later. */
  live: boolean;
}

/** Dead cohorts in the queue before it is worth rebuilding. */
const DEAD_MIN = 64;
/** A filter lasts at most 1/ROUNDING longer than asked. */
const ROUNDING = 100;

/** End of a filter, rounded up to a power-of-two step of at most a hundredth of the duration. */
export function filterEndMs(nowMs: number, durationMs: number): number {
  const step = 2 ** Math.floor(Math.log2(Math.max(1, durationMs / ROUNDING)));
  return Math.ceil((nowMs + durationMs) / step) * step;
}

export class Filters {
  readonly #agents: readonly (FilterHolder | undefined)[];
  /** Binary heap, earliest end first. */
  #heap: FilterCohort[] = [];
  #dead = 0;
  /** Clients whose filters are dropped, and the agents that still have some of them. */
  readonly #dropped = new BitSet();
  readonly #droppedOn = new BitSet();
  #anyDropped = false;

  /** `agents` by slot. */
  constructor(agents: readonly (FilterHolder | undefined)[]) {
    this.#agents = agents;
  }

  add(agent: FilterHolder, client: Client, resources: Resources, endsAtMs: number): void {
    if (this.#dropped.has(client.slot)) this.settle();
    client.filteredAgents.set(agent.slot);
    for (const cohort of agent.cohorts) {
      if (cohort.endsAtMs !== endsAtMs || !cohort.resources.equals(resources)) continue;
      cohort.clients.set(client.slot);
      return;
    }
    const cohort = { agent, clients: new BitSet(), resources, endsAtMs, live: true };
    cohort.clients.set(client.slot);
    agent.cohorts.push(cohort);
    this.#push(cohort);
  }

  /**
   * Drops every filter of a client, with the next {@link settle}: many that are revived one after the other
   * cost little more than one.
   */
  dropClient(client: Client): void {
    if (client.filteredAgents.isEmpty()) return;
    this.#anyDropped = true;
    this.#dropped.set(client.slot);
    this.#droppedOn.union(client.filteredAgents);
    client.filteredAgents.reset();
  }

  /** To be called before agents' cohorts are read. */
  settle(): void {
    if (!this.#anyDropped) return;
    this.#anyDropped = false;
    this.#droppedOn.forEach((slot) => {
      const cohorts = this.#agents[slot]?.cohorts ?? [];
      // From the end: what takes the place of a dropped one was looked at.
      for (let i = cohorts.length - 1; i >= 0; i--) {
        const cohort = cohorts[i] as FilterCohort;
        cohort.clients.subtract(this.#dropped);
        if (cohort.clients.isEmpty()) this.#drop(cohort);
      }
    });
    this.#droppedOn.reset();
    this.#dropped.reset();
    if (this.#dead > DEAD_MIN && this.#dead * 2 > this.#heap.length) this.#rebuild();
  }

  dropAgent(agent: FilterHolder): void {
    for (const cohort of [...agent.cohorts]) this.#drop(cohort);
    if (this.#dead > DEAD_MIN && this.#dead * 2 > this.#heap.length) this.#rebuild();
  }

  /** Ends what has run out by `nowMs`; each cohort is handed on for its clients to be considered again. */
  expire(nowMs: number, ended: (cohort: FilterCohort) => void): void {
    this.settle();
    for (let first = this.#heap[0]; first !== undefined; first = this.#heap[0]) {
      if (first.live && first.endsAtMs > nowMs) return;
      this.#pop();
      if (!first.live) {
        this.#dead--;
        continue;
      }
      this.#detach(first);
      ended(first);
    }
  }

  nextEndMs(): number | undefined {
    this.settle();
    for (let first = this.#heap[0]; first !== undefined; first = this.#heap[0]) {
      if (first.live) return first.endsAtMs;
      this.#pop();
      this.#dead--;
    }
    return undefined;
  }

  #drop(cohort: FilterCohort): void {
    this.#detach(cohort);
    this.#dead++;
  }

  #detach(cohort: FilterCohort): void {
    const cohorts = cohort.agent.cohorts;
    const place = cohorts.indexOf(cohort);
    assert(place >= 0 && cohort.live, "A filter cohort is detached once");
    cohort.live = false;
    cohorts[place] = cohorts[cohorts.length - 1] as FilterCohort;
    cohorts.pop();
  }

  #rebuild(): void {
    const live = this.#heap.filter((cohort) => cohort.live);
    // A sorted list is a heap.
    this.#heap = live.sort((a, b) => a.endsAtMs - b.endsAtMs);
    this.#dead = 0;
  }

  #push(cohort: FilterCohort): void {
    const heap = this.#heap;
    let place = heap.length;
    heap.push(cohort);
    while (place > 0) {
      const parent = (place - 1) >>> 1;
      const above = heap[parent] as FilterCohort;
      if (above.endsAtMs <= cohort.endsAtMs) break;
      heap[place] = above;
      place = parent;
    }
    heap[place] = cohort;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let place = 0;
    for (;;) {
      let child = place * 2 + 1;
      if (child >= heap.length) break;
      const right = heap[child + 1];
      if (right !== undefined && right.endsAtMs < (heap[child] as FilterCohort).endsAtMs) child++;
      if ((heap[child] as FilterCohort).endsAtMs >= last.endsAtMs) break;
      heap[place] = heap[child] as FilterCohort;
      place = child;
    }
    heap[place] = last;
  }
}

function refuses(cohort: FilterCohort, offer: Resources): boolean {
  return cohort.resources === offer || cohort.resources.contains(offer);
}

/** Takes out of `candidates` every client that refuses `offer`, or more than it, from the agent. */
export function removeFiltered(agent: FilterHolder, offer: Resources, candidates: BitSet): void {
  for (const cohort of agent.cohorts) {
    if (refuses(cohort, offer)) candidates.subtract(cohort.clients);
  }
}

/** When the last filter that keeps `offer` from the client ends; undefined when none does. */
export function filteredUntilMs(agent: FilterHolder, client: Client, offer: Resources): number | undefined {
  let endsAtMs: number | undefined;
  for (const cohort of agent.cohorts) {
    if (!cohort.clients.has(client.slot) || !refuses(cohort, offer)) continue;
    endsAtMs = Math.max(endsAtMs ?? 0, cohort.endsAtMs);
  }
  return endsAtMs;
}
