/** Says why a framework is not offered more, by looking at every agent the way `allocate` does. */
import type { AgentRecord } from "./agent-record.ts";
import { type CandidateFinder, offerFor } from "./candidates.ts";
import { inFairOrder } from "./fair-order.ts";
import { filteredUntilMs } from "./filters.ts";
import type { Client } from "./role-nodes.ts";
import type { RoleTree } from "./role-tree.ts";
import type { RoleExplanation } from "./types.ts";

type AgentCounts = RoleExplanation["agents"];
type Reason = Exclude<keyof AgentCounts, "total">;

/** The tree's shares must be fresh, ended filters gone. */
export function explainClient(
  client: Client,
  tree: RoleTree,
  finder: CandidateFinder,
  agents: Iterable<AgentRecord>,
  nowMs: number,
): RoleExplanation {
  const counts = {
    total: 0,
    inactive: 0,
    gpusHidden: 0,
    nothingFree: 0,
    belowMinimum: 0,
    filtered: 0,
    available: 0,
  };
  let filterEndsAtMs = Number.POSITIVE_INFINITY;
  for (const agent of agents) {
    counts.total++;
    const { reason, endsAtMs } = reasonOn(agent, client, finder);
    counts[reason]++;
    if (endsAtMs !== undefined) filterEndsAtMs = Math.min(filterEndsAtMs, endsAtMs);
  }
  return {
    role: client.queue.role.name,
    suppressed: client.suppressed,
    position: positionOf(client, tree),
    share: client.share,
    agents: counts,
    filterEndsInMs: Number.isFinite(filterEndsAtMs) ? Math.max(0, filterEndsAtMs - nowMs) : undefined,
  };
}

function reasonOn(
  agent: AgentRecord,
  client: Client,
  finder: CandidateFinder,
): { reason: Reason; endsAtMs?: number } {
  if (!agent.active) return { reason: "inactive" };
  if (finder.hidesGpus(agent, client)) return { reason: "gpusHidden" };
  const offer = offerFor(client, agent.free);
  if (offer.isEmpty()) return { reason: "nothingFree" };
  if (!finder.isEnough(client, offer)) return { reason: "belowMinimum" };
  const endsAtMs = filteredUntilMs(agent, client, offer);
  return endsAtMs === undefined ? { reason: "available" } : { reason: "filtered", endsAtMs };
}

function positionOf(client: Client, tree: RoleTree): number | undefined {
  if (!client.eligible) return undefined;
  let position = 0;
  for (const other of inFairOrder(tree.root)) {
    position++;
    if (other === client) return position;
  }
  return undefined;
}
