/** The checker against histories whose verdict is known, and against trying every order. */
import { describe, expect, test } from "bun:test";
import { Random } from "../../src/base/random.ts";
import {
  checkLinearizability,
  type RegisterAction,
  type RegisterOperation,
  stepRegister,
  UNWRITTEN,
} from "../support/linearizability.ts";

const NEVER = Number.POSITIVE_INFINITY;
const write = (value: number): RegisterAction => ({ kind: "write", value });
const read = (saw: number): RegisterAction => ({ kind: "read", saw });
const swap = (expected: number, value: number, saw: number | null): RegisterAction => ({
  kind: "swap",
  expected,
  value,
  saw,
});

function history(...operations: readonly (readonly [number, number, RegisterAction])[]): RegisterOperation[] {
  return operations.map(([invokedAt, returnedAt, action], n) => ({
    key: "k",
    by: `c${n}`,
    action,
    invokedAt,
    returnedAt,
  }));
}

const verdict = (operations: RegisterOperation[]): string => checkLinearizability(operations).kind;

describe("accepts", () => {
  const right: Record<string, RegisterOperation[]> = {
    "nothing at all": [],
    "a read of what was never written": history([1, 2, read(UNWRITTEN)]),
    "a read after a write": history([1, 2, write(7)], [3, 4, read(7)]),
    "a read during a write, before or after it": history([1, 9, write(7)], [2, 3, read(0)], [4, 5, read(7)]),
    "writes whose order only the reads tell": history([1, 9, write(1)], [2, 8, write(2)], [10, 11, read(1)]),
    "an unknown write that took effect": history([1, NEVER, write(5)], [3, 4, read(5)]),
    "an unknown write that never did": history([1, NEVER, write(5)], [3, 4, read(0)]),
    "an unknown write that takes effect late": history(
      [1, NEVER, write(5)],
      [3, 4, read(0)],
      [5, 6, read(5)],
    ),
    "a swap that found another value": history([1, 2, write(1)], [3, 4, swap(9, 2, 1)], [5, 6, read(1)]),
    "an unknown swap that took effect": history([1, NEVER, swap(0, 3, null)], [2, 3, read(3)]),
  };
  for (const [name, operations] of Object.entries(right)) {
    test(name, () => expect(verdict(operations)).toBe("linearizable"));
  }
});

describe("refutes", () => {
  const wrong: Record<string, RegisterOperation[]> = {
    "a stale read": history([1, 2, write(1)], [3, 4, write(2)], [5, 6, read(1)]),
    "a lost write": history([1, 2, write(1)], [3, 4, read(0)]),
    "a value out of nowhere": history([1, 2, read(9)]),
    "time going back between two reads": history([1, 9, write(7)], [2, 3, read(7)], [4, 5, read(0)]),
    "two reads that disagree on the order": history(
      [1, 20, write(1)],
      [2, 19, write(2)],
      [3, 4, read(1)],
      [5, 6, read(2)],
      [7, 8, read(1)],
    ),
    "a write applied twice": history([1, 2, write(1)], [3, 4, write(2)], [5, 6, read(2)], [7, 8, read(1)]),
    "two swaps that both won": history([1, 9, swap(0, 1, 0)], [2, 8, swap(0, 2, 0)]),
    "a swap that missed what it found": history([1, 2, swap(0, 4, 0)], [3, 4, read(0)]),
    "an unknown write seen before it began": history([1, 2, read(5)], [3, NEVER, write(5)]),
    "an unknown write that comes and goes": history(
      [1, NEVER, write(5)],
      [2, 3, read(5)],
      [4, 5, read(0)],
      [6, 7, read(5)],
    ),
  };
  for (const [name, operations] of Object.entries(wrong)) {
    test(name, () => expect(verdict(operations)).toBe("refuted"));
  }
});

test("each key is judged alone, and the refuted one is named", () => {
  const fine = history([1, 2, write(1)], [5, 6, read(1)]);
  const stale = history([3, 4, write(2)], [7, 8, read(0)]).map((operation) => ({ ...operation, key: "x" }));
  expect(checkLinearizability([...fine, ...stale])).toMatchObject({ kind: "refuted", key: "x" });
});

test("agrees with trying every order on random histories, right and wrong", () => {
  const random = new Random(11);
  const seen = { linearizable: 0, refuted: 0, undecided: 0 };
  for (let round = 0; round < 4_000; round++) {
    const operations = randomHistory(random, random.between(1, 6));
    const { kind } = checkLinearizability(operations);
    seen[kind]++;
    expect(kind).toBe(existsOrder(operations, UNWRITTEN) ? "linearizable" : "refuted");
  }
  expect(seen.linearizable).toBeGreaterThan(500);
  expect(seen.refuted).toBeGreaterThan(500);
});

test("1,000 overlapping operations with unknown ones are judged at once", () => {
  const random = new Random(5);
  const operations: RegisterOperation[] = [];
  let value: number = UNWRITTEN;
  for (let n = 1; n <= 1_000; n++) {
    // Each takes effect at time 10n and overlaps some four others.
    const action = random.chance(0.5) ? write(n) : read(value);
    if (action.kind === "write") value = n;
    const returnedAt =
      action.kind === "write" && random.chance(0.05) ? NEVER : 10 * n + random.below(25) + 0.25;
    operations.push({ key: "k", by: "c", action, invokedAt: 10 * n - random.below(25) - 0.5, returnedAt });
  }
  expect(verdict(operations)).toBe("linearizable");
  const wrong = operations.findIndex(({ action, invokedAt }) => action.kind === "read" && invokedAt > 9_000);
  const broken = operations.with(wrong, { ...(operations[wrong] as RegisterOperation), action: read(1) });
  expect(verdict(broken)).toBe("refuted");
});

function randomHistory(random: Random, count: number): RegisterOperation[] {
  const times = Array.from({ length: count * 2 }, (_, n) => n + 1);
  for (let n = times.length - 1; n > 0; n--) {
    const m = random.below(n + 1);
    [times[n], times[m]] = [times[m] as number, times[n] as number];
  }
  return Array.from({ length: count }, (_, n) => {
    const [a, b] = [times[2 * n] as number, times[2 * n + 1] as number];
    const kind = random.below(3);
    const unknown = kind !== 0 && random.chance(0.25);
    const value = () => random.below(count + 1);
    const action =
      kind === 0 ? read(value()) : kind === 1 ? write(n + 1) : swap(value(), n + 1, unknown ? null : value());
    const [invokedAt, returnedAt] = [Math.min(a, b), unknown ? NEVER : Math.max(a, b)];
    return { key: "k", by: `c${n}`, action, invokedAt, returnedAt };
  });
}

/** By definition: some order of the operations, unknown ones included or not, explains all. */
function existsOrder(left: readonly RegisterOperation[], value: number): boolean {
  const known = left.filter(({ returnedAt }) => returnedAt !== NEVER);
  if (known.length === 0) return true;
  const firstReturn = Math.min(...known.map(({ returnedAt }) => returnedAt));
  return left.some((operation) => {
    if (operation.invokedAt > firstReturn) return false;
    const next = stepRegister(value, operation.action);
    const rest = left.filter((other) => other !== operation);
    return next !== undefined && existsOrder(rest, next);
  });
}
