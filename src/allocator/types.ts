/**
 * What goes into the allocator and what comes out of it. `Allocator`
 * (allocator.ts) implements {@link ResourceAllocator}; the slow twin of the
 * tests implements it too, by recomputing everything.
 */
import type { Instant } from "../base/time.ts";
import type { Quota } from "../model/quota.ts";
import type { Resources } from "../model/resources.ts";
import type { Sorter } from "./lots.ts";
import type { AgentFacts, ConstraintsByRole } from "./offer-constraints.ts";
import type { MinAllocatable, ScalarQuantities } from "./quantities.ts";

/** A framework as the allocator sees it. */
export interface FrameworkSpec {
  /** Roles subscribed to, each once. */
  readonly roles: readonly string[];
  /** Roles that take no offers for now; names outside `roles` are ignored. */
  readonly suppressedRoles: readonly string[];
  /** Names as in FrameworkInfo.Capability.Type, e.g. `GPU_RESOURCES`. */
  readonly capabilities: readonly string[];
  /** False while the framework is disconnected or only known from before a failover. */
  readonly active: boolean;
  /** Per role: smallest offer wanted instead of the allocator's own (FrameworkInfo.offer_filters). */
  readonly minAllocatable?: ReadonlyMap<string, MinAllocatable>;
  /** Per role: what an agent must be like. */
  readonly constraints?: ConstraintsByRole;
}

/** An agent as the allocator sees it. */
export interface AgentSpec {
  /** Everything the agent has, without allocation_info. */
  readonly total: Resources;
  /**
   * False while the agent takes no new tasks: not registered again since a failover, deactivated,
   * draining. Default true.
   */
  readonly active?: boolean;
  /** What offer constraints look at; left out at an update, it stays as it was. */
  readonly facts?: AgentFacts;
}

/** Resources a framework already uses on some agent. */
export interface UsedOnAgent {
  readonly agentId: string;
  readonly role: string;
  readonly resources: Resources;
}

/** Resources some framework already uses on the agent in question. */
export interface UsedByFramework {
  readonly frameworkId: string;
  readonly role: string;
  readonly resources: Resources;
}

/**
 * Resources set aside for one framework in one role on one agent, to be offered. They carry no
 * allocation_info.
 */
export interface Allocation {
  readonly frameworkId: string;
  readonly role: string;
  readonly agentId: string;
  readonly resources: Resources;
}

/** Resources that come back: a declined offer, the rest of an accepted one, a finished task. */
export interface Recovery extends Allocation {
  /**
   * How long this framework does not want these resources, or fewer, in this
   * role from this agent again. Undefined or 0 sets no filter.
   */
  readonly refuseMs?: number | undefined;
}

export interface AllocatorOptions {
  /** The cluster's own region: agents in another are only for frameworks with REGION_AWARE. */
  readonly region?: string | undefined;
  /** Default `cpus:0.01|mem:32`, as Mesos (--min_allocatable_resources). */
  readonly minAllocatable?: MinAllocatable;
  /** Seeds the order in which agents are visited; any safe integer. */
  readonly seed: number;
  /** Shortest filter; Mesos lets one last at least one allocation interval (1 s). Default 1,000. */
  readonly filterMinMs?: number;
  /** Longest filter; longer ones are cut to it as in Mesos (1 year, also the default). */
  readonly filterMaxMs?: number;
  /** Whether agents with GPUs are kept from frameworks without GPU_RESOURCES. Default true. */
  readonly filterGpuResources?: boolean;
  /** Resource names that do not count for fairness. Default none. */
  readonly fairShareExcluded?: readonly string[];
  /** Agents that one allocation visits, unless some guarantee is not met; the others wait. Default: all. */
  readonly maxVisits?: number;
  /** Who among sibling roles is first: by share (default), or by lot. */
  readonly roleSorter?: Sorter;
  /** The same of the frameworks of one role. */
  readonly frameworkSorter?: Sorter;
}

/** A role as an operator sees it. */
export interface RoleView {
  readonly role: string;
  readonly weight: number;
  /** Frameworks subscribed to the role, sorted. */
  readonly frameworks: readonly string[];
  /** Offered or in use by frameworks in exactly this role, in thousandths. */
  readonly allocated: ScalarQuantities;
  /** Dominant share of the role and the roles below it, before the weight divides it: 0 to 1. */
  readonly share: number;
}

/** Quota of a role, in thousandths. */
export interface QuotaView extends Quota {
  readonly role: string;
  /** Reserved to the role and those below it, and what they hold or are offered of the rest. */
  readonly consumed: ScalarQuantities;
  /** All that they hold or are offered. */
  readonly allocated: ScalarQuantities;
}

/** One who wants offers too, and gets them first. */
export interface Forerunner {
  readonly frameworkId: string;
  readonly role: string;
  /** Dominant share of the framework within its role, 0 to 1. */
  readonly share: number;
  /** Dominant share of its role and the roles below, divided by the weight: what roles are compared by. */
  readonly roleShare: number;
}

/**
 * Agents by what stands between them and the framework; each agent counts once, at the first that applies.
 */
export interface AgentCounts {
  /** Not registered again yet, deactivated or draining. */
  inactive: number;
  /** Has GPUs, the framework lacks GPU_RESOURCES. */
  gpusHidden: number;
  /** Fails the framework's offer constraints; see `failedConstraints`. */
  constrained: number;
  /** Everything is offered or in use. */
  taken: number;
  /** What is free is reserved to roles that the framework's is not below. */
  reservedForOthers: number;
  /** What is free is only for frameworks with a capability that this one lacks; see `missingCapabilities`. */
  capabilityMissing: number;
  /** Something is free, but less than the smallest offer. */
  belowMinimum: number;
  /** Something is free, but the limits of the role's quota leave less than the smallest offer of it. */
  quotaLimit: number;
  /** Something is free, but too much of it is kept back for guarantees of other roles. */
  heldForQuota: number;
  /** Refused by the framework; see `filterEndsInMs`. */
  filtered: number;
  /**
   * Nothing stands in the way: goes out with the next allocation, here or to someone with a smaller share.
   */
  available: number;
}

/** Why a framework is not offered anything in one role just now: counted over all agents. */
export interface RoleExplanation {
  readonly role: string;
  /** The framework stopped offers for the role. */
  readonly suppressed: boolean;
  /**
   * Place in the fair order of all roles and frameworks that want offers, from 1; undefined when
   * not among them.
   */
  readonly position: number | undefined;
  /** Dominant share of the framework within its role, 0 to 1. */
  readonly share: number;
  /** As in {@link Forerunner}. */
  readonly roleShare: number;
  readonly weight: number;
  /** The first of those before it, at most FORERUNNERS_MAX. */
  readonly before: readonly Forerunner[];
  readonly agents: Readonly<AgentCounts> & { readonly total: number };
  /** Agents that fail each constraint; of several groups all that fail are named. */
  readonly failedConstraints: ReadonlyMap<string, number>;
  /** Agents on which the capability would open something. */
  readonly missingCapabilities: ReadonlyMap<string, number>;
  /** Agents whose offers come without a resource that the quota's limits are reached for, by its name. */
  readonly overLimit: ReadonlyMap<string, number>;
  /** Agents whose offers come without a resource that is kept for guarantees of others, by its name. */
  readonly guaranteed: ReadonlyMap<string, number>;
  /** Until the first of the filters counted above ends; undefined without any. */
  readonly filterEndsInMs: number | undefined;
}

/** What the offer constraints of a framework in one role keep from it. */
export interface Exclusion {
  readonly frameworkId: string;
  readonly role: string;
  /** Sorted. */
  readonly agentIds: readonly string[];
}

export interface FrameworkExplanation {
  readonly frameworkId: string;
  /** Disconnected frameworks get no offers. */
  readonly active: boolean;
  /** All allocation waits until the cluster has come back after a failover. */
  readonly paused: boolean;
  readonly roles: readonly RoleExplanation[];
}

/**
 * Decides who is offered what. Synchronous; every call does its work at once, offers come out of
 * `allocate` only.
 */
export interface ResourceAllocator {
  /**
   * `used` names what the framework already has on agents added before. What
   * `addAgent` has counted for it is not counted again; agents not added yet
   * bring theirs along with `addAgent`.
   */
  addFramework(frameworkId: string, spec: FrameworkSpec, used?: Iterable<UsedOnAgent>): void;
  /**
   * Replaces the spec but `active`. Resources held in dropped roles stay
   * counted until recovered; their filters go.
   */
  updateFramework(frameworkId: string, spec: Omit<FrameworkSpec, "active">): void;
  /** Forgets the framework. Everything it holds counts as used until recovered, as Mesos has it. */
  removeFramework(frameworkId: string): void;
  activateFramework(frameworkId: string): void;
  /** No more offers; drops the framework's filters. What it holds stays its own. */
  deactivateFramework(frameworkId: string): void;

  addAgent(agentId: string, spec: AgentSpec, used?: Iterable<UsedByFramework>): void;
  /** Replaces the total. Amounts in use beyond the new total are kept until recovered. */
  updateAgent(agentId: string, spec: Omit<AgentSpec, "active">): void;
  /** Forgets the agent and all that is used on it; later recoveries for it are ignored. */
  removeAgent(agentId: string): void;
  activateAgent(agentId: string): void;
  deactivateAgent(agentId: string): void;

  /** Counts resources as used that did not come from an offer, e.g. of a task adopted after a failover. */
  charge(used: Allocation): void;
  /** Gives resources back; unknown agents are ignored. More than is held is a programming error. */
  recover(recovery: Recovery, now: Instant): void;

  /**
   * Drops the framework's filters and lifts suppression, in the named roles or (none named) all of
   * its roles.
   */
  revive(frameworkId: string, roles?: readonly string[]): void;
  suppress(frameworkId: string, roles?: readonly string[]): void;
  /** Default weight is 1. Twice the weight: twice the share among its siblings. */
  updateWeight(role: string, weight: number): void;

  /**
   * Sets quota of topmost roles, all at once: what they may always have and have at most of
   * unreserved and non-revocable resources, reservations counted in, with all roles below them.
   * One without guarantees and limits is removed. Nothing that is held is taken back.
   */
  updateQuotas(quotas: Iterable<readonly [role: string, quota: Quota]>): void;
  /** What topmost roles consume, in thousandths, offers counted in; whether they have quota or not. */
  quotaUse(roles: Iterable<string>): Map<string, Map<string, number>>;
  /** Whether an offer stands in the way of quota: beyond its role's limit, or of what a guarantee lacks. */
  breaksQuota(role: string, resources: Resources): boolean;
  /** Every role with quota; sorted. */
  quotaViews(): QuotaView[];

  /** Ends filters whose time has come; `allocate` does so itself. */
  expire(now: Instant): void;
  /**
   * Hands out all that can be handed out, or what `maxVisits` agents have of it (left out: as the options
   * say); what is returned counts as allocated already.
   */
  allocate(now: Instant, maxVisits?: number): Allocation[];
  /** The last `allocate` left agents to the next one. */
  readonly postponed: boolean;
  /** `monotonicMs` of the next filter's end: call `allocate` then. Undefined without filters. */
  nextDeadlineMs(): number | undefined;
  /** While paused, `allocate` returns nothing; changes are still taken in. */
  pause(): void;
  resume(): void;

  /** Agents that offer constraints keep from a framework in a role; none for roles without constraints. */
  exclusions(): Exclusion[];
  /** Every role that is subscribed to, holds resources or has a weight of its own; sorted. */
  roles(): RoleView[];
  /** Undefined for an unknown framework. `role` narrows the answer to one of its roles. */
  explain(frameworkId: string, now: Instant, role?: string): FrameworkExplanation | undefined;
}
