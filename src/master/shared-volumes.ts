/** Shared volumes in offers, and those that are to go: who uses them, and what is withdrawn (RES-17). */
import { withoutHeld } from "../allocator/shared-volumes.ts";
import { Resources } from "../model/resources.ts";
import type { Leader } from "./leader.ts";
import type { AgentMemory, OfferMemory } from "./memory.ts";
import { rescindOffer } from "./offers.ts";

/** Why shared volumes of `consumed` cannot go, or undefined (Mesos: `operation::validate` of Destroy). */
export function sharedVolumeInUse(agent: AgentMemory, consumed: Resources): string | undefined {
  for (const { identity } of consumed.entries) {
    if (!identity.isShared) continue;
    const uses = ({ resources }: { readonly resources: Resources }): boolean =>
      resources.entries.some((entry) => entry.identity.key === identity.key);
    const inUse = `Shared volume '${identity.traits.disk?.persistence?.id}' is in use by`;
    for (const holding of agent.holdings.values())
      if (uses(holding)) return `${inUse} task ${holding.taskId}`;
    for (const executor of agent.executors.values()) {
      if (uses(executor)) return `${inUse} executor ${executor.executorId}`;
    }
  }
  return undefined;
}

/** Shared volumes of `consumed` may be in other offers, and in what calls under way hold back. */
export function withdrawShared(leader: Leader, agent: AgentMemory, consumed: Resources): void {
  const gone = new Set(
    consumed.entries.filter(({ identity }) => identity.isShared).map(({ identity }) => identity.key),
  );
  if (gone.size === 0) return;
  for (const id of [...agent.offerIds]) {
    const offer = leader.offers.get(id);
    const holds = offer?.resources.entries.some(({ identity }) => gone.has(identity.key)) ?? false;
    if (offer !== undefined && holds) rescindOffer(leader, offer);
  }
  for (const [changeId, change] of agent.changes) {
    const { heldBack } = change;
    const part = heldBack?.resources.filter(({ key }) => gone.has(key));
    if (heldBack === undefined || part === undefined || part.isEmpty()) continue;
    leader.allocator.recover({ ...heldBack, resources: part }, leader.now);
    const rest = { ...heldBack, resources: heldBack.resources.subtract(part) };
    agent.changes.set(changeId, { ...change, heldBack: rest });
  }
}

/** What the offers hold together: a shared volume that is in several of them is held once from now on. */
export function joinOffers(leader: Leader, offers: readonly OfferMemory[]): Resources {
  let joined = Resources.EMPTY;
  for (const { frameworkId, role, agentId, resources } of offers) {
    const more = withoutHeld(resources, joined);
    const again = resources.subtract(more);
    leader.allocator.recover({ frameworkId, role, agentId, resources: again }, leader.now);
    joined = joined.add(more);
  }
  return joined;
}
