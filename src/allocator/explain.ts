/** Says why a framework is not offered more, by looking at every agent the way `allocate` does. */
import { FORERUNNERS_MAX } from "../base/limits.ts";
import type { Resources } from "../model/resources.ts";
import type { AgentRecord } from "./agent-record.ts";
import { type CandidateFinder, offerFor } from "./candidates.ts";
import { inFairOrder } from "./fair-order.ts";
import { filteredUntilMs } from "./filters.ts";
import type { QuotaBook } from "./quota-book.ts";
import type { Client } from "./role-nodes.ts";
import type { RoleTree } from "./role-tree.ts";
import type { AgentCounts, Forerunner, RoleExplanation } from "./types.ts";

interface Verdict {
  readonly reason: keyof AgentCounts;
  readonly endsAtMs?: number;
  /** What is counted beside the reason: constraints or capabilities. */
  readonly details?: readonly string[];
  /** Names of free resources that quotas keep out of an offer which is made all the same. */
  readonly keptBy?: { readonly limits: readonly string[]; readonly guarantees: readonly string[] };
}

/**
 * Changes nothing: filters that have ended and still stand are passed over. The tree's shares must be fresh.
 */
export function explainClient(
  client: Client,
  tree: RoleTree,
  finder: CandidateFinder,
  quotas: QuotaBook,
  agents: Iterable<AgentRecord>,
  nowMs: number,
): RoleExplanation {
  const counts: AgentCounts = {
    inactive: 0,
    gpusHidden: 0,
    constrained: 0,
    taken: 0,
    reservedForOthers: 0,
    capabilityMissing: 0,
    belowMinimum: 0,
    quotaLimit: 0,
    heldForQuota: 0,
    filtered: 0,
    available: 0,
  };
  const failedConstraints = new Map<string, number>();
  const missingCapabilities = new Map<string, number>();
  const overLimit = new Map<string, number>();
  const guaranteed = new Map<string, number>();
  let total = 0;
  let filterEndsAtMs = Number.POSITIVE_INFINITY;
  for (const agent of agents) {
    total++;
    const { reason, endsAtMs, details = [], keptBy } = verdictOn(agent, client, finder, quotas, nowMs);
    counts[reason]++;
    tally(reason === "constrained" ? failedConstraints : missingCapabilities, details);
    tally(overLimit, keptBy?.limits ?? []);
    tally(guaranteed, keptBy?.guarantees ?? []);
    if (endsAtMs !== undefined) filterEndsAtMs = Math.min(filterEndsAtMs, endsAtMs);
  }
  const { role } = client.queue;
  return {
    role: role.name,
    suppressed: client.suppressed,
    share: client.share,
    roleShare: role.weightedShare,
    weight: role.weight,
    ...placeOf(client, tree),
    agents: { total, ...counts },
    failedConstraints,
    missingCapabilities,
    overLimit,
    guaranteed,
    filterEndsInMs: Number.isFinite(filterEndsAtMs) ? filterEndsAtMs - nowMs : undefined,
  };
}

function tally(counts: Map<string, number>, names: readonly string[]): void {
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
}

function verdictOn(
  agent: AgentRecord,
  client: Client,
  finder: CandidateFinder,
  quotas: QuotaBook,
  nowMs: number,
): Verdict {
  if (!agent.active) return { reason: "inactive" };
  if (agent.remote && !client.takes.remote) return { reason: "capabilityMissing", details: ["REGION_AWARE"] };
  if (finder.hidesGpus(agent, client)) return { reason: "gpusHidden" };
  if (agent.excludes.has(client.slot)) {
    return { reason: "constrained", details: client.constraints?.failedBy(agent.facts) ?? [] };
  }
  if (agent.free.isEmpty()) return { reason: "taken" };
  const free = offerFor(client, agent.free);
  if (free.isEmpty()) return whyNothing(agent, client);
  if (!finder.isEnough(client, free)) return { reason: "belowMinimum" };
  const offer = finder.offer(client, agent, "all");
  const limited = quotas.withinLimits(free, client.queue.role.top.quota);
  if (offer.isEmpty() || !finder.isEnough(client, offer)) {
    const allowed = !limited.isEmpty() && finder.isEnough(client, limited);
    return { reason: allowed ? "heldForQuota" : "quotaLimit" };
  }
  const endsAtMs = filteredUntilMs(agent, client, offer);
  const keptBy = { limits: lostBetween(free, limited), guarantees: lostBetween(limited, offer) };
  return endsAtMs === undefined || endsAtMs <= nowMs
    ? { reason: "available", keptBy }
    : { reason: "filtered", endsAtMs, keptBy };
}

/** Names of resources that are in `before` and not at all in `after`. */
function lostBetween(before: Resources, after: Resources): string[] {
  const left = after.quantities();
  return [...before.quantities().keys()].filter((name) => !left.has(name));
}

/** Something is free, and none of it for the client. */
function whyNothing(agent: AgentRecord, client: Client): Verdict {
  const role = client.queue.role.name;
  const missing = new Set<string>();
  for (const { identity } of agent.free.entries) {
    if (!identity.isAllocatableTo(role)) continue;
    if (identity.isRevocable && !client.takes.revocable) missing.add("REVOCABLE_RESOURCES");
    if (identity.isShared && !client.takes.shared) missing.add("SHARED_RESOURCES");
    if (identity.traits.reservations.length > 1 && !client.takes.refined) {
      missing.add("RESERVATION_REFINEMENT");
    }
  }
  if (missing.size === 0) return { reason: "reservedForOthers" };
  return { reason: "capabilityMissing", details: [...missing] };
}

function placeOf(
  client: Client,
  tree: RoleTree,
): { position: number | undefined; before: readonly Forerunner[] } {
  if (!client.eligible) return { position: undefined, before: [] };
  const before: Forerunner[] = [];
  let position = 0;
  for (const other of inFairOrder(tree.root)) {
    position++;
    if (other === client) return { position, before };
    if (before.length === FORERUNNERS_MAX) continue;
    const { role } = other.queue;
    before.push({
      frameworkId: other.name,
      role: role.name,
      share: other.share,
      roleShare: role.weightedShare,
    });
  }
  return { position: undefined, before: [] };
}
