import { expect, test } from "bun:test";
import { masterMetrics } from "../../src/master/metrics.ts";
import { finished } from "../support/finished.ts";
import { MasterBench } from "../support/master-bench.ts";
import { processorMs } from "../support/processor-time.ts";

test("roles suppressed by SUBSCRIBE get no offers until revived", () => {
  const bench = new MasterBench();
  bench.lead();
  bench.agent(1);
  const streamId = "stream-suppressed";
  const framework_info = {
    user: "alice",
    name: "demo",
    capabilities: [{ type: "MULTI_ROLE" as const }],
    roles: ["a", "b"],
  };
  bench.step({
    kind: "subscribe",
    streamId,
    call: { type: "SUBSCRIBE", subscribe: { framework_info, suppressed_roles: ["a", "b"] } },
    principal: undefined,
  });
  const [subscribed, ...others] = bench.events(streamId);
  expect(others.map((event) => event.type)).toEqual(["HEARTBEAT"]);
  const frameworkId = subscribed?.subscribed?.framework_id.value ?? "";
  const suppressed = (): unknown[] =>
    ["a", "b"].map((role) => {
      const name = `master/frameworks/demo/${frameworkId}/roles/${role}/suppressed`;
      return finished(masterMetrics(bench.core, bench.registry, 0))[name];
    });
  expect(suppressed()).toEqual([1, 1]);
  bench.call({ framework_id: { value: frameworkId }, type: "REVIVE", revive: { roles: ["b"] } }, streamId);
  const offers = bench.events(streamId).flatMap((event) => event.offers?.offers ?? []);
  expect(offers.map((offer) => offer.allocation_info?.role)).toEqual(["b"]);
  expect(suppressed()).toEqual([1, 0]);
});

test("tens of thousands of roles are suppressed, revived and given up in one walk", () => {
  const bench = new MasterBench();
  bench.lead();
  const roles = Array.from({ length: 40_000 }, (_, n) => `role-${n}`);
  const info = { roles, capabilities: [{ type: "MULTI_ROLE" as const }], failover_timeout: 3600 };
  const framework = bench.framework(info);
  const before = processorMs();
  framework.call({ type: "SUPPRESS", suppress: { roles } });
  framework.call({ type: "REVIVE", revive: { roles } });
  bench.subscribe({ ...info, id: { value: framework.id }, roles: roles.slice(1) });
  expect(processorMs() - before).toBeLessThan(2_500);
  expect(bench.core.leader?.frameworks.get(framework.id)?.roles).toHaveLength(39_999);
}, 60_000);
