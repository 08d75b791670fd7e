/**
 * What makes two resources the same kind of thing: everything but the amount.
 * Identities are immutable and shared by all entries made from each other.
 */

import { ANY_ROLE, isStrictSubrole } from "./roles.ts";
import type { ResourceProviderID } from "./v1/ids.ts";
import type {
  Resource,
  ResourceDiskInfo,
  ResourceReservationInfo,
  ResourceRevocableInfo,
  ResourceSharedInfo,
} from "./v1/resources.ts";

export type ResourceKind = "SCALAR" | "RANGES" | "SET";

/** The parts of a Resource that stay when its amount changes. */
export interface ResourceTraits {
  readonly name: string;
  readonly kind: ResourceKind;
  /** Role it is allocated to. */
  readonly allocationRole: string | undefined;
  /** From the first, outermost reservation to the last, which counts; empty = unreserved. */
  readonly reservations: readonly ResourceReservationInfo[];
  readonly disk: ResourceDiskInfo | undefined;
  readonly revocable: ResourceRevocableInfo | undefined;
  readonly shared: ResourceSharedInfo | undefined;
  readonly providerId: ResourceProviderID | undefined;
}

export class ResourceIdentity {
  readonly traits: ResourceTraits;
  /** Equal for equal identities; sorts by name first. */
  readonly key: string;
  /**
   * Volumes, mounts, blocks and identified raw disks are used whole or not at
   * all (Mesos common/resources.cpp, `addable` and `subtractable`).
   */
  readonly indivisible: boolean;
  /** The identity last derived by {@link allocatedTo}: an agent's resources go to few roles. */
  #allocated: ResourceIdentity | undefined;

  private constructor(traits: ResourceTraits, key: string) {
    this.traits = traits;
    this.key = key;
    this.indivisible = isIndivisible(traits);
  }

  static of(traits: ResourceTraits): ResourceIdentity {
    const key = keyOf(traits);
    if (!isSimple(traits)) return new ResourceIdentity(traits, key);
    const known = simpleIdentities.get(key);
    if (known) return known;
    if (simpleIdentities.size >= SIMPLE_IDENTITIES_MAX) simpleIdentities.clear();
    const identity = new ResourceIdentity(traits, key);
    simpleIdentities.set(key, identity);
    return identity;
  }

  get name(): string {
    return this.traits.name;
  }

  get kind(): ResourceKind {
    return this.traits.kind;
  }

  /** Role of the innermost reservation, `*` when there is none. */
  get reservationRole(): string {
    return this.traits.reservations.at(-1)?.role ?? ANY_ROLE;
  }

  get isReserved(): boolean {
    return this.traits.reservations.length > 0;
  }

  get isRevocable(): boolean {
    return this.traits.revocable !== undefined;
  }

  get isShared(): boolean {
    return this.traits.shared !== undefined;
  }

  get isPersistentVolume(): boolean {
    return this.traits.disk?.persistence !== undefined;
  }

  /** True when a framework in `role` may get it: unreserved, or reserved to the role or one above it. */
  isAllocatableTo(role: string): boolean {
    const owner = this.reservationRole;
    return !this.isReserved || owner === role || isStrictSubrole(role, owner);
  }

  equals(other: ResourceIdentity): boolean {
    return this === other || this.key === other.key;
  }

  /** The same with its allocation role set, or removed by `undefined`. */
  allocatedTo(role: string | undefined): ResourceIdentity {
    if (this.traits.allocationRole === role) return this;
    if (this.#allocated === undefined || this.#allocated.traits.allocationRole !== role) {
      this.#allocated = this.with({ allocationRole: role });
    }
    return this.#allocated;
  }

  /** The same with some traits replaced. */
  with(changes: Partial<ResourceTraits>): ResourceIdentity {
    return ResourceIdentity.of({ ...this.traits, ...changes });
  }
}

/** Bound of the table below: names times roles of a large cluster. */
const SIMPLE_IDENTITIES_MAX = 20_000;
/** Identities without disk, reservation or provider, shared by all agents. Only saves memory. */
const simpleIdentities = new Map<string, ResourceIdentity>();

function isSimple({ reservations, disk, shared, providerId }: ResourceTraits): boolean {
  return reservations.length === 0 && !disk && !shared && !providerId;
}

function isIndivisible({ disk, shared }: ResourceTraits): boolean {
  if (shared || disk?.persistence) return true;
  const source = disk?.source;
  if (!source || source.type === "PATH") return false;
  return source.type !== "RAW" || source.id !== undefined;
}

/** Names and roles hold no newline (checkResource), so the parts cannot run together. */
function keyOf(traits: ResourceTraits): string {
  const { name, kind, allocationRole, reservations, disk, revocable, shared, providerId } = traits;
  if (isSimple(traits) && !revocable && kind === "SCALAR") {
    return allocationRole === undefined ? name : `${name}\n${allocationRole}`;
  }
  const rest = [kind, reservations, disk && whichDisk(disk), revocable, shared, providerId];
  return `${name}\n${allocationRole ?? ""}\n${canonicalText(rest)}`;
}

/**
 * Of a volume only its id counts: where it is mounted is said anew at each use
 * (Mesos common/resources.cpp, `operator==` of DiskInfo and of Persistence).
 */
function whichDisk({ persistence, source }: ResourceDiskInfo): unknown {
  return { source, ...(persistence && { persistence: persistence.id }) };
}

/** JSON with sorted keys: equal for equal values whatever order a client sent them in. */
function canonicalText(value: unknown): string {
  if (value instanceof Uint8Array || value === null || typeof value !== "object") {
    return JSON.stringify(value) ?? "";
  }
  if (Array.isArray(value)) return `[${value.map(canonicalText).join(",")}]`;
  const entries = Object.entries(value)
    .filter(([, item]) => item !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${canonicalText(item)}`).join(",")}}`;
}

/** The identity of a Resource that {@link checkResource} accepts, in either reservation format. */
export function identityOf(resource: Resource): ResourceIdentity {
  return ResourceIdentity.of({
    name: resource.name,
    kind: resource.type as ResourceKind,
    allocationRole: resource.allocation_info?.role,
    reservations: reservationsOf(resource),
    disk: resource.disk,
    revocable: resource.revocable,
    shared: resource.shared,
    providerId: resource.provider_id,
  });
}

/** The reservations of a Resource in the format with or without refinement. */
export function reservationsOf(resource: Resource): readonly ResourceReservationInfo[] {
  if (resource.reservations) return resource.reservations;
  const role = resource.role ?? ANY_ROLE;
  if (role === ANY_ROLE) return [];
  if (resource.reservation) return [{ ...resource.reservation, type: "DYNAMIC", role }];
  return [{ type: "STATIC", role }];
}
