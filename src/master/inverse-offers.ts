/**
 * Inverse offers (OFF-15, OFF-16): frameworks with tasks on an agent whose machine has a maintenance
 * window are asked to leave it. What they answer binds nobody; operators see it.
 */
import type { InverseOffer as InverseOfferMessage } from "../model/v1/offers.ts";
import type { SchedulerCall } from "../model/v1/scheduler.ts";
import { refuseMs } from "./decline.ts";
import type { InverseOffer } from "./inverse-offer-book.ts";
import type { Leader } from "./leader.ts";
import type { FrameworkMemory } from "./memory.ts";
import { agentUrl } from "./offers.ts";
import { timerName } from "./timer-names.ts";

/** The end of a turn: whoever is to be asked, one event for each framework. */
export function makeInverseOffers(leader: Leader): void {
  const book = leader.inverseOffers;
  book.due = false;
  const batches = new Map<FrameworkMemory, InverseOfferMessage[]>();
  for (const agentId of book.agentIds) {
    const agent = leader.agents.get(agentId);
    if (agent?.unavailability === undefined || agent.unreachable) continue;
    for (const frameworkId of agent.holdings.frameworks()) {
      const framework = leader.frameworks.get(frameworkId);
      if (framework?.streamId === undefined || !book.mayAsk(frameworkId, agentId)) continue;
      const { unavailability } = agent;
      const offer: InverseOffer = { id: leader.newOfferId(), frameworkId, agentId, unavailability };
      remember(leader, offer);
      const batch = batches.get(framework) ?? [];
      batches.set(framework, batch);
      batch.push(inverseOfferMessage(leader, offer));
    }
  }
  for (const [framework, inverse_offers] of batches) {
    leader.send(framework, { type: "INVERSE_OFFERS", inverse_offers: { inverse_offers } });
  }
}

function remember(leader: Leader, offer: InverseOffer): void {
  leader.inverseOffers.add(offer, leader.now.wallMs);
  const timeoutMs = leader.settings.offerTimeoutMs;
  if (timeoutMs === undefined) return;
  leader.timers.set(timerName("inverse-offer", offer.id), leader.now.monotonicMs + timeoutMs);
}

/** The whole agent is meant, so that resources are left out. */
export function inverseOfferMessage(leader: Leader, offer: InverseOffer): InverseOfferMessage {
  const { id, frameworkId, agentId, unavailability } = offer;
  return {
    id: { value: id },
    framework_id: { value: frameworkId },
    agent_id: { value: agentId },
    url: agentUrl(leader.agent(agentId)),
    unavailability,
  };
}

export function acceptInverseOffers(leader: Leader, framework: FrameworkMemory, call: SchedulerCall): void {
  const { inverse_offer_ids = [], filters } = call.accept_inverse_offers ?? {};
  for (const { value } of inverse_offer_ids) answer(leader, framework, value, "ACCEPT", refuseMs(filters));
}

export function declineInverseOffers(leader: Leader, framework: FrameworkMemory, call: SchedulerCall): void {
  const { inverse_offer_ids = [], filters } = call.decline_inverse_offers ?? {};
  for (const { value } of inverse_offer_ids) answer(leader, framework, value, "DECLINE", refuseMs(filters));
}

/** Unknown and foreign ones are ignored, as by Mesos. */
function answer(
  leader: Leader,
  framework: FrameworkMemory,
  id: string,
  status: "ACCEPT" | "DECLINE",
  pauseMs: number,
): void {
  const book = leader.inverseOffers;
  const offer = book.get(id);
  if (offer === undefined || offer.frameworkId !== framework.id) return;
  take(leader, offer);
  book.note(offer, { status, atMs: leader.now.wallMs });
  if (pauseMs === 0) book.due = true;
  else leader.timers.set(timerName("inverse-filter", book.filter(offer)), leader.now.monotonicMs + pauseMs);
}

function take(leader: Leader, offer: InverseOffer): void {
  leader.inverseOffers.remove(offer);
  leader.timers.clear(timerName("inverse-offer", offer.id));
}

/** The framework may be asked again. */
export function inverseFilterDue(leader: Leader, pair: string): void {
  leader.inverseOffers.endFilter(pair);
}

/** Not answered within `--offer-timeout`. */
export function inverseOfferDue(leader: Leader, id: string): void {
  const offer = leader.inverseOffers.get(id);
  if (offer === undefined) return;
  rescind(leader, offer);
  leader.inverseOffers.due = true;
}

/** The window changed, or the agent went. */
export function rescindInverseOffers(leader: Leader, agentId: string): void {
  for (const offer of leader.inverseOffers.onAgent(agentId)) rescind(leader, offer);
}

function rescind(leader: Leader, offer: InverseOffer): void {
  take(leader, offer);
  const framework = leader.frameworks.get(offer.frameworkId);
  const rescind_inverse_offer = { inverse_offer_id: { value: offer.id } };
  if (framework !== undefined)
    leader.send(framework, { type: "RESCIND_INVERSE_OFFER", rescind_inverse_offer });
}

/** The framework's connection changed hands or broke: nobody is to be told, and it is asked anew. */
export function discardInverseOffers(leader: Leader, framework: FrameworkMemory): void {
  for (const offer of leader.inverseOffers.ofFramework(framework.id)) take(leader, offer);
  leader.inverseOffers.dropFilters(framework.id);
  leader.inverseOffers.due = leader.inverseOffers.agentIds.size > 0;
}
