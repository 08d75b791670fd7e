/**
 * The reasons of `mesh why` in words: what stands between a framework and an
 * offer, and what would change it. Codes are for programs and stay as they are.
 */
import type { AgentCounts, RoleExplanation } from "../allocator/types.ts";
import { topRole } from "../model/roles.ts";
import type { FrameworkMemory } from "./memory.ts";
import type { WhyReason } from "./port.ts";

/** Agents that the cluster knows and cannot use now. */
export interface AbsentAgents {
  readonly unreachable: number;
  /** Not back since this leader was elected. */
  readonly notReturned: number;
  /** Their link broke just now. */
  readonly disconnected: number;
  /** By an operator; drained ones among them. */
  readonly draining: number;
  readonly deactivated: number;
  /** Not on the list of `--whitelist`. */
  readonly notWhitelisted: number;
}

interface FrameworkFacts {
  readonly framework: FrameworkMemory;
  readonly paused: boolean;
  readonly absent: AbsentAgents;
  /** That could have something to offer, whatever their state. */
  readonly agents: number;
}

/** What holds in all of its roles. */
export function frameworkReasons({ framework, paused, absent, agents }: FrameworkFacts): WhyReason[] {
  const reasons: WhyReason[] = [];
  if (framework.streamId === undefined) {
    reasons.push({
      code: "disconnected",
      text: framework.recovered
        ? "It has not subscribed since this master was elected"
        : "Its scheduler is not connected",
      advice: "Look whether the scheduler runs and reaches the leading master; it must SUBSCRIBE again",
    });
  }
  if (framework.roles.length === 0) {
    reasons.push({
      code: "no-roles",
      text: "It is subscribed to no role",
      advice: "Let it subscribe with FrameworkInfo.roles",
    });
  }
  if (paused) {
    reasons.push({
      code: "recovery-pause",
      text: "No offers are made while agents come back after the change of the leading master",
      advice: "Wait, or look why agents do not come back",
    });
  }
  if (agents === 0 && absent.unreachable === 0) {
    reasons.push({
      code: "no-agents",
      text: "No agent is registered",
      advice: "Start one with 'mesh agent'",
    });
  }
  if (absent.unreachable > 0) {
    reasons.push({
      code: "agents-unreachable",
      agents: absent.unreachable,
      text: `${count(absent.unreachable, "agent")} cannot be reached`,
      advice: "Look at these machines and the network: 'mesh agents'",
    });
  }
  return reasons;
}

export interface RoleFacts {
  readonly absent: AbsentAgents;
  /** The framework's own, in this role. */
  readonly offersOpen: number;
  readonly offersOfOthers: number;
}

/** What holds in one role, the strongest first. */
export function roleReasons(role: RoleExplanation, facts: RoleFacts): WhyReason[] {
  const reasons: WhyReason[] = [];
  if (role.suppressed) {
    reasons.push({
      code: "suppressed",
      text: "It has suppressed offers for this role",
      advice: "Its scheduler calls REVIVE when it wants offers again",
    });
  }
  for (const [reason, explain] of Object.entries(AGENT_REASONS)) {
    const agents = role.agents[reason as keyof AgentCounts];
    if (agents > 0) reasons.push({ agents, ...explain(agents, role, facts) });
  }
  reasons.push(...quotaReasons(role));
  if (facts.offersOpen > 0) {
    reasons.push({
      code: "open-offers",
      text: `It holds ${count(facts.offersOpen, "offer")} that it has not answered`,
      advice:
        "Its scheduler accepts or declines them; --offer-timeout of the master takes back forgotten ones",
    });
  }
  const [first] = role.before;
  if (role.position !== undefined && first !== undefined) {
    reasons.push({
      code: "behind",
      text: `${count(role.position - 1, "framework")} with a smaller share come first; the next is ${first.frameworkId} in role '${first.role}' (${percent(first.share)}, this one has ${percent(role.share)})`,
      advice: "A larger weight of the role moves it forward; others move back as they get more",
    });
  }
  return reasons;
}

/** Offers are made, but without some of what is free. */
function quotaReasons({ role, overLimit, guaranteed }: RoleExplanation): WhyReason[] {
  const reasons: WhyReason[] = [];
  for (const [name, agents] of overLimit) {
    reasons.push({
      code: "quota-limit-reached",
      agents,
      text: `The limit of ${name} of the quota of role '${topRole(role)}' is reached: ${count(agents, "agent")} can be offered without ${name} only`,
      advice: "Raise the limits with UPDATE_QUOTA, or let frameworks of the role give something back",
    });
  }
  for (const [name, agents] of guaranteed) {
    reasons.push({
      code: "kept-for-guarantees",
      agents,
      text: `All ${name} that is free on ${count(agents, "agent")} is kept for guarantees of other roles`,
      advice: "Add agents, or lower these guarantees with UPDATE_QUOTA; /roles shows what is guaranteed",
    });
  }
  return reasons;
}

type Explain = (agents: number, role: RoleExplanation, facts: RoleFacts) => Omit<WhyReason, "agents">;

const AGENT_REASONS: { readonly [K in keyof AgentCounts]: Explain } = {
  available: (agents) => ({
    code: "available",
    text: `${count(agents, "agent")} can be offered: with the next allocation, unless another comes first`,
    advice: "Wait a moment",
  }),
  filtered: (agents, { filterEndsInMs }) => ({
    code: "filtered",
    text: `It has declined ${count(agents, "agent")}${filterEndsInMs === undefined ? "" : `; the first filter ends in ${seconds(filterEndsInMs)}`}`,
    advice: "REVIVE drops the filters; a smaller refuse_seconds makes shorter ones",
  }),
  constrained: (agents, { failedConstraints }) => ({
    code: "constrained",
    text: `Its offer constraints exclude ${count(agents, "agent")}`,
    advice: "Change the constraints with UPDATE_FRAMEWORK, or the agents' --attributes",
    details: tallied(failedConstraints),
  }),
  quotaLimit: (agents, { role }) => ({
    code: "quota-limit",
    text: `The limits of the quota of role '${topRole(role)}' leave nothing of ${count(agents, "agent")}`,
    advice: "Raise the limits with UPDATE_QUOTA, or let frameworks of the role give something back",
  }),
  heldForQuota: (agents) => ({
    code: "held-for-quota",
    text: `What is free on ${count(agents, "agent")} is kept for guarantees of other roles that are not met`,
    advice: "Add agents, or lower these guarantees with UPDATE_QUOTA; /roles shows what is guaranteed",
  }),
  belowMinimum: (agents) => ({
    code: "below-minimum",
    text: `Less is free on ${count(agents, "agent")} than the smallest offer it takes`,
    advice: "Its offer_filters or --min-allocatable-resources of the master set the smallest offer",
  }),
  reservedForOthers: (agents) => ({
    code: "reserved",
    text: `What is free on ${count(agents, "agent")} is reserved to other roles`,
    advice: "Unreserve it, or let the framework subscribe to one of these roles",
  }),
  capabilityMissing: (agents, { missingCapabilities }) => ({
    code: "capability",
    text: `What is free on ${count(agents, "agent")} is only for frameworks with capabilities that it lacks`,
    advice: "Let it subscribe with these capabilities",
    details: tallied(missingCapabilities),
  }),
  gpusHidden: (agents) => ({
    code: "gpus",
    text: `${count(agents, "agent")} with GPUs ${agents === 1 ? "is" : "are"} hidden from it`,
    advice: "Let it subscribe with the capability GPU_RESOURCES",
  }),
  taken: (agents, _, { offersOfOthers }) => ({
    code: "taken",
    text: `Everything on ${count(agents, "agent")} is offered or in use`,
    advice:
      offersOfOthers > 0
        ? `Other frameworks have not answered ${count(offersOfOthers, "offer")} yet; wait, end tasks, or add agents`
        : "Wait for tasks to end, or add agents",
  }),
  inactive: (agents, _, { absent }) => ({
    code: "inactive",
    text: `${count(agents, "agent")} ${agents === 1 ? "takes" : "take"} no tasks now`,
    advice: "See 'mesh agents'",
    details: inactiveWhy(absent),
  }),
};

function inactiveWhy(absent: AbsentAgents): string[] {
  const ways: [agents: number, why: string][] = [
    [absent.notReturned, "not back since this master was elected"],
    [absent.disconnected, "without a link: look at the agent and the network"],
    [absent.draining, "draining, or drained: 'mesh node reactivate' brings an agent back"],
    [absent.deactivated, "deactivated: 'mesh node reactivate' brings an agent back"],
    [absent.notWhitelisted, "not on the whitelist of the master"],
  ];
  return ways.filter(([agents]) => agents > 0).map(([agents, why]) => `${count(agents, "agent")} ${why}`);
}

/** Most frequent first. */
function tallied(tally: ReadonlyMap<string, number>): string[] {
  return [...tally]
    .sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))
    .map(([what, agents]) => `${what}: ${count(agents, "agent")}`);
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

function percent(share: number): string {
  return `${Number((share * 100).toFixed(2))} %`;
}

function seconds(ms: number): string {
  return `${Number((ms / 1000).toFixed(1))} s`;
}
