/**
 * Offer operations of every kind, drawn for what there is: reservations and
 * refinements of them, volumes that are made, shared, grown, shrunk and
 * destroyed. Frameworks draw for an offer, operators for a whole agent.
 */
import type { Random } from "../../src/base/random.ts";
import type { OfferOperation } from "../../src/model/v1/offers.ts";
import type { Resource } from "../../src/model/v1/resources.ts";

const CPUS = 0.1;
const DISK = 10;
/** Of a volume that shrinks. */
const LESS_DISK = 3;

export interface DrawRules {
  /** Reservations are made for this role, and only those for it are given back. */
  readonly role: string;
  /** Frameworks' resources are allocated to the role. */
  readonly allocated: boolean;
  /** Makes shared volumes. */
  readonly shares: boolean;
  /** Gives back all there is, and takes nothing. */
  readonly all: boolean;
}

export interface Drawn {
  readonly operations: OfferOperation[];
  /** Reservations and volumes that the operations leave as they are, for tasks. */
  readonly left: Resource[];
}

export function drawOperations(random: Random, resources: readonly Resource[], rules: DrawRules): Drawn {
  const mine = resources.filter((resource) => resource.reservations?.at(-1)?.role === rules.role);
  const back = mine.filter(() => rules.all || random.chance(0.3));
  const operations = giveBack(back);
  const left = mine.filter((resource) => !back.includes(resource));
  if (rules.all) return { operations, left };
  operations.push(...resize(random, left));
  if (random.chance(0.5)) operations.push(reserve([amount("cpus", CPUS, rules)]));
  if (random.chance(0.3)) operations.push(...newVolume(random, rules));
  const outer = resources.find((resource) => isOuter(resource, rules.role));
  if (outer !== undefined && random.chance(0.5)) operations.push(refine(outer, rules.role));
  return { operations, left };
}

function giveBack(back: readonly Resource[]): OfferOperation[] {
  const volumes = back.filter((resource) => resource.disk !== undefined);
  const operations = volumes.flatMap((volume): OfferOperation[] => [
    { type: "DESTROY", destroy: { volumes: [volume] } },
    { type: "UNRESERVE", unreserve: { resources: [withoutDisk(volume)] } },
  ]);
  const reserved = back.filter((resource) => resource.disk === undefined);
  if (reserved.length > 0) operations.push({ type: "UNRESERVE", unreserve: { resources: reserved } });
  return operations;
}

/** Grows one volume by the reserved disk beside it, or shrinks it; takes from `left` what it changes. */
function resize(random: Random, left: Resource[]): OfferOperation[] {
  const volume = left.find(({ disk, shared }) => disk !== undefined && shared === undefined);
  if (volume === undefined || random.chance(0.5)) return [];
  const addition = left.find(({ name, disk }) => name === "disk" && disk === undefined);
  if (addition !== undefined) {
    remove(left, addition);
    remove(left, volume);
    return [{ type: "GROW_VOLUME", grow_volume: { volume, addition } }];
  }
  remove(left, volume);
  return [{ type: "SHRINK_VOLUME", shrink_volume: { volume, subtract: { value: LESS_DISK } } }];
}

function remove(list: Resource[], one: Resource): void {
  list.splice(list.indexOf(one), 1);
}

function newVolume(random: Random, rules: DrawRules): OfferOperation[] {
  const plain = amount("disk", DISK, rules);
  const shared = rules.shares && random.chance(0.5) ? { shared: {} } : {};
  const disk = {
    persistence: { id: `v-${random.below(4)}` },
    volume: { container_path: "d", mode: "RW" as const },
  };
  return [reserve([plain]), { type: "CREATE", create: { volumes: [{ ...plain, ...shared, disk }] } }];
}

/** Reserved for a role above this one. */
function isOuter({ reservations, disk, name }: Resource, role: string): boolean {
  const held = reservations?.at(-1)?.role;
  return name === "cpus" && disk === undefined && held !== undefined && role.startsWith(`${held}/`);
}

function refine(outer: Resource, role: string): OfferOperation {
  const reservations = [...(outer.reservations ?? []), { type: "DYNAMIC" as const, role }];
  return reserve([{ ...outer, reservations }]);
}

function reserve(resources: Resource[]): OfferOperation {
  return { type: "RESERVE", reserve: { resources } };
}

function amount(name: string, value: number, { role, allocated }: DrawRules): Resource {
  return {
    name,
    type: "SCALAR",
    scalar: { value },
    reservations: [{ type: "DYNAMIC", role }],
    ...(allocated ? { allocation_info: { role } } : {}),
  };
}

function withoutDisk({ disk: _disk, shared: _shared, ...resource }: Resource): Resource {
  return resource;
}
