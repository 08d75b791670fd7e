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

test("a volume that is being made or resized has its id", () => {
  const bench = new MasterBench();
  bench.lead();
  bench.fromAgent(1, bench.registration(1, undefined, [], 5051, [scalar("disk", 20)]));
  const [agentId = ""] = bench.core.leader?.agents.keys() ?? [];
  const reservations = [{ type: "DYNAMIC" as const, role: "r" }];
  const plain = { ...scalar("disk", 10), reservations };
  const disk = { persistence: { id: "v" }, volume: { container_path: "v", mode: "RW" as const } };
  const volume = { ...plain, disk };
  bench.step({
    kind: "operate",
    ref: 1,
    agentId,
    operation: { type: "RESERVE", reserve: { resources: [{ ...scalar("disk", 20), reservations }] } },
  });
  bench.autoCommit = false;
  const create = { type: "CREATE" as const, create: { volumes: [volume] } };
  for (const ref of [2, 3]) bench.step({ kind: "operate", ref, agentId, operation: create });
  bench.commit();
  expect(bench.answers.get(3)?.status).toBe(400);
  const shrink = {
    type: "SHRINK_VOLUME" as const,
    shrink_volume: { volume, subtract: { value: 3 } },
  };
  bench.step({ kind: "operate", ref: 4, agentId, operation: shrink });
  bench.step({ kind: "operate", ref: 5, agentId, operation: create });
  bench.commit();
  expect([1, 2, 3, 4, 5].map((ref) => bench.answers.get(ref)?.status)).toEqual([202, 202, 400, 202, 400]);
  expect(bench.answers.get(5)?.body).toContain("'v' already exists");
});
