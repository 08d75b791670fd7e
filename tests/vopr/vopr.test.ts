/**
 * Random faults against the whole replicated log: no promise breaks, and a
 * healed cluster goes on. MESH_VOPR_SEEDS runs from the seed MESH_VOPR_SEED on
 * (a random one when not given).
 */
import { describe, expect, test } from "bun:test";
import { Random } from "../../src/base/random.ts";
import { drawOptions, FAULT_KINDS } from "./options.ts";
import { PARTITION_SHAPES, partition } from "./partitions.ts";
import { type Statistics, simulate } from "./simulate.ts";
import { sweep, type Totals } from "./sweep.ts";

const SEEDS = Number(process.env["MESH_VOPR_SEEDS"] ?? 300);
const FIRST_SEED = Number(process.env["MESH_VOPR_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const PROCESSES = SEEDS > 1_000 ? 2 : 1;

test(
  `${SEEDS} seeds from ${FIRST_SEED} on`,
  async () => {
    const { failures, total } = await sweep(FIRST_SEED, SEEDS, PROCESSES);
    const told = failures.map(({ seed, message }) => `bun scripts/vopr.ts --seed ${seed}: ${message}`);
    expect(told).toEqual([]);
    expect(total.undecided).toBe(0);
    // The faults must leave room for something to happen, or the run proves nothing.
    const enough: Partial<Totals> = {
      terms: SEEDS,
      committed: 20 * SEEDS,
      acknowledged: 10 * SEEDS,
      operations: 30 * SEEDS,
      restarts: SEEDS,
      takeovers: SEEDS / 10,
      membershipChanges: SEEDS / 10,
    };
    const few = Object.entries(enough).filter(([name, least]) => total[name as keyof Totals] < least);
    expect(few).toEqual([]);
  },
  SEEDS * 1_000 + 60_000,
);

test("a seed replays to the same end", () => {
  for (const seed of [3, 4, 5]) {
    const [first, second] = [1, 2].map(() => simulate(seed, drawOptions(seed)));
    expect(second?.statistics).toEqual(first?.statistics as Statistics);
    expect(second?.notes).toEqual(first?.notes ?? []);
  }
});

test("watching a run does not change it", () => {
  const plain = simulate(6, drawOptions(6));
  let lines = 0;
  const count = (): void => {
    lines++;
  };
  const watched = simulate(6, drawOptions(6), { note: count, message: count });
  expect(watched.statistics).toEqual(plain.statistics);
  expect(lines).toBeGreaterThan(100);
});

test("every kind of fault is drawn by some seed", () => {
  const drawn = new Set(Array.from({ length: 50 }, (_, seed) => drawOptions(seed).faults).flat());
  expect([...drawn].sort()).toEqual([...FAULT_KINDS].sort());
});

describe("partitions", () => {
  const members = ["m1", "m2", "m3", "m4", "m5"];

  test.each(["majorities-ring", "stochastic-ring"] as const)(
    "%s leaves a majority in sight of each",
    (shape) => {
      for (let seed = 0; seed < 50; seed++) {
        const cut = new Set<string>(partition(shape, members, [], new Random(seed)));
        for (const a of members) {
          expect(members.filter((b) => !cut.has(`${a}>${b}`)).length).toBeGreaterThanOrEqual(3);
        }
      }
    },
  );

  test.each(PARTITION_SHAPES)("%s cuts something, both ways", (shape) => {
    const cut: readonly string[] = partition(shape, members, ["m2"], new Random(1));
    expect(cut.length).toBeGreaterThan(0);
    for (const path of cut) expect(cut).toContain(path.split(">").reverse().join(">"));
  });
});
