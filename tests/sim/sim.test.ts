/**
 * The whole cluster under faults: MESH_SEEDS runs from the seed MESH_SEED on
 * (a random one when not given). Each block of seeds is one test.
 */
import { afterAll, describe, expect, test } from "bun:test";
import { describeTotals, runBlock, splitSeeds } from "./seed-block.ts";
import { SeedPool } from "./seed-pool.ts";
import { addTotals, noTotals, simulate } from "./simulate.ts";

const SEEDS = Number(process.env["MESH_SEEDS"] ?? 40);
const FIRST_SEED = Number(process.env["MESH_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const BLOCK_SEEDS = 50;
/** A block takes a few seconds on an idle machine. */
const BLOCK_TIMEOUT_MS = 600_000;

const blocks = splitSeeds(FIRST_SEED, SEEDS, BLOCK_SEEDS);
const pool = new SeedPool();
// A process of its own is worth its start only for many seeds.
const results = blocks.length > 1 ? pool.start(blocks) : blocks.map((block) => () => runBlock(block));
const sum = noTotals();
const startedAtMs = performance.now();

describe("clusters under faults", () => {
  for (const [n, { firstSeed, seeds }] of blocks.entries()) {
    test(
      `seeds ${firstSeed} to ${firstSeed + seeds - 1}`,
      async () => {
        const result = results[n];
        const { totals, seconds, failures } =
          (await (typeof result === "function" ? result() : result)) ?? {};
        expect(failures?.join("\n\n")).toBe("");
        if (totals === undefined) throw new Error("The block did not run");
        addTotals(sum, totals);
        console.log(`seeds ${firstSeed}-${firstSeed + seeds - 1}: ${describeTotals(totals, seconds ?? 0)}`);
      },
      BLOCK_TIMEOUT_MS,
    );
  }

  test("something happened: leaders, log entries, tasks and offers within quota in every run on average", () => {
    expect(sum.terms).toBeGreaterThan(sum.seeds);
    expect(sum.entries).toBeGreaterThan(20 * sum.seeds);
    expect(sum.tasksStarted).toBeGreaterThan(5 * sum.seeds);
    expect(sum.operationsFinished).toBeGreaterThan(sum.seeds);
    expect(sum.changesCommitted).toBeGreaterThan(sum.seeds);
    expect(sum.quotaOffers).toBeGreaterThan(sum.seeds);
    for (const what of [
      "GROW_VOLUME OPERATION_FINISHED",
      "UPDATE_FRAMEWORK 200",
      "operate 202",
      "note 200",
      "task in its pod",
    ]) {
      expect(sum.outcomes[what] ?? 0).toBeGreaterThan(0);
    }
  });
});

test("a seed replays event for event", () => {
  const [one, two] = [simulate(FIRST_SEED), simulate(FIRST_SEED)];
  expect(two.traceHash).toBe(one.traceHash);
  expect(two.totals).toEqual(one.totals);
  expect(simulate(FIRST_SEED + 1).traceHash).not.toBe(one.traceHash);
});

afterAll(() => {
  pool.close();
  console.log(`simulator: ${describeTotals(sum, (performance.now() - startedAtMs) / 1000)}`);
});
