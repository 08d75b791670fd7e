import type { Filters } from "../model/v1/offers.ts";
import type { SchedulerCall } from "../model/v1/scheduler.ts";
import type { Leader } from "./leader.ts";
import type { FrameworkMemory } from "./memory.ts";
import { giveBackOffer } from "./offers.ts";

const DEFAULT_REFUSE_SECONDS = 5;
/** One year (Mesos: Days(365)). */
const MAX_REFUSE_SECONDS = 31_536_000;

/** DECLINE: unknown and foreign offers are ignored. */
export function decline(leader: Leader, framework: FrameworkMemory, call: SchedulerCall): void {
  const refuse = refuseMs(call.decline?.filters);
  for (const { value } of call.decline?.offer_ids ?? []) {
    const offer = leader.offers.get(value);
    if (offer?.frameworkId !== framework.id) continue;
    framework.counters.bump("offers/declined");
    giveBackOffer(leader, offer, refuse);
  }
}

/** Absent, negative or not a number: 5 s; 0 sets no filter. */
export function refuseMs(filters: Filters | undefined): number {
  const seconds = filters?.refuse_seconds ?? DEFAULT_REFUSE_SECONDS;
  if (Number.isNaN(seconds) || seconds < 0) return DEFAULT_REFUSE_SECONDS * 1000;
  return Math.min(seconds, MAX_REFUSE_SECONDS) * 1000;
}
