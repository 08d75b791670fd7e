/** What operators set of the allocator: smallest offers, recovery pause, whitelist, sorters. */
import { describe, expect, test } from "bun:test";
import { TURN_MAX_VISITS } from "../../src/base/limits.ts";
import { DEFAULT_SETTINGS } from "../../src/master/settings.ts";
import { type BenchFramework, MasterBench } from "../support/master-bench.ts";

const { allocation } = DEFAULT_SETTINGS;

function offeredAgents(framework: BenchFramework): number {
  return framework.offers.length + framework.newOffers().length;
}

function guarantee(bench: MasterBench, cpus: number): void {
  const configs = [{ role: "web", guarantees: { cpus: { value: cpus } } }];
  bench.step({ kind: "change", ref: 800, change: { kind: "quota", configs, force: true } });
}

test("agents with less than the smallest offer are not offered", () => {
  const minAllocatable = [new Map([["cpus", 5_000]])];
  const bench = new MasterBench({ allocation: { ...allocation, minAllocatable } });
  bench.lead();
  bench.agent(1);
  expect(offeredAgents(bench.framework())).toBe(0);
});

test("sorters by lot offer everything, too", () => {
  const bench = new MasterBench({
    allocation: { ...allocation, roleSorter: "random", frameworkSorter: "random" },
  });
  bench.lead();
  for (let link = 1; link <= 4; link++) bench.agent(link);
  expect(offeredAgents(bench.framework())).toBe(4);
});

describe("after a failover with quota", () => {
  /** Five agents that a second leader knows of; `back` of them have registered again. */
  function failedOver(back: number, quota = true): { bench: MasterBench; framework: BenchFramework } {
    const bench = new MasterBench();
    bench.lead();
    const ids = Array.from({ length: 5 }, (_, i) => bench.agent(i + 1));
    if (quota) guarantee(bench, 1);
    bench.step({ kind: "leadership-lost" });
    bench.lead(2);
    const framework = bench.framework();
    for (const [i, id] of ids.slice(0, back).entries()) bench.agent(i + 11, id);
    return { bench, framework };
  }

  test("nothing is offered until most agents are back", () => {
    const { framework } = failedOver(3);
    expect(offeredAgents(framework)).toBe(0);
    expect(offeredAgents(failedOver(4).framework)).toBe(4);
    // Without quota there is nothing to wait for.
    expect(offeredAgents(failedOver(1, false).framework)).toBe(1);
  });

  test("or until the time is up", () => {
    const { bench, framework } = failedOver(1);
    bench.pass(DEFAULT_SETTINGS.recoveryTimeoutMs - 1);
    expect(offeredAgents(framework)).toBe(0);
    bench.pass(1);
    expect(bench.core.leader?.awaitedAgents).toBeUndefined();
    expect(bench.core.leader?.allocator.explain(framework.id, bench.now)?.paused).toBe(false);
  });
});

test("agents beside the whitelist get no new tasks and keep those they have", () => {
  const bench = new MasterBench();
  bench.lead();
  const agents = [bench.agent(1), bench.agent(2)];
  const framework = bench.framework();
  const first = framework.offers.find(({ agent_id }) => agent_id.value === agents[0]);
  const hosts = (of: BenchFramework) => of.newOffers().map(({ hostname }) => hostname);
  bench.step({ kind: "whitelist", hostnames: new Set(["agent-2.test"]) });
  // An offer that is out stays good; its rest is not offered again.
  framework.launch(first, framework.task("t", agents[0] ?? "", 1));
  expect(hosts(framework)).toEqual([]);
  expect(bench.registry.task(framework.id, "t")).toBeDefined();
  bench.agent(3);
  expect(hosts(framework)).toEqual([]);
  // It counts for the next leadership, too.
  bench.step({ kind: "leadership-lost" });
  bench.lead(2);
  const next = bench.framework();
  bench.fromAgent(11, bench.registration(1, agents[0], []));
  bench.fromAgent(12, bench.registration(2, agents[1], []));
  expect(hosts(next)).toEqual(["agent-2.test"]);
  bench.step({ kind: "whitelist", hostnames: new Set(["agent-1.test"]) });
  expect(hosts(next)).toEqual(["agent-1.test"]);
});

test("thousands of offers are made, and taken back, in several turns", () => {
  const bench = new MasterBench();
  bench.lead();
  const agents = 2 * TURN_MAX_VISITS + 100;
  for (let link = 1; link <= agents; link++) bench.agent(link);
  const framework = bench.framework();
  expect(bench.core.leader?.offers.size).toBe(TURN_MAX_VISITS);
  while (bench.core.nextDeadlineMs() === 0) bench.step({ kind: "tick" });
  expect(bench.core.leader?.offers.size).toBe(agents);
  expect(offeredAgents(framework)).toBe(agents);
  bench.step({ kind: "stream-closed", streamId: framework.streamId });
  expect(bench.core.leader?.offers.size).toBeGreaterThan(agents / 2);
  while (bench.core.nextDeadlineMs() === 0) bench.step({ kind: "tick" });
  expect(bench.core.leader?.offers.size).toBe(0);
});
