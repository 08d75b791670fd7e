/**
 * Offers that stand in the way of a new quota are withdrawn (QTA-3): those of
 * a role beyond its limit, and those that hold what a guarantee waits for.
 */
import type { Leader } from "./leader.ts";
import { rescindOffer } from "./offers.ts";

export function rescindForQuota(leader: Leader): void {
  for (const offer of [...leader.offers.values()]) {
    if (leader.allocator.breaksQuota(offer.role, offer.resources)) rescindOffer(leader, offer);
  }
}
