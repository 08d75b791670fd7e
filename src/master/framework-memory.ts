import type { MinAllocatable } from "../allocator/quantities.ts";
import type { FrameworkSpec } from "../allocator/types.ts";
import { capabilitiesOf, rolesOf } from "../model/capabilities.ts";
import { milliOf } from "../model/scalar.ts";
import type { FrameworkInfo } from "../model/v1/frameworks.ts";
import type { ValueScalar } from "../model/v1/resources.ts";
import { Counters } from "./counters.ts";
import type { Leader } from "./leader.ts";
import type { FrameworkMemory } from "./memory.ts";

/** What a framework asks for with each subscription, beside its info. */
export type SubscriptionWishes = Pick<FrameworkMemory, "suppressedRoles" | "constraints">;

/** Of a framework that has not subscribed to this leader yet. */
export const NO_WISHES: SubscriptionWishes = {
  suppressedRoles: new Set(),
  constraints: { given: undefined, byRole: new Map() },
};

/** Remembers a framework of the registry; not connected yet. */
export function rememberFramework(
  leader: Leader,
  id: string,
  info: FrameworkInfo,
  { suppressedRoles, constraints }: SubscriptionWishes,
): FrameworkMemory {
  const framework: FrameworkMemory = {
    id,
    info,
    capabilities: capabilitiesOf(info),
    roles: rolesOf(info),
    suppressedRoles,
    constraints,
    streamId: undefined,
    recovered: false,
    leaving: "no",
    offerIds: new Set(),
    agentIds: new Set(),
    counters: new Counters(),
    reconciling: 0,
    idleDeclines: 0,
    operationRetryMs: 0,
    toldOfSmallExecutor: false,
  };
  leader.frameworks.set(id, framework);
  return framework;
}

/** Takes over committed changes of the framework's info. */
export function refreshFramework(
  leader: Leader,
  framework: FrameworkMemory,
  info: FrameworkInfo,
  { suppressedRoles, constraints }: SubscriptionWishes,
): void {
  framework.info = info;
  framework.capabilities = capabilitiesOf(info);
  framework.roles = rolesOf(info);
  framework.suppressedRoles = suppressedRoles;
  framework.constraints = constraints;
  leader.allocator.updateFramework(framework.id, frameworkSpec(framework));
  leader.allocationDue = true;
}

export function frameworkSpec(framework: FrameworkMemory): Omit<FrameworkSpec, "active"> {
  return {
    roles: framework.roles,
    suppressedRoles: [...framework.suppressedRoles],
    capabilities: [...framework.capabilities],
    minAllocatable: minAllocatableOf(framework.info),
    constraints: framework.constraints.byRole,
  };
}

/** FrameworkInfo.offer_filters: the smallest offers wanted, by role (OFF-14). */
function minAllocatableOf(info: FrameworkInfo): Map<string, MinAllocatable> {
  const byRole = new Map<string, MinAllocatable>();
  for (const [role, filters] of Object.entries(info.offer_filters ?? {})) {
    const wanted = filters.min_allocatable_resources;
    if (wanted === undefined) continue;
    const alternatives = wanted.quantities ?? [];
    byRole.set(
      role,
      alternatives.map(({ quantities = {} }) => milliAmounts(quantities)),
    );
  }
  return byRole;
}

function milliAmounts(quantities: Readonly<Record<string, ValueScalar>>): Map<string, number> {
  return new Map(Object.entries(quantities).map(([name, { value }]) => [name, milliOf(value)]));
}

export function isPartitionAware(framework: FrameworkMemory | undefined): boolean {
  return framework?.capabilities.has("PARTITION_AWARE") ?? false;
}

/** failover_timeout in milliseconds; absent or negative counts as 0. */
export function failoverTimeoutMs(info: FrameworkInfo): number {
  return Math.max(0, info.failover_timeout ?? 0) * 1000;
}
