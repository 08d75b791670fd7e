/** Quota of one topmost role, with what the role and all below it consume. */
import { assert } from "../base/assert.ts";
import { BitSet } from "./bit-set.ts";
import type { Vector } from "./share.ts";

export class RoleQuota {
  readonly name: string;
  /** Thousandths by resource index; 0, or nothing, where none is set. */
  guarantees: Vector = [];
  /** Infinite, or nothing, where none is set. */
  limits: Vector = [];
  /** Reserved to the subtree, and held by it of what is unreserved and not revocable. */
  readonly consumed: number[] = [];
  /** Slots of all clients of the subtree. */
  readonly clients = new BitSet();
  /** Some guarantee is not met. */
  needy = false;
  /** No room for the allocator's smallest offer. */
  full = false;
  /** Something came back that the limits or guarantees had kept from its clients. */
  woken = false;

  constructor(name: string) {
    this.name = name;
  }

  /** What is missing to the guarantee. */
  need(index: number): number {
    return Math.max(0, (this.guarantees[index] ?? 0) - (this.consumed[index] ?? 0));
  }

  /** What the limit leaves. */
  room(index: number): number {
    const limit = this.limits[index] ?? Number.POSITIVE_INFINITY;
    return Math.max(0, limit - (this.consumed[index] ?? 0));
  }

  /** A role is wakened by what it may use again. */
  consume(vector: Vector, sign: 1 | -1): void {
    const consumed = this.consumed;
    while (consumed.length < vector.length) consumed.push(0);
    for (let index = 0; index < vector.length; index++) {
      const amount = vector[index] as number;
      if (amount === 0) continue;
      const left = (consumed[index] as number) + sign * amount;
      assert(left >= 0, `Role '${this.name}' gives back more than it consumed`);
      consumed[index] = left;
      if (sign > 0 || this.woken) continue;
      const limited = (this.limits[index] ?? Number.POSITIVE_INFINITY) !== Number.POSITIVE_INFINITY;
      this.woken = limited || this.need(index) > 0;
    }
  }

  /** Indexes with a guarantee or a limit. */
  get width(): number {
    return Math.max(this.guarantees.length, this.limits.length, this.consumed.length);
  }
}
