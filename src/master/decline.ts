import type { Filters } from "../model/v1/offers.ts";
import type { SchedulerCall } from "../model/v1/scheduler.ts";
import type { Leader } from "./leader.ts";
import type { FrameworkMemory } from "./memory.ts";
import { giveBackOffer } from "./offers.ts";

const DEFAULT_REFUSE_SECONDS = 5;
/** One year (Mesos: Days(365)). */
const MAX_REFUSE_SECONDS = 31_536_000;
/** Mesos' allocation interval. */
const MIN_REFUSE_SECONDS = 1;
const IDLE_PAUSE_MAX_MS = 10;

/** DECLINE: unknown and foreign offers are ignored. */
export function decline(leader: Leader, framework: FrameworkMemory, call: SchedulerCall): void {
  const asked = refuseMs(call.decline?.filters);
  const refuse = asked > 0 ? asked : idlePauseMs(framework.idleDeclines++);
  for (const { value } of call.decline?.offer_ids ?? []) {
    const offer = leader.offers.get(value);
    if (offer?.frameworkId !== framework.id) continue;
    framework.counters.bump("offers/declined");
    giveBackOffer(leader, offer, refuse);
  }
}

/**
 * Declined without a filter, resources are offered again at once. A framework
 * that goes on declining the same would keep itself and the master busy with
 * nothing else, so the pause grows to a hundredth of Mesos' allocation
 * interval; whatever becomes free beside them, and a launch, ends it.
 */
function idlePauseMs(declines: number): number {
  return declines === 0 ? 0 : Math.min(2 ** Math.min(declines - 1, 8), IDLE_PAUSE_MAX_MS);
}

/** Absent, negative or not a number: 5 s; 0 sets no filter; others last at least an allocation interval. */
export function refuseMs(filters: Filters | undefined): number {
  const seconds = filters?.refuse_seconds ?? DEFAULT_REFUSE_SECONDS;
  if (Number.isNaN(seconds) || seconds < 0) return DEFAULT_REFUSE_SECONDS * 1000;
  if (seconds === 0) return 0;
  return Math.max(MIN_REFUSE_SECONDS, Math.min(seconds, MAX_REFUSE_SECONDS)) * 1000;
}
