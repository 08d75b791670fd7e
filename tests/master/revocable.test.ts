import { expect, test } from "bun:test";
import { masterMetrics } from "../../src/master/metrics.ts";
import type { Offer } from "../../src/model/v1/offers.ts";
import type { Resource } from "../../src/model/v1/resources.ts";
import { finished } from "../support/finished.ts";
import { type BenchFramework, MasterBench, scalar } from "../support/master-bench.ts";

const SLACK: Resource = { ...scalar("cpus", 2), revocable: {} };

function started(...capabilities: "REVOCABLE_RESOURCES"[]): {
  bench: MasterBench;
  agentId: string;
  framework: BenchFramework;
} {
  const bench = new MasterBench();
  bench.lead();
  const total = [scalar("cpus", 4), scalar("mem", 1024), SLACK];
  bench.fromAgent(1, bench.registration(1, undefined, [], 5051, total));
  const agentId = [...bench.registry.agents.keys()][0] ?? "";
  const framework = bench.framework({ capabilities: capabilities.map((type) => ({ type })) });
  return { bench, agentId, framework };
}

/** Firm and revocable cpus. */
function cpus(offers: readonly Offer[]): [firm: number, revocable: number] {
  const sum: [number, number] = [0, 0];
  for (const { name, scalar: amount, revocable } of offers.flatMap((offer) => offer.resources ?? [])) {
    if (name === "cpus") sum[revocable === undefined ? 0 : 1] += amount?.value ?? 0;
  }
  return sum;
}

test("only frameworks with REVOCABLE_RESOURCES are offered them", () => {
  expect(cpus(started().framework.offers)).toEqual([4, 0]);
  expect(cpus(started("REVOCABLE_RESOURCES").framework.offers)).toEqual([4, 2]);
});

test("a task holds them apart from firm ones, and gives them back; metrics count them apart", () => {
  const { bench, agentId, framework } = started("REVOCABLE_RESOURCES");
  const resources = [{ ...SLACK, scalar: { value: 1.5 } }, scalar("mem", 64)];
  framework.launch(framework.offers[0], framework.task("slack", agentId, 0, { resources }));
  const left = framework.newOffers();
  expect(cpus(left)).toEqual([4, 0.5]);
  expect(finished(masterMetrics(bench.core, bench.registry, 0))).toMatchObject({
    "master/cpus_total": 4,
    "master/cpus_used": 0,
    "master/cpus_revocable_total": 2,
    "master/cpus_revocable_used": 1.5,
    "master/cpus_revocable_percent": 0.75,
    "allocator/mesos/resources/cpus/total": 6,
    "allocator/mesos/resources/cpus/offered_or_allocated": 6,
  });
  const more = framework.task("more", agentId, 0, { resources: [SLACK, scalar("mem", 64)] });
  framework.launch(left[0], more);
  expect(framework.statuses()).toMatchObject([{ task_id: { value: "more" }, state: "TASK_ERROR" }]);
  bench.update(1, framework.id, "slack", "TASK_FINISHED");
  bench.core.leader?.allocator.assertConsistent();
  expect(finished(masterMetrics(bench.core, bench.registry, 0))["master/cpus_revocable_used"]).toBe(0);
});

test("they cannot be reserved, and not be mixed with firm ones of the same name", () => {
  const { agentId, framework } = started("REVOCABLE_RESOURCES");
  const reservations = [{ type: "DYNAMIC" as const, role: "*" }];
  framework.call({
    type: "ACCEPT",
    accept: {
      offer_ids: framework.offers.map(({ id }) => id),
      operations: [
        { type: "RESERVE", id: { value: "r" }, reserve: { resources: [{ ...SLACK, reservations }] } },
        {
          type: "LAUNCH",
          launch: {
            task_infos: [framework.task("mixed", agentId, 0, { resources: [SLACK, scalar("cpus", 1)] })],
          },
        },
      ],
      filters: { refuse_seconds: 0 },
    },
  });
  const events = framework.events();
  expect(events.flatMap((event) => event.update_operation_status?.status.state ?? [])).toEqual([
    "OPERATION_ERROR",
  ]);
  expect(events.flatMap((event) => event.update?.status.message ?? [])[0]).toContain("mixes revocable");
});
