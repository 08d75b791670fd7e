import { expect, test } from "bun:test";
import { BitSet } from "../../src/allocator/bit-set.ts";
import { Random } from "../../src/base/random.ts";

function members(set: BitSet): number[] {
  const out: number[] = [];
  set.forEach((bit) => {
    out.push(bit);
  });
  return out;
}

function bitSetOf(bits: Iterable<number>): BitSet {
  const set = new BitSet();
  for (const bit of bits) set.set(bit);
  return set;
}

test("does what a Set does", () => {
  const random = new Random(1);
  for (let round = 0; round < 200; round++) {
    const size = random.pick([1, 31, 32, 33, 200]);
    const pick = () => new Set(Array.from({ length: random.below(40) }, () => random.below(size)));
    const [a, b] = [pick(), pick()];
    const sorted = (bits: Iterable<number>) => [...bits].sort((x, y) => x - y);

    expect(members(bitSetOf(a))).toEqual(sorted(a));
    expect(bitSetOf(a).count()).toBe(a.size);
    expect(bitSetOf(a).isEmpty()).toBe(a.size === 0);

    const union = bitSetOf(a);
    union.union(bitSetOf(b));
    expect(members(union)).toEqual(sorted(a.union(b)));

    const common = bitSetOf(a);
    common.intersect(bitSetOf(b));
    expect(members(common)).toEqual(sorted(a.intersection(b)));

    const rest = bitSetOf(a);
    rest.subtract(bitSetOf(b));
    expect(members(rest)).toEqual(sorted(a.difference(b)));

    const copy = bitSetOf(b);
    copy.assign(bitSetOf(a));
    expect(members(copy)).toEqual(sorted(a));
    copy.reset();
    expect(members(copy)).toEqual([]);
  }
});

test("clear tells whether the bit was set", () => {
  const set = bitSetOf([3, 64]);
  expect(set.clear(64)).toBe(true);
  expect(set.clear(64)).toBe(false);
  expect(set.clear(10_000)).toBe(false);
  expect(set.has(3)).toBe(true);
  expect(set.has(10_000)).toBe(false);
});
