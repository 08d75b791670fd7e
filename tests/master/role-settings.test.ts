/** Weights and quota through the core of a leading master. */
import { describe, expect, test } from "bun:test";
import { PART_MAX_ITEMS, TURN_MAX_ITEMS } from "../../src/base/limits.ts";
import { masterMetrics } from "../../src/master/metrics.ts";
import type { RoleChange } from "../../src/master/port.ts";
import type { QuotaConfig } from "../../src/model/v1/quota.ts";
import { finished } from "../support/finished.ts";
import { type Answered, type BenchFramework, MasterBench, scalar } from "../support/master-bench.ts";
import { processorMs } from "../support/processor-time.ts";

let nextRef = 5_000;

function change(bench: MasterBench, roles: RoleChange): Answered | undefined {
  const ref = nextRef++;
  bench.step({ kind: "change", ref, change: roles });
  return bench.answers.get(ref);
}

function weigh(bench: MasterBench, ...weights: [role: string, weight: number][]): Answered | undefined {
  return change(bench, { kind: "weights", weights: weights.map(([role, weight]) => ({ role, weight })) });
}

type Amounts = Record<string, number>;

function config(role: string, guarantees: Amounts = {}, limits: Amounts = {}): QuotaConfig {
  const scalars = (amounts: Amounts) =>
    Object.fromEntries(Object.entries(amounts).map(([name, value]) => [name, { value }]));
  return { role, guarantees: scalars(guarantees), limits: scalars(limits) };
}

function limit(bench: MasterBench, configs: QuotaConfig[], force = false): Answered | undefined {
  return change(bench, { kind: "quota", configs, force });
}

function framework(bench: MasterBench, role: string): BenchFramework {
  return bench.framework({
    roles: [role],
    capabilities: [{ type: "MULTI_ROLE" }, { type: "PARTITION_AWARE" }],
  });
}

/** A leader with agents of 4 cpus and 1,024 MB. */
function cluster(agents: number): MasterBench {
  const bench = new MasterBench();
  bench.lead();
  for (let link = 1; link <= agents; link++) bench.agent(link);
  return bench;
}

function cpusOf(framework: BenchFramework): number {
  const resources = framework.offers.flatMap((offer) => offer.resources ?? []);
  return resources.reduce((sum, { name, scalar: s }) => sum + (name === "cpus" ? (s?.value ?? 0) : 0), 0);
}

describe("weights", () => {
  test("200 once committed; every offer is withdrawn when the role is active", () => {
    const bench = cluster(1);
    const web = framework(bench, "web/front");
    expect(weigh(bench, ["idle", 3])?.status).toBe(200);
    expect(web.types()).toEqual([]);
    bench.autoCommit = false;
    expect(weigh(bench, ["web", 2])).toBeUndefined();
    expect(web.types()).toEqual([]);
    bench.commit();
    expect([...bench.answers.values()].at(-1)?.status).toBe(200);
    expect(web.types()).toEqual(["RESCIND", "OFFERS"]);
    expect(bench.core.leader?.allocator.roles().find(({ role }) => role === "web")?.weight).toBe(2);
  });

  test("400 for a bad role, an unknown one and a weight that is not above 0; nothing is changed", () => {
    const bench = new MasterBench({ roleWhitelist: new Set(["web", "*"]) });
    bench.lead();
    expect(weigh(bench, ["web", 2], ["a//b", 1])?.body).toContain("Invalid role 'a//b'");
    expect(weigh(bench, ["ops", 2])?.body).toContain("Unknown role 'ops'");
    for (const weight of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
      const answer = weigh(bench, ["web", weight]);
      expect(answer?.status).toBe(400);
      expect(answer?.body).toContain("Weights must be positive");
    }
    expect(weigh(bench, [" web ", 2])?.status).toBe(200);
    expect(bench.registry.weights).toEqual(new Map([["web", 2]]));
  });

  test("are the next leader's, too", () => {
    const bench = cluster(1);
    weigh(bench, ["web", 2]);
    bench.step({ kind: "leadership-lost" });
    bench.lead(2);
    const { allocator } = bench.core.leader ?? {};
    expect(allocator?.roles().map(({ role, weight }) => `${role} ${weight}`)).toEqual(["web 2"]);
  });

  test("503 when the log has no room or leadership is lost", () => {
    const bench = cluster(1);
    bench.autoCommit = false;
    const ref = nextRef;
    weigh(bench, ["web", 2]);
    bench.drop();
    expect(bench.answers.get(ref)?.status).toBe(503);
    weigh(bench, ["web", 2]);
    bench.step({ kind: "leadership-lost" });
    expect(bench.answers.get(ref + 1)?.status).toBe(503);
  });
});

describe("quota", () => {
  test("a guarantee is served first, from offers that others held", () => {
    const bench = cluster(2);
    const ops = framework(bench, "ops");
    expect(cpusOf(ops)).toBe(8);
    expect(limit(bench, [config("web", { cpus: 4 })])?.status).toBe(200);
    expect(ops.types()).toContain("RESCIND");
    const web = framework(bench, "web");
    expect(cpusOf(web)).toBe(4);
    bench.core.leader?.allocator.assertConsistent();
  });

  test("a limit takes back what is offered beyond it; what runs stays", () => {
    const bench = cluster(2);
    const web = framework(bench, "web/front");
    const [first] = web.offers;
    web.launch(first, web.task("t", first?.agent_id.value ?? "", 3));
    bench.events(web.streamId);
    expect(limit(bench, [config("web", {}, { cpus: 3 })])?.status).toBe(200);
    const { allocator } = bench.core.leader ?? {};
    expect(allocator?.quotaViews()[0]?.consumed.get("cpus")).toBe(3_000);
    expect(bench.registry.task(web.id, "t")).toBeDefined();
    // Below what is in use only by force, and nothing is killed.
    const refused = limit(bench, [config("ops", {}, { cpus: 1 }), config("web", {}, { cpus: 1 })]);
    expect(refused?.status).toBe(400);
    expect(refused?.body).toContain("role 'web' already consumes cpus:3");
    expect([...bench.registry.quotas.keys()]).toEqual(["web"]);
    expect(limit(bench, [config("web", {}, { cpus: 1 })], true)?.status).toBe(200);
    expect(bench.registry.task(web.id, "t")).toBeDefined();
    allocator?.assertConsistent();
  });

  test("is measured under Mesos' names", () => {
    const bench = cluster(1);
    framework(bench, "web/front");
    limit(bench, [config("web", { cpus: 1 }, { mem: 500 })]);
    const metrics = finished(masterMetrics(bench.core, bench.registry, 0));
    const prefix = "allocator/mesos/quota/roles/web/resources";
    expect(metrics[`${prefix}/cpus/guarantee`]).toBe(1);
    expect(metrics[`${prefix}/cpus/consumed`]).toBe(4);
    expect(metrics[`${prefix}/cpus/offered_or_allocated`]).toBe(4);
    expect(metrics[`${prefix}/mem/limit`]).toBe(500);
    expect(metrics[`${prefix}/mem/offered_or_allocated`]).toBe(500);
    expect(metrics[`${prefix}/cpus/limit`]).toBeUndefined();
  });

  test("offers that rest on an UNRESERVE which never happens are withdrawn where they pass a limit", () => {
    const bench = cluster(2);
    const [agentId = ""] = bench.registry.agents.keys();
    limit(bench, [config("web", {}, { cpus: 4 })]);
    const reserved = { ...scalar("cpus", 3), reservations: [{ type: "DYNAMIC" as const, role: "web" }] };
    bench.step({
      kind: "operate",
      ref: 1,
      agentId,
      operation: { type: "RESERVE", reserve: { resources: [reserved] } },
    });
    const web = framework(bench, "web");
    const { allocator } = bench.core.leader ?? {};
    const consumed = (): number | undefined =>
      allocator
        ?.quotaViews()
        .find(({ role }) => role === "web")
        ?.consumed.get("cpus");
    expect(consumed()).toBe(4_000);
    bench.autoCommit = false;
    const operation = { type: "UNRESERVE" as const, unreserve: { resources: [reserved] } };
    bench.step({ kind: "operate", ref: 2, agentId, operation });
    expect(web.newOffers().length).toBeGreaterThan(0);
    bench.drop();
    expect(web.types()).toContain("RESCIND");
    expect(consumed()).toBeLessThanOrEqual(4_000);
    expect(bench.answers.get(2)?.status).toBe(503);
  });

  test("outstanding offers do not count as consumed", () => {
    const bench = cluster(1);
    framework(bench, "web");
    expect(limit(bench, [config("web", {}, { cpus: 1 })])?.status).toBe(200);
    expect(bench.core.leader?.allocator.quotaViews()[0]?.consumed.get("cpus")).toBe(1_000);
  });

  test("400 for what cannot be a quota", () => {
    const bench = new MasterBench({ roleWhitelist: new Set(["web", "web/front"]) });
    bench.lead();
    bench.agent(1);
    const cases: [QuotaConfig, string][] = [
      [config("ops"), "whitelist"],
      [config("web/front"), "nested role"],
      [config("web", { cpus: 2 }, { cpus: 1 }), "more than"],
      [config("web", { cpus: -1 }), "{'cpus': -1}"],
      [config("web", {}, { cpus: 2e12 }), "2000000000000"],
      [config("web", { cpus: 5 }), "exceed cluster capacity"],
    ];
    for (const [wrong, text] of cases) {
      const answer = limit(bench, [config("web", { cpus: 1 }), wrong]);
      expect(`${text}: ${answer?.status} ${answer?.body.includes(text)}`).toBe(`${text}: 400 true`);
    }
    expect(bench.registry.quotas.size).toBe(0);
    expect(limit(bench, [config("web", { cpus: 5 })], true)?.status).toBe(200);
    expect(limit(bench, [config("web")])?.status).toBe(200);
    expect(bench.registry.quotas.size).toBe(0);
  });

  test("the older calls: limits as high as guarantees, once for a role, 409 beyond the capacity", () => {
    const bench = cluster(1);
    const set = (role: string, cpus: number, force = false) =>
      change(bench, { kind: "set-quota", request: { role, force, guarantee: [scalar("cpus", cpus)] } });
    expect(set("web", 5)?.status).toBe(409);
    expect(set("web", 3)?.status).toBe(200);
    expect(bench.registry.quotas.get("web")?.limits.get("cpus")).toBe(3_000);
    expect(set("web", 1)).toMatchObject({
      status: 400,
      body: expect.stringContaining("already has quota"),
    });
    expect(set("ops", 2)?.status).toBe(409);
    expect(set("ops", 2, true)?.status).toBe(200);
    expect(set("a/b", 1)?.body).toContain("nested role");
    const empty = change(bench, { kind: "set-quota", request: { role: "web", guarantee: [] } });
    expect(empty?.status).toBe(400);
    const remove = (role: string) => change(bench, { kind: "remove-quota", role });
    expect(remove("none")?.status).toBe(400);
    expect(remove("web")?.status).toBe(200);
    expect([...bench.registry.quotas.keys()]).toEqual(["ops"]);
  });

  test("two asked for before the first is committed must fit together", () => {
    const bench = cluster(1);
    bench.autoCommit = false;
    const refs = [5, 6, 7, 8].map((last) => 6_000 + last);
    const set = (ref = 0, role: string, cpus: number): void => {
      const request = { role, guarantee: [scalar("cpus", cpus)] };
      bench.step({ kind: "change", ref, change: { kind: "set-quota", request } });
    };
    set(refs[0], "web", 3);
    set(refs[1], "web", 2);
    set(refs[2], "ops", 2);
    bench.commit();
    set(refs[3], "ops", 1);
    bench.drop();
    // What the log refused is not in the way of later ones.
    set(6_009, "ops", 1);
    bench.commit();
    expect([...refs, 6_009].map((ref) => bench.answers.get(ref)?.status)).toEqual([200, 400, 409, 503, 200]);
    expect(bench.registry.quotas.get("web")?.limits.get("cpus")).toBe(3_000);
  });

  test("holds for the next leader at once", () => {
    const bench = cluster(2);
    const web = framework(bench, "web");
    const [first] = web.offers;
    web.launch(first, web.task("t", first?.agent_id.value ?? "", 2));
    limit(bench, [config("web", { cpus: 4 }, { cpus: 6 })]);
    bench.step({ kind: "leadership-lost" });
    bench.lead(2);
    const { allocator } = bench.core.leader ?? {};
    expect(allocator?.quotaViews()).toMatchObject([
      {
        role: "web",
        consumed: new Map([
          ["cpus", 2_000],
          ["mem", expect.any(Number)],
        ]),
      },
    ]);
    allocator?.assertConsistent();
  });
});

test("many offers are withdrawn in several turns, so that none is long", () => {
  const bench = cluster(PART_MAX_ITEMS + TURN_MAX_ITEMS + 50);
  const web = framework(bench, "web");
  while (bench.core.leader?.later.pending) bench.pass(0);
  bench.events(web.streamId);
  const rescinded = () => web.events().filter(({ type }) => type === "RESCIND").length;
  weigh(bench, ["web", 2]);
  const first = rescinded();
  expect(first).toBeLessThanOrEqual(PART_MAX_ITEMS + TURN_MAX_ITEMS);
  let all = first;
  while (bench.core.nextDeadlineMs() === 0) {
    bench.pass(0);
    all += rescinded();
  }
  expect(all).toBe(PART_MAX_ITEMS + TURN_MAX_ITEMS + 50);
  expect(bench.core.leader?.offers.size).toBe(PART_MAX_ITEMS + TURN_MAX_ITEMS + 50);
});

test("weights of many roles beside frameworks of many roles take one walk", () => {
  const bench = new MasterBench();
  bench.lead();
  const roles = Array.from({ length: 20_000 }, (_, n) => `role-${n}/below`);
  bench.framework({ roles, capabilities: [{ type: "MULTI_ROLE" }] });
  const weights = roles.map((_, n) => ({ role: `other-${n}`, weight: 2 }));
  const before = processorMs();
  expect(bench.change({ kind: "weights", weights })?.status).toBe(200);
  expect(processorMs() - before).toBeLessThan(2_500);
});
