/**
 * The little the allocator must know of resources. The exact algebra (ranges,
 * sets, reservations, disks) is the model's; values are immutable.
 */
import type { ScalarQuantities } from "./quantities.ts";

export interface Resources {
  isEmpty(): boolean;
  equals(other: Resources): boolean;
  contains(other: Resources): boolean;
  add(other: Resources): Resources;
  subtract(other: Resources): Resources;
  quantities(): ScalarQuantities;
}
