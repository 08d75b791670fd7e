/** Quota for the slow allocator: counted anew from flat lists each time. */
import type { UsedByFramework } from "../../src/allocator/types.ts";
import type { Quota } from "../../src/model/quota.ts";
import type { Resources } from "../../src/model/resources.ts";

export interface QuotaWorld {
  readonly quotas: ReadonlyMap<string, Quota>;
  readonly held: readonly UsedByFramework[];
  readonly agents: readonly {
    readonly active: boolean;
    readonly total: Resources;
    readonly free: Resources;
  }[];
}

/** Reserved to a topmost role and all below it, and what they hold of the rest. */
export function consumed({ held, agents }: QuotaWorld, top: string): Map<string, number> {
  const below = (role: string) => role === top || role.startsWith(`${top}/`);
  const reserved = agents.map(({ total }) =>
    total.filter((identity) => identity.isReserved && below(identity.reservationRole)),
  );
  const open = held.filter(({ role }) => below(role)).map(({ resources }) => resources.unreserved());
  return sumOf([...reserved, ...open].map((resources) => resources.nonRevocable().quantities()));
}

/** What quota lets through of an offer; `onlyNeedy`: undefined unless it helps its role's guarantees. */
export function withinQuota(
  world: QuotaWorld,
  offer: Resources,
  role: string,
  onlyNeedy: boolean,
): Resources | undefined {
  const [top = ""] = role.split("/");
  const quota = world.quotas.get(top);
  const surplus = surplusOf(world);
  if (quota === undefined) return onlyNeedy ? undefined : offer.capped(surplus);
  const [used, need] = [consumed(world, top), needOf(world, top)];
  const room = (name: string) =>
    Math.max(0, (quota.limits.get(name) ?? Number.POSITIVE_INFINITY) - (used.get(name) ?? 0));
  if (!onlyNeedy) {
    return offer.capped((name) => Math.min(room(name), (need.get(name) ?? 0) + surplus(name)));
  }
  const part = offer.capped((name) => need.get(name) ?? Math.min(room(name), surplus(name)));
  const open = part.unreserved().nonRevocable().quantities();
  return [...need].some(([name, milli]) => milli > 0 && (open.get(name) ?? 0) > 0) ? part : undefined;
}

/** Per name: what no unmet guarantee waits for. */
function surplusOf(world: QuotaWorld): (name: string) => number {
  const required = sumOf([...world.quotas.keys()].map((role) => needOf(world, role)));
  const active = world.agents.filter((agent) => agent.active);
  const free = sumOf(active.map((agent) => agent.free.unreserved().nonRevocable().quantities()));
  return (name) => {
    const wanted = required.get(name) ?? 0;
    return wanted === 0 ? Number.POSITIVE_INFINITY : Math.max(0, (free.get(name) ?? 0) - wanted);
  };
}

function needOf(world: QuotaWorld, top: string): Map<string, number> {
  const used = consumed(world, top);
  const need = new Map<string, number>();
  for (const [name, milli] of world.quotas.get(top)?.guarantees ?? [])
    need.set(name, Math.max(0, milli - (used.get(name) ?? 0)));
  return need;
}

function sumOf(parts: readonly ReadonlyMap<string, number>[]): Map<string, number> {
  const sum = new Map<string, number>();
  for (const part of parts) for (const [name, milli] of part) sum.set(name, (sum.get(name) ?? 0) + milli);
  return sum;
}
