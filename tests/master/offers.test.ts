import { expect, test } from "bun:test";
import { PART_MAX_ITEMS } from "../../src/base/limits.ts";
import { MasterBench } from "../support/master-bench.ts";

test("a framework that subscribes again while its offers are still being sent gets none that does not stand", () => {
  const bench = new MasterBench();
  bench.lead();
  const agents = 6 * PART_MAX_ITEMS;
  for (let n = 1; n <= agents; n++) bench.agent(n);
  const framework = bench.framework();
  expect(framework.offers.length).toBeLessThan(agents);
  framework.streamId = bench.subscribe({ id: { value: framework.id }, failover_timeout: 3600 });
  for (let turn = 0; turn < 2_000; turn++) bench.step({ kind: "tick" });
  const standing = new Set<string>();
  for (const { type, offers, rescind } of framework.events()) {
    for (const { id } of offers?.offers ?? []) standing.add(id.value);
    if (type === "RESCIND") standing.delete(rescind?.offer_id.value ?? "");
  }
  expect(standing).toEqual(new Set(bench.core.leader?.offers.keys()));
  expect(standing.size).toBe(agents);
});
