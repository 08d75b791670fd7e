import { describe, expect, test } from "bun:test";
import { inParts, Later, whileWanted } from "../../src/master/later.ts";

function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}

describe("Later", () => {
  test("does parts until enough items were handled, and the rest later", () => {
    const later = new Later();
    const done: number[] = [];
    later.add(inParts(numbers(25), 10, (n) => done.push(n)));
    later.work(15);
    expect(done).toEqual(numbers(20));
    expect(later.pending).toBe(true);
    later.work(15);
    expect(done).toEqual(numbers(25));
    expect(later.pending).toBe(false);
  });

  test("an item may count for several", () => {
    const later = new Later();
    const done: number[] = [];
    later.add(
      inParts(
        numbers(6),
        4,
        (n) => done.push(n),
        (n) => 1 + n,
      ),
    );
    later.work(1);
    expect(done).toEqual([0, 1, 2]);
    later.work(1);
    expect(done).toEqual([0, 1, 2, 3]);
  });

  test("jobs take turns", () => {
    const later = new Later();
    const done: string[] = [];
    later.add(inParts(numbers(3), 1, (n) => done.push(`a${n}`)));
    later.add(inParts(numbers(2), 1, (n) => done.push(`b${n}`)));
    later.work(100);
    expect(done).toEqual(["a0", "b0", "a1", "b1", "a2"]);
  });

  test("jobs without items do not run on for ever in one turn", () => {
    const later = new Later();
    let begun = 0;
    for (let i = 0; i < 10; i++) later.add(inParts([], 10, () => {}));
    later.add(inParts([1], 10, () => begun++));
    later.work(5);
    expect(begun).toBe(0);
    expect(later.pending).toBe(true);
    later.work(10);
    expect(begun).toBe(1);
  });

  test("what nobody wants any more ends", () => {
    const later = new Later();
    const done: number[] = [];
    later.add(
      whileWanted(
        () => done.length < 3,
        inParts(numbers(10), 3, (n) => done.push(n)),
      ),
    );
    later.work(100);
    expect(done).toEqual([0, 1, 2]);
    expect(later.pending).toBe(false);
  });
});
