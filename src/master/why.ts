/** Why a framework gets no offers: the allocator's counts, with what only the master knows. */
import type { FrameworkExplanation } from "../allocator/types.ts";
import type { Instant } from "../base/time.ts";
import type { Leader } from "./leader.ts";
import type { FrameworkMemory } from "./memory.ts";
import type { ConstraintsDebugView, WhyRoleView, WhyView } from "./port.ts";
import { mayOffer } from "./whitelist.ts";
import { type AbsentAgents, frameworkReasons, roleReasons } from "./why-reasons.ts";

/**
 * Undefined for a framework that is not known here. `role` narrows the answer;
 * of a role the framework does not have there is nothing to say.
 */
export function whyView(
  leader: Leader,
  frameworkId: string,
  now: Instant,
  role?: string,
): WhyView | undefined {
  const framework = leader.frameworks.get(frameworkId);
  const explanation = leader.allocator.explain(frameworkId, now, role);
  if (framework === undefined || explanation === undefined) return undefined;
  const absent = countAbsent(leader);
  const roles = explanation.roles.map(
    (one): WhyRoleView => ({
      role: one.role,
      suppressed: one.suppressed,
      position: one.position,
      share: one.share,
      roleShare: one.roleShare,
      weight: one.weight,
      before: one.before.map((other) => ({
        ...other,
        name: leader.frameworks.get(other.frameworkId)?.info.name ?? "",
      })),
      agents: one.agents,
      reasons: roleReasons(one, {
        absent,
        offersOpen: openOffers(leader, framework, one.role),
        offersOfOthers: leader.offers.size - framework.offerIds.size,
      }),
    }),
  );
  return {
    frameworkId,
    name: framework.info.name,
    connected: framework.streamId !== undefined,
    reasons: frameworkReasons({
      framework,
      paused: explanation.paused,
      absent,
      agents: agentsOf(explanation),
    }),
    roles,
  };
}

/** Every role looks at the same agents. */
function agentsOf(explanation: FrameworkExplanation): number {
  return explanation.roles[0]?.agents.total ?? 0;
}

function openOffers(leader: Leader, framework: FrameworkMemory, role: string): number {
  return [...framework.offerIds].filter((id) => leader.offers.get(id)?.role === role).length;
}

function countAbsent(leader: Leader): AbsentAgents {
  const counts = {
    unreachable: 0,
    notReturned: 0,
    disconnected: 0,
    draining: 0,
    deactivated: 0,
    notWhitelisted: 0,
  };
  for (const agent of leader.agents.values()) {
    if (agent.unreachable) counts.unreachable++;
    else if (agent.recovered) counts.notReturned++;
    else if (agent.link === undefined) counts.disconnected++;
    else if (leader.registry.agents.get(agent.id)?.drain !== undefined) counts.draining++;
    else if (agent.deactivated) counts.deactivated++;
    else if (!mayOffer(leader, agent)) counts.notWhitelisted++;
  }
  return counts;
}

/** What /allocator/offer_constraints_debug shows (OFF-12). */
export function constraintsDebugView(leader: Leader): ConstraintsDebugView[] {
  const excluded = new Map<string, Map<string, readonly string[]>>();
  for (const { frameworkId, role, agentIds } of leader.allocator.exclusions()) {
    const roles = excluded.get(frameworkId) ?? new Map<string, readonly string[]>();
    excluded.set(frameworkId, roles.set(role, agentIds));
  }
  return [...leader.frameworks.values()].map(({ id, suppressedRoles }) => ({
    frameworkId: id,
    suppressedRoles: [...suppressedRoles],
    excluded: excluded.get(id) ?? new Map(),
  }));
}
