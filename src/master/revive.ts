import type { SchedulerCall } from "../model/v1/scheduler.ts";
import type { Leader } from "./leader.ts";
import type { FrameworkMemory } from "./memory.ts";

/**
 * REVIVE: drops filters and lifts suppression for the named roles, or for all. Filters of inverse
 * offers, which have no role, go too.
 */
export function revive(leader: Leader, framework: FrameworkMemory, call: SchedulerCall): void {
  const roles = rolesNamed(framework, call.revive?.roles);
  if (roles === undefined) return;
  framework.suppressedRoles = framework.suppressedRoles.difference(new Set(roles));
  leader.allocator.revive(framework.id, roles);
  leader.inverseOffers.dropFilters(framework.id);
  leader.allocationDue = true;
}

/** SUPPRESS: no offers for the named roles, or for any. Offers already out stay. */
export function suppress(leader: Leader, framework: FrameworkMemory, call: SchedulerCall): void {
  const roles = rolesNamed(framework, call.suppress?.roles);
  if (roles === undefined) return;
  framework.suppressedRoles = framework.suppressedRoles.union(new Set(roles));
  leader.allocator.suppress(framework.id, roles);
}

/** Undefined when a role is not the framework's: the whole call is dropped then. */
function rolesNamed(framework: FrameworkMemory, named: string[] = []): readonly string[] | undefined {
  if (named.length === 0) return framework.roles;
  const own = new Set(framework.roles);
  return named.every((role) => own.has(role)) ? named : undefined;
}
