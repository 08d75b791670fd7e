/**
 * src/model/ is the Mesos v1 vocabulary and what its values mean by themselves:
 * the generated types (v1/), resource arithmetic, the rules a call, task or
 * framework must keep whatever the cluster's state, task states, capabilities,
 * and the messages between master and agent. It holds no state, and knows no
 * bytes: those are src/wire/'s part.
 *
 * This file is the arithmetic. A `Resources` is immutable: entries sorted by identity,
 * each identity once, no empty amounts. Scalars are thousandths, ranges sorted
 * intervals, sets sorted names. Adding and subtracting walk two sorted lists.
 */
import { fail, ok, type Result } from "../base/result.ts";
import { checkResource } from "./check-resource.ts";
import type { Amount } from "./resource-amount.ts";
import {
  addAmounts,
  amountOf,
  containsAmount,
  formatAmount,
  isNothing,
  sameAmount,
  subtractAmounts,
  sumAmounts,
} from "./resource-amount.ts";
import { identityOf, type ResourceIdentity } from "./resource-identity.ts";
import type { Resource, ResourceReservationInfo } from "./v1/resources.ts";

export interface ResourceEntry {
  readonly identity: ResourceIdentity;
  readonly amount: Amount;
  /** How many times an indivisible resource is held: users of a shared volume. 1 for all others. */
  readonly count: number;
}

type Keep = (identity: ResourceIdentity) => boolean;

export class Resources {
  readonly entries: readonly ResourceEntry[];

  private constructor(entries: readonly ResourceEntry[]) {
    this.entries = entries;
  }

  static readonly EMPTY = new Resources([]);

  /** Checks and normalises resources in either reservation format; the error is Mesos' reason. */
  static from(resources: readonly Resource[]): Result<Resources> {
    const entries: ResourceEntry[] = [];
    for (const resource of resources) {
      const reason = checkResource(resource);
      if (reason !== undefined) return fail(reason);
      entries.push({ identity: identityOf(resource), amount: amountOf(resource), count: 1 });
    }
    return ok(Resources.#normalised(entries));
  }

  /** The sum of many. */
  static sum(parts: Iterable<Resources>): Resources {
    const entries: ResourceEntry[] = [];
    for (const part of parts) for (const entry of part.entries) entries.push(entry);
    return Resources.#normalised(entries);
  }

  static #normalised(entries: ResourceEntry[]): Resources {
    entries.sort(compareEntries);
    const out: ResourceEntry[] = [];
    for (let at = 0, end = 0; at < entries.length; at = end) {
      const first = entries[at] as ResourceEntry;
      end = at + 1;
      if (isNothing(first.amount)) continue;
      while (end < entries.length && compareEntries(first, entries[end] as ResourceEntry) === 0) end++;
      out.push(end === at + 1 ? first : joinAll(first, entries.slice(at, end)));
    }
    return new Resources(out);
  }

  isEmpty(): boolean {
    return this.entries.length === 0;
  }

  equals(other: Resources): boolean {
    if (this === other) return true;
    if (this.entries.length !== other.entries.length) return false;
    return this.entries.every((entry, i) => {
      const theirs = other.entries[i] as ResourceEntry;
      return (
        compareEntries(entry, theirs) === 0 &&
        entry.count === theirs.count &&
        sameAmount(entry.amount, theirs.amount)
      );
    });
  }

  /** True when `other` can be taken from this. */
  contains(other: Resources): boolean {
    return this.#firstMissing(other) === undefined;
  }

  add(other: Resources): Resources {
    if (other.isEmpty()) return this;
    if (this.isEmpty()) return other;
    const [a, b] = [this.entries, other.entries];
    const out: ResourceEntry[] = [];
    let j = 0;
    for (const entry of a) {
      while (j < b.length && compareEntries(b[j] as ResourceEntry, entry) < 0)
        out.push(b[j++] as ResourceEntry);
      const theirs = b[j];
      if (theirs && compareEntries(theirs, entry) === 0) {
        out.push(join(entry, theirs));
        j++;
      } else {
        out.push(entry);
      }
    }
    while (j < b.length) out.push(b[j++] as ResourceEntry);
    return new Resources(out);
  }

  /** Takes away what of `other` is here; nothing falls below 0 (as Mesos' operator `-`). */
  subtract(other: Resources): Resources {
    if (other.isEmpty() || this.isEmpty()) return this;
    const b = other.entries;
    const out: ResourceEntry[] = [];
    let j = 0;
    for (const entry of this.entries) {
      while (j < b.length && compareEntries(b[j] as ResourceEntry, entry) < 0) j++;
      const theirs = b[j];
      if (theirs === undefined || compareEntries(theirs, entry) !== 0) {
        out.push(entry);
        continue;
      }
      const rest = takeAway(entry, theirs);
      if (rest) out.push(rest);
    }
    return new Resources(out);
  }

  /** Like {@link subtract}, but an error that names the first thing missing when `other` is not all here. */
  trySubtract(other: Resources): Result<Resources> {
    const missing = this.#firstMissing(other);
    if (missing === undefined) return ok(this.subtract(other));
    return fail(`${describe(missing)} is not contained in ${this.toString()}`);
  }

  #firstMissing(other: Resources): ResourceEntry | undefined {
    const a = this.entries;
    let i = 0;
    for (const wanted of other.entries) {
      while (i < a.length && compareEntries(a[i] as ResourceEntry, wanted) < 0) i++;
      const mine = a[i];
      if (mine === undefined || compareEntries(mine, wanted) !== 0) return wanted;
      const enough = wanted.identity.indivisible
        ? mine.count >= wanted.count
        : containsAmount(mine.amount, wanted.amount);
      if (!enough) return wanted;
    }
    return undefined;
  }

  /** Thousandths of one scalar over all roles, disks and reservations. */
  milli(name: string): number {
    let total = 0;
    for (const { identity, amount } of this.entries) {
      if (identity.name === name && typeof amount === "number") total += amount;
    }
    return total;
  }

  /** Thousandths of every scalar by name; ranges and sets have none. A shared volume counts once. */
  quantities(): Map<string, number> {
    const totals = new Map<string, number>();
    for (const { identity, amount } of this.entries) {
      if (typeof amount === "number") totals.set(identity.name, (totals.get(identity.name) ?? 0) + amount);
    }
    return totals;
  }

  /** The part whose identities pass. */
  filter(keep: Keep): Resources {
    const kept = this.entries.filter((entry) => keep(entry.identity));
    return kept.length === this.entries.length ? this : new Resources(kept);
  }

  /**
   * The part of every unreserved, non-revocable scalar that `capOf` its name lets through, in
   * thousandths; the rest stays whole. What is indivisible fits as a whole or not at all.
   */
  capped(capOf: (name: string) => number): Resources {
    const entries = this.entries;
    let out: ResourceEntry[] | undefined;
    // Entries of one name stand together and share its room.
    let [name, room] = ["", 0];
    for (let i = 0; i < entries.length; i++) {
      const entry = entries[i] as ResourceEntry;
      const { identity, amount } = entry;
      if (typeof amount !== "number" || identity.isReserved || identity.isRevocable) {
        out?.push(entry);
        continue;
      }
      if (identity.name !== name) {
        name = identity.name;
        room = Math.max(0, capOf(name));
      }
      const part = partOf(identity, amount, room);
      room -= part;
      if (part !== amount) out ??= entries.slice(0, i);
      if (part === amount) out?.push(entry);
      else if (part > 0) out?.push({ identity, amount: part, count: entry.count });
    }
    return out === undefined ? this : new Resources(out);
  }

  /** Each entry by itself. */
  apart(): Resources[] {
    return this.entries.map((entry) => new Resources([entry]));
  }

  unreserved(): Resources {
    return this.filter((identity) => !identity.isReserved);
  }

  /** What is reserved to exactly `role`, or to anyone. */
  reserved(role?: string): Resources {
    return this.filter(
      (identity) => identity.isReserved && (role === undefined || identity.reservationRole === role),
    );
  }

  allocatableTo(role: string): Resources {
    return this.filter((identity) => identity.isAllocatableTo(role));
  }

  revocable(): Resources {
    return this.filter((identity) => identity.isRevocable);
  }

  nonRevocable(): Resources {
    return this.filter((identity) => !identity.isRevocable);
  }

  /** Part by the role it is reserved to; unreserved resources are not in it. */
  reservations(): Map<string, Resources> {
    return this.#partsBy((identity) => (identity.isReserved ? identity.reservationRole : undefined));
  }

  /** The roles of {@link reservations}. */
  reservationRoles(): Set<string> {
    const roles = new Set<string>();
    for (const { identity } of this.entries) if (identity.isReserved) roles.add(identity.reservationRole);
    return roles;
  }

  /** Part by the role it is allocated to; unallocated resources are not in it. */
  allocations(): Map<string, Resources> {
    return this.#partsBy((identity) => identity.traits.allocationRole);
  }

  /** In one walk: an agent may be cut into thousands. */
  #partsBy(nameOf: (identity: ResourceIdentity) => string | undefined): Map<string, Resources> {
    const parts = new Map<string, ResourceEntry[]>();
    for (const entry of this.entries) {
      const name = nameOf(entry.identity);
      if (name === undefined) continue;
      const part = parts.get(name);
      if (part === undefined) parts.set(name, [entry]);
      else part.push(entry);
    }
    const whole = (part: readonly ResourceEntry[]): boolean => part.length === this.entries.length;
    return new Map(
      Array.from(parts, ([name, part]) => [name, whole(part) ? this : new Resources(part)] as const),
    );
  }

  /** Everything allocated to `role`, whatever it was before. */
  allocate(role: string): Resources {
    return this.mapIdentities((identity) => identity.allocatedTo(role));
  }

  /** Everything without allocation role. */
  unallocated(): Resources {
    return this.mapIdentities((identity) => identity.allocatedTo(undefined));
  }

  /** Reserves everything once more, inside the reservations it has. The caller checks the result's roles. */
  pushReservation(reservation: ResourceReservationInfo): Resources {
    return this.mapIdentities((identity) =>
      identity.with({ reservations: [...identity.traits.reservations, reservation] }),
    );
  }

  /** Takes the innermost reservation off everything reserved. */
  popReservation(): Resources {
    return this.mapIdentities((identity) =>
      identity.isReserved
        ? identity.with({ reservations: identity.traits.reservations.slice(0, -1) })
        : identity,
    );
  }

  /** Every amount under another identity; what becomes equal is joined. */
  mapIdentities(map: (identity: ResourceIdentity) => ResourceIdentity): Resources {
    let changed = false;
    const entries = this.entries.map((entry) => {
      const identity = map(entry.identity);
      if (identity === entry.identity) return entry;
      changed = true;
      return { ...entry, identity, count: identity.indivisible ? entry.count : 1 };
    });
    return changed ? Resources.#normalised(entries) : this;
  }

  /** `cpus:4; disk(web):10; ports:[1-5]`, for messages. */
  toString(): string {
    return this.isEmpty() ? "{}" : this.entries.map(describe).join("; ");
  }
}

function describe({ identity, amount }: ResourceEntry): string {
  const role = identity.isReserved ? `(${identity.reservationRole})` : "";
  const allocated = identity.traits.allocationRole;
  const note = allocated === undefined ? "" : `(allocated: ${allocated})`;
  const id = identity.traits.disk?.persistence?.id;
  const volume = id === undefined ? "" : `[${id}]`;
  const revocable = identity.isRevocable ? "{REV}" : "";
  return `${identity.name}${note}${role}${volume}${revocable}:${formatAmount(amount)}`;
}

/** By identity; indivisible resources also by amount, since only equal ones are the same. */
function compareEntries(a: ResourceEntry, b: ResourceEntry): number {
  if (a.identity !== b.identity) {
    if (a.identity.key < b.identity.key) return -1;
    if (a.identity.key > b.identity.key) return 1;
  }
  return a.identity.indivisible ? (a.amount as number) - (b.amount as number) : 0;
}

/** How much of `amount` fits into `room`; GPUs are whole. */
function partOf(identity: ResourceIdentity, amount: number, room: number): number {
  if (amount <= room) return amount;
  if (identity.indivisible) return 0;
  return identity.name === "gpus" ? room - (room % 1000) : room;
}

/** Two entries that compare equal, as one. */
function join(a: ResourceEntry, b: ResourceEntry): ResourceEntry {
  if (a.identity.indivisible) return { identity: a.identity, amount: a.amount, count: a.count + b.count };
  return { identity: a.identity, amount: addAmounts(a.amount, b.amount), count: 1 };
}

/** Entries that compare equal, as one; at once, since there may be one for each of thousands of ports. */
function joinAll({ identity, amount }: ResourceEntry, entries: readonly ResourceEntry[]): ResourceEntry {
  if (identity.indivisible) {
    return { identity, amount, count: entries.reduce((count, entry) => count + entry.count, 0) };
  }
  return { identity, amount: sumAmounts(entries.map((entry) => entry.amount)), count: 1 };
}

/** What stays of `a`, or undefined when nothing does. */
function takeAway(a: ResourceEntry, b: ResourceEntry): ResourceEntry | undefined {
  if (a.identity.indivisible) {
    return a.count > b.count
      ? { identity: a.identity, amount: a.amount, count: a.count - b.count }
      : undefined;
  }
  const amount = subtractAmounts(a.amount, b.amount);
  return isNothing(amount) ? undefined : { identity: a.identity, amount, count: 1 };
}
