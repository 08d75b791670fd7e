/** What operators change of an agent's resources. */
import { expect, test } from "bun:test";
import { MasterBench, scalar } from "../support/master-bench.ts";

test("a named change asked for again before its commit is under way, not refused for what it took itself", () => {
  const bench = new MasterBench();
  bench.lead();
  const agentId = bench.agent(1);
  const resources = [{ ...scalar("cpus", 4), reservations: [{ type: "DYNAMIC" as const, role: "r" }] }];
  const operation = { type: "RESERVE" as const, id: { value: "once" }, reserve: { resources } };
  bench.autoCommit = false;
  for (const ref of [1, 2]) bench.step({ kind: "operate", ref, agentId, operation });
  bench.commit();
  bench.step({ kind: "operate", ref: 3, agentId, operation });
  expect([1, 2, 3].map((ref) => bench.answers.get(ref)?.status)).toEqual([202, 503, 202]);
  expect(bench.answers.get(2)?.body).toContain("Operation once is under way");
  expect(bench.core.leader?.agents.get(agentId)?.total.toString()).toInclude("cpus(r):4");
});
