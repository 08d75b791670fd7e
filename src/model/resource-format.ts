/** `Resources` as the messages and the legacy JSON carry them. */
import { assert } from "../base/assert.ts";
import { type Amount, addAmounts, amountFields, formatAmount } from "./resource-amount.ts";
import type { ResourceEntry, Resources } from "./resources.ts";
import { scalarOf } from "./scalar.ts";
import type { Resource, ResourceReservationInfo } from "./v1/resources.ts";

/**
 * How reservations are written:
 * - `refined`: `reservations`, for frameworks with RESERVATION_REFINEMENT and inside mesh.
 * - `plain`: `role` and `reservation`, for all others; resources with more than one
 *   reservation cannot be written so and must be left out before (`isPlain`).
 * - `endpoint`: both, as the legacy endpoints answer.
 */
export type ReservationFormat = "refined" | "plain" | "endpoint";

/** The messages of all entries, a shared volume once. */
export function toResources(resources: Resources, format: ReservationFormat = "refined"): Resource[] {
  return mapMessages(resources, (entry) => toResource(entry, format));
}

/** What `make` makes of each message of {@link toResources}, for which it gets the entry. */
export function mapMessages<T>(resources: Resources, make: (entry: ResourceEntry) => T): T[] {
  const out: T[] = [];
  for (const entry of resources.entries) {
    const copies = entry.identity.isShared ? 1 : entry.count;
    for (let i = 0; i < copies; i++) out.push(make(entry));
  }
  return out;
}

/** The part that the `plain` format can write: at most one reservation each. */
export function plainPart(resources: Resources): Resources {
  return resources.filter((identity) => identity.traits.reservations.length <= 1);
}

export function toResource({ identity, amount }: ResourceEntry, format: ReservationFormat): Resource {
  const { providerId, allocationRole, reservations, disk, revocable, shared } = identity.traits;
  return {
    ...(providerId && { provider_id: providerId }),
    name: identity.name,
    type: identity.kind,
    ...amountFields(amount),
    ...(format !== "refined" && plainReservation(reservations, identity.reservationRole, format)),
    ...(allocationRole !== undefined && { allocation_info: { role: allocationRole } }),
    ...(format !== "plain" && reservations.length > 0 && { reservations: [...reservations] }),
    ...(disk && { disk }),
    ...(revocable && { revocable }),
    ...(shared && { shared }),
  };
}

function plainReservation(
  reservations: readonly ResourceReservationInfo[],
  role: string,
  format: ReservationFormat,
): Pick<Resource, "role" | "reservation"> {
  assert(format === "endpoint" || reservations.length <= 1, "The plain format writes one reservation");
  const last = reservations.at(-1);
  if (last?.type !== "DYNAMIC") return { role };
  const { principal, labels } = last;
  return { role, reservation: { ...(principal !== undefined && { principal }), ...(labels && { labels }) } };
}

/** The legacy JSON form; scalars are numbers, ranges and sets text. */
export interface SimpleResources {
  cpus: number;
  gpus: number;
  mem: number;
  disk: number;
  [name: string]: number | string;
}

/** Sums over roles and disks; revocable resources go under `<name>_revocable`. */
export function toSimpleObject(resources: Resources): SimpleResources {
  const totals = new Map<string, Amount>();
  for (const { identity, amount } of resources.entries) {
    const name = identity.isRevocable ? `${identity.name}_revocable` : identity.name;
    const before = totals.get(name);
    totals.set(name, before === undefined ? amount : addAmounts(before, amount));
  }
  const simple: SimpleResources = { cpus: 0, gpus: 0, mem: 0, disk: 0 };
  for (const [name, amount] of totals) {
    simple[name] = typeof amount === "number" ? scalarOf(amount) : formatAmount(amount);
  }
  return simple;
}
