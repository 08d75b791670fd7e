/** How fast and how many agents may become unreachable (AGT-11, AGT-12). */
import { expect, test } from "bun:test";
import { MINUTE_MS } from "../../src/base/time.ts";
import { RemovalPermits } from "../../src/master/removal-permits.ts";
import type { MasterSettings } from "../../src/master/types.ts";
import { MasterBench } from "../support/master-bench.ts";

function leading(agents: number, settings: Partial<MasterSettings>): MasterBench {
  const bench = new MasterBench(settings);
  bench.lead();
  for (let host = 1; host <= agents; host++) bench.agent(host);
  return bench;
}

const lost = (bench: MasterBench): string[] =>
  [...bench.registry.agents.values()]
    .filter(({ unreachableAtMs }) => unreachableAtMs !== undefined)
    .map(({ id }) => id);

const ONE_IN_TEN_MINUTES = { agentRemovalRate: { count: 1, perMs: 10 * MINUTE_MS } };

test("permits come evenly", () => {
  const permits = new RemovalPermits();
  const rate = { count: 2, perMs: 1_000 };
  expect([0, 100, 100, 5_000].map((nowMs) => permits.takeMs(rate, nowMs))).toEqual([0, 400, 900, 0]);
  expect(permits.takeMs(undefined, 5_000)).toBe(0);
});

test("agents that go together become unreachable one after the other", () => {
  const bench = leading(3, ONE_IN_TEN_MINUTES);
  for (const link of [1, 2, 3]) bench.step({ kind: "agent-link-closed", link });
  bench.pass(75_000);
  expect(lost(bench)).toHaveLength(1);
  bench.pass(10 * MINUTE_MS);
  expect(lost(bench)).toHaveLength(2);
  bench.pass(10 * MINUTE_MS);
  expect(lost(bench)).toHaveLength(3);
});

test("one that is back before its turn is not marked, and takes offers again", () => {
  const bench = leading(2, ONE_IN_TEN_MINUTES);
  for (const link of [1, 2]) bench.step({ kind: "agent-link-closed", link });
  bench.pass(75_000);
  const [first] = lost(bench);
  const other = first === "m1-S0" ? "m1-S1" : "m1-S0";
  bench.agent(3, other, [], 5051);
  bench.pass(MINUTE_MS / 10);
  expect(lost(bench)).toEqual([first ?? ""]);
  expect(bench.core.counters.get("slave_unreachable_canceled")).toBe(1);
});

test("one that answers its pings again before its turn is pinged on", () => {
  const bench = leading(1, ONE_IN_TEN_MINUTES);
  const silent = bench.agent(2);
  bench.step({ kind: "agent-link-closed", link: 1 });
  for (let i = 0; i < 6; i++) bench.pass(15_000);
  expect(lost(bench)).toEqual(["m1-S0"]);
  expect(bench.core.counters.get("slave_unreachable_scheduled")).toBe(2);
  const nonce = bench.toAgent(2).findLast((message) => message.kind === "ping")?.nonce ?? 0;
  bench.fromAgent(2, { kind: "pong", nonce });
  bench.pass(10 * MINUTE_MS);
  expect(lost(bench)).toEqual(["m1-S0"]);
  bench.toAgent(2);
  bench.pass(15_000);
  expect(bench.toAgent(2)).toMatchObject([{ kind: "ping" }]);
  expect(bench.registry.agents.get(silent)?.unreachableAtMs).toBeUndefined();
});

test("after a failover nobody is marked while too many are away", () => {
  const bench = leading(4, { recoveryAgentRemovalLimit: 0.5 });
  bench.step({ kind: "leadership-lost" });
  bench.lead(2);
  bench.agent(11, "m1-S0");
  bench.pass(10 * MINUTE_MS);
  bench.pass(75_000);
  expect(lost(bench)).toEqual([]);
  bench.agent(12, "m1-S1", [], 5051);
  bench.pass(75_000);
  expect(lost(bench)).toEqual(["m1-S2", "m1-S3"]);
});

test("agents that left are counted by why, as by Mesos", () => {
  const bench = new MasterBench();
  bench.lead();
  for (const link of [1, 2, 3, 4]) bench.agent(link);
  bench.fromAgent(1, { kind: "unregister-agent" });
  bench.step({ kind: "agent-link-closed", link: 2 });
  // With a new disk, at the address of one that is away.
  bench.fromAgent(12, bench.registration(2, undefined, []));
  bench.step({ kind: "agent-link-closed", link: 3 });
  bench.pass(75_000);
  const count = (name: string): number => bench.core.counters.get(name);
  expect(count("slave_removals")).toBe(3);
  expect(count("slave_removals/reason_unregistered")).toBe(1);
  expect(count("slave_removals/reason_registered")).toBe(1);
  expect(count("slave_removals/reason_unhealthy")).toBe(1);
  expect(count("recovery_slave_removals")).toBe(0);
  bench.step({ kind: "leadership-lost" });
  bench.lead(2);
  bench.pass(600_000);
  // Agent 4, and the new one of agent 2's address: they did not come back to this leader.
  expect(count("recovery_slave_removals")).toBe(2);
  expect(count("slave_removals/reason_unhealthy")).toBe(3);
});
