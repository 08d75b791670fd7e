/** Offers: what the allocator hands out, as frameworks see it, and how it comes back. */
import type { Allocation } from "../allocator/types.ts";
import { PART_MAX_ITEMS, RECORD_MAX_BYTES } from "../base/limits.ts";
import type { Resources } from "../model/resources.ts";
import type { URL } from "../model/v1/ids.ts";
import type { Offer } from "../model/v1/offers.ts";
import { inParts, whileWanted } from "./later.ts";
import type { Leader } from "./leader.ts";
import type { AgentMemory, FrameworkMemory, OfferMemory } from "./memory.ts";
import { offeredResources } from "./task-resources.ts";
import { timerName } from "./timer-names.ts";

/** The end of a turn: everything that can be offered goes out, one batch for each framework. */
export function makeOffers(leader: Leader, maxVisits: number): void {
  leader.allocationDue = false;
  leader.counters.bump("allocation_runs");
  const byFramework = new Map<string, OfferMemory[]>();
  for (const allocation of leader.allocator.allocate(leader.now, maxVisits)) {
    const offer = rememberOffer(leader, allocation);
    const batch = byFramework.get(offer.frameworkId);
    if (batch === undefined) byFramework.set(offer.frameworkId, [offer]);
    else batch.push(offer);
  }
  // The other agents in the next turn.
  if (leader.allocator.postponed) leader.allocationDue = true;
  for (const [frameworkId, offers] of byFramework) {
    const framework = leader.framework(frameworkId);
    const { streamId } = framework;
    // They end with their stream, and nobody is told of that: another one must not hear of them.
    const isTheirs = (): boolean => framework.streamId === streamId;
    leader.later.add(whileWanted(isTheirs, sendOffers(leader, framework, offers)));
  }
}

function rememberOffer(leader: Leader, { frameworkId, role, agentId, resources }: Allocation): OfferMemory {
  const offer = {
    id: leader.newOfferId(),
    frameworkId,
    agentId,
    role,
    resources,
    told: false,
  };
  leader.offers.set(offer.id, offer);
  leader.framework(frameworkId).offerIds.add(offer.id);
  leader.agent(agentId).offerIds.add(offer.id);
  const timeoutMs = leader.settings.offerTimeoutMs;
  if (timeoutMs !== undefined) {
    leader.timers.set(timerName("offer", offer.id), leader.now.monotonicMs + timeoutMs);
  }
  return offer;
}

/** In parts, of which each is one event below what clients' record readers take. */
function* sendOffers(
  leader: Leader,
  framework: FrameworkMemory,
  offers: readonly OfferMemory[],
): Generator<number, number> {
  let batch: Offer[] = [];
  let chars = 0;
  const flush = (): void => {
    if (batch.length > 0) leader.send(framework, { type: "OFFERS", offers: { offers: batch } });
    framework.counters.bump("offers/sent", batch.length);
    batch = [];
    chars = 0;
  };
  for (const offer of offers) {
    // It may have ended while the others were sent.
    if (leader.offers.get(offer.id) !== offer) continue;
    offer.told = true;
    const agent = leader.agent(offer.agentId);
    const message = offerMessage(offer, framework, agent);
    const size = offerChars(message, agent);
    if (chars + size > RECORD_MAX_BYTES / 2) flush();
    batch.push(message);
    chars += size;
    if (batch.length < PART_MAX_ITEMS) continue;
    flush();
    yield PART_MAX_ITEMS;
  }
  const last = batch.length;
  flush();
  return last;
}

/** Generous guess of an offer's JSON; half the record bound is left for multi-byte text. */
function offerChars(offer: Offer, agent: AgentMemory): number {
  let chars = 1_000 + agent.infoChars;
  for (const resource of offer.resources ?? []) {
    chars +=
      300 + 50 * (resource.ranges?.range?.length ?? 0) + 2 * (offer.allocation_info?.role?.length ?? 0);
  }
  return chars;
}

export function offerMessage(offer: OfferMemory, framework: FrameworkMemory, agent: AgentMemory): Offer {
  const { hostname, attributes, domain } = agent.info;
  return {
    id: { value: offer.id },
    framework_id: { value: offer.frameworkId },
    agent_id: { value: offer.agentId },
    hostname,
    url: agentUrl(agent),
    ...(domain === undefined ? {} : { domain }),
    resources: offeredResources(offer.resources, offer.role, framework),
    ...executorIds(framework, agent),
    ...(agent.unavailability === undefined ? {} : { unavailability: agent.unavailability }),
    ...(attributes === undefined ? {} : { attributes }),
    ...(framework.capabilities.has("MULTI_ROLE") ? { allocation_info: { role: offer.role } } : {}),
  };
}

/** Where the agent's API is. */
export function agentUrl({ ip, info: { hostname, port } }: AgentMemory): URL {
  return { scheme: "http", address: { hostname, ip, port: port ?? 5051 }, path: "/slave(1)" };
}

/** Executors of the framework that the agent runs: tasks may go to them (OFF-18). */
function executorIds(framework: FrameworkMemory, agent: AgentMemory): Pick<Offer, "executor_ids"> {
  const ids = agent.executors.idsOf(framework.id);
  return ids.length === 0 ? {} : { executor_ids: ids.map((value) => ({ value })) };
}

/** Takes the offer off the books; its resources stay allocated to the framework. */
export function forgetOffer(leader: Leader, offer: OfferMemory): void {
  leader.offers.delete(offer.id);
  leader.frameworks.get(offer.frameworkId)?.offerIds.delete(offer.id);
  leader.agents.get(offer.agentId)?.offerIds.delete(offer.id);
  leader.timers.clear(timerName("offer", offer.id));
}

/** Ends an offer; its resources go back to the pool, refused for `refuseMs` if given. */
export function giveBackOffer(leader: Leader, offer: OfferMemory, refuseMs?: number): void {
  forgetOffer(leader, offer);
  giveBack(leader, offer, offer.resources, refuseMs);
}

/** Gives a part of what an offer held back to the pool. */
export function giveBack(leader: Leader, offer: OfferMemory, resources: Resources, refuseMs?: number): void {
  if (resources.isEmpty()) return;
  const { frameworkId, role, agentId } = offer;
  leader.allocator.recover({ frameworkId, role, agentId, resources, refuseMs }, leader.now);
  leader.allocationDue = true;
}

/**
 * The framework's connection changed hands or broke: nobody is to be told (mesos-wire.md 4.2). Of many offers
 * some stand until later turns.
 */
export function discardOffers(leader: Leader, framework: FrameworkMemory): void {
  forOffers(leader, framework.offerIds, (offer) => giveBackOffer(leader, offer));
}

/** Withdraws an offer and tells the framework, if it knows of it. */
export function rescindOffer(leader: Leader, offer: OfferMemory): void {
  giveBackOffer(leader, offer);
  const framework = leader.frameworks.get(offer.frameworkId);
  if (framework === undefined || !offer.told) return;
  framework.counters.bump("offers/rescinded");
  leader.send(framework, { type: "RESCIND", rescind: { offer_id: { value: offer.id } } });
}

/** Withdraws those of the outstanding offers that are then in the way. */
export function rescindOffersIf(leader: Leader, inTheWay: (offer: OfferMemory) => boolean): void {
  forOffers(leader, leader.offers.keys(), (offer) => {
    if (inTheWay(offer)) rescindOffer(leader, offer);
  });
}

/** Takes back what is in the way: of a role beyond its limit, or what a guarantee waits for (QTA-3). */
export function rescindBeyondQuota(leader: Leader): void {
  rescindOffersIf(leader, ({ role, resources }) => leader.allocator.breaksQuota(role, resources));
}

/** Does something with the offers that still stand: the first at once, more in later turns. */
function forOffers(leader: Leader, ids: Iterable<string>, use: (offer: OfferMemory) => void): void {
  const job = inParts([...ids], PART_MAX_ITEMS, (id) => {
    const offer = leader.offers.get(id);
    if (offer !== undefined) use(offer);
  });
  if (job.next().done !== true) leader.later.add(job);
}

export function rescindOffersOnAgent(leader: Leader, agent: AgentMemory): void {
  for (const id of [...agent.offerIds]) {
    const offer = leader.offers.get(id);
    if (offer !== undefined) rescindOffer(leader, offer);
  }
}

/** The framework gave up roles. */
export function rescindOffersOutside(
  leader: Leader,
  framework: FrameworkMemory,
  roles: ReadonlySet<string>,
): void {
  forOffers(leader, framework.offerIds, (offer) => {
    if (!roles.has(offer.role)) rescindOffer(leader, offer);
  });
}

/** `--offer-timeout` passed (OFF-9). */
export function offerDue(leader: Leader, offerId: string): void {
  const offer = leader.offers.get(offerId);
  if (offer !== undefined) rescindOffer(leader, offer);
}
