import { expect, test } from "bun:test";
import { changeOf } from "../../src/model/operations.ts";
import { overlapOf } from "../../src/model/overlap.ts";
import { Resources } from "../../src/model/resources.ts";
import type { Resource } from "../../src/model/v1/resources.ts";
import { processorMs } from "../support/processor-time.ts";

/** Far below what a walk through all for each takes, and far above one walk. */
const WALKS_MAX_MS = 3_000;

const ports = (begin: number, end = begin): Resource => ({
  name: "ports",
  type: "RANGES",
  ranges: { range: [{ begin, end }] },
});
const names = (...item: string[]): Resource => ({ name: "names", type: "SET", set: { item } });
const scalar = (value: number): Resource => ({ name: "cpus", type: "SCALAR", scalar: { value } });

function of(...resources: Resource[]): Resources {
  const parsed = Resources.from(resources);
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
}

const common = (...parts: Resource[][]) => overlapOf(parts.map((part) => of(...part)))?.toString();

test("what two parts both have, of the first part that shares anything with those before it", () => {
  expect(common([ports(1, 5)], [ports(6, 9)], [ports(4, 7)], [ports(1)])).toBe("ports:[4-7]");
  expect(common([ports(1)], [names("a", "b")], [names("b", "c")])).toBe("names:{b}");
  expect(common([ports(1)], [], [ports(1)])).toBe("ports:[1-1]");
});

test("scalars, and parts that only touch, have nothing in common", () => {
  expect(common([scalar(1)], [scalar(1)], [ports(1, 5)], [ports(6)], [names("a")])).toBeUndefined();
  expect(common()).toBeUndefined();
});

test("one number in common is found beside as many as there can be", () => {
  expect(common([ports(0, Number.MAX_SAFE_INTEGER)], [ports(5)])).toBe("ports:[5-5]");
});

test("tens of thousands of parts and resources take one walk, not one for each", () => {
  const many = <T>(make: (n: number) => T): T[] => Array.from({ length: 15_000 }, (_, n) => make(n));
  const before = processorMs();
  expect(of(...many((n) => ports(3 * n))).entries[0]?.amount).toHaveLength(30_000);
  expect(of(...many((n) => names(`n${n}`))).entries).toHaveLength(1);
  expect(common(...many((n) => [ports(3 * n)]))).toBeUndefined();
  expect(common(...many((n) => [ports(3 * (n % 14_999))]))).toBe("ports:[0-0]");
  const reservations: Resource["reservations"] = [{ type: "DYNAMIC", role: "r" }];
  const resources = many((n) => ({ ...scalar(1), name: `r${n}`, reservations }));
  const rules = { role: "r", principal: undefined, sharedVolumes: true, total: Resources.EMPTY };
  expect(changeOf({ type: "RESERVE", reserve: { resources } }, rules).ok).toBe(true);
  expect(processorMs() - before).toBeLessThan(WALKS_MAX_MS);
}, 60_000);
