import { expect, test } from "bun:test";
import { MasterView } from "../../src/master/views.ts";
import type { OfferConstraints, SchedulerCall } from "../../src/model/v1/scheduler.ts";
import { encodeBlob } from "../../src/wire/blob.ts";
import { type BenchFramework, MasterBench, scalar } from "../support/master-bench.ts";

function started(): MasterBench {
  const domain = { fault_domain: { region: { name: "eu" }, zone: { name: "zone-m" } } };
  const bench = new MasterBench({
    address: { id: "m1", hostname: "master.test", ip: "10.0.0.1", port: 5050, domain },
  });
  bench.lead();
  return bench;
}

function rackMatches(regex: string, role = "*"): OfferConstraints {
  const constraint = { selector: { attribute_name: "rack" }, predicate: { text_matches: { regex } } };
  return { role_constraints: { [role]: { groups: [{ attribute_constraints: [constraint] }] } } };
}

function agentIn(bench: MasterBench, link: number, rack: string, agentId?: string): string {
  const info = encodeBlob("AgentInfo", {
    hostname: `agent-${link}.test`,
    port: 5051,
    resources: [scalar("cpus", 4), scalar("mem", 1024)],
    attributes: [{ name: "rack", type: "TEXT", text: { value: rack } }],
    domain: { fault_domain: { region: { name: "eu" }, zone: { name: `zone-${rack}` } } },
  });
  bench.fromAgent(link, {
    kind: "register-agent",
    agentId,
    info,
    ip: `10.0.1.${link}`,
    version: "0.1.0",
    capabilities: [],
    tasks: [],
  });
  for (const message of bench.toAgent(link)) {
    if (message.kind === "agent-registered") return message.agentId;
  }
  return "";
}

function subscribe(bench: MasterBench, constraints: OfferConstraints): string {
  const streamId = `constrained-${bench.effects.length}`;
  const framework_info = { user: "alice", name: "picky" };
  const call: SchedulerCall = {
    type: "SUBSCRIBE",
    subscribe: { framework_info, offer_constraints: constraints },
  };
  bench.step({ kind: "subscribe", streamId, call, principal: undefined });
  return streamId;
}

function offeredAgents(bench: MasterBench, streamId: string): string[] {
  return bench
    .events(streamId)
    .flatMap((event) => event.offers?.offers ?? [])
    .map((offer) => offer.agent_id.value)
    .sort();
}

function update(framework: BenchFramework, constraints?: OfferConstraints) {
  return framework.call({
    type: "UPDATE_FRAMEWORK",
    update_framework: {
      framework_info: {
        user: "alice",
        name: "demo",
        capabilities: [{ type: "PARTITION_AWARE" }],
        failover_timeout: 3600,
        id: { value: framework.id },
      },
      ...(constraints === undefined ? {} : { offer_constraints: constraints }),
    },
  });
}

test("only agents that fit are offered, also those that come or change later", () => {
  const bench = started();
  const a1 = agentIn(bench, 1, "a1");
  const b1 = agentIn(bench, 2, "b1");
  const streamId = subscribe(bench, rackMatches("a[0-9]"));
  expect(offeredAgents(bench, streamId)).toEqual([a1]);
  const a2 = agentIn(bench, 3, "a2");
  expect(offeredAgents(bench, streamId)).toEqual([a2]);
  bench.step({ kind: "agent-link-closed", link: 2 });
  expect(agentIn(bench, 4, "a9", b1)).toBe(b1);
  expect(offeredAgents(bench, streamId)).toEqual([b1]);
});

test("region and zone of the agent's domain", () => {
  const bench = started();
  const agent = agentIn(bench, 1, "a");
  agentIn(bench, 2, "b");
  const constraint = {
    selector: { pseudoattribute_type: "ZONE" as const },
    predicate: { text_equals: { value: "zone-a" } },
  };
  const groups = [{ attribute_constraints: [constraint] }];
  expect(offeredAgents(bench, subscribe(bench, { role_constraints: { "*": { groups } } }))).toEqual([agent]);
});

test("UPDATE_FRAMEWORK replaces them, offers go on accordingly; views show them", () => {
  const bench = started();
  const framework = bench.framework();
  expect(update(framework, rackMatches("a.*"))?.status).toBe(200);
  const agent = agentIn(bench, 1, "b1");
  expect(framework.newOffers()).toEqual([]);
  const view = (): MasterView => new MasterView(bench.registry, bench.core.leader, bench.now);
  expect(view().framework(framework.id)?.constraints).toEqual(rackMatches("a.*"));
  expect([...view().constraintsDebug()]).toEqual([
    { frameworkId: framework.id, suppressedRoles: [], excluded: new Map([["*", [agent]]]) },
  ]);
  framework.call({ type: "SUPPRESS" });
  expect([...view().constraintsDebug()]).toMatchObject([{ suppressedRoles: ["*"] }]);
  expect(update(framework)?.status).toBe(200);
  expect(framework.newOffers().map((offer) => offer.agent_id.value)).toEqual([agent]);
  expect(view().framework(framework.id)?.constraints).toBeUndefined();
  expect([...view().constraintsDebug()]).toMatchObject([{ excluded: new Map() }]);
});

test("what cannot be evaluated is refused: ERROR for SUBSCRIBE, 400 for UPDATE_FRAMEWORK, nothing changes", () => {
  const bench = started();
  const cases: [OfferConstraints, RegExp][] = [
    [rackMatches("[a-d"), /Failed to construct regex from pattern '\[a-d': missing closing \]/],
    [rackMatches("(a+){50}"), /is too complex: program size of \d+ is larger than maximum of 100 allowed/],
    [rackMatches("(a+){500}"), /pattern too large - compile failed/],
    [rackMatches("a", "other"), /'other', which is not one of the framework's/],
    [{ role_constraints: { "*": {} } }, /at least one group/],
    [{ role_constraints: { "*": { groups: [{}] } } }, /at least one attribute constraint/],
  ];
  const framework = bench.framework();
  for (const [constraints, message] of cases) {
    const streamId = subscribe(bench, constraints);
    const events = bench.events(streamId);
    expect(events.map((event) => event.type)).toEqual(["ERROR"]);
    expect(events[0]?.error?.message).toMatch(message);
    const answer = update(framework, constraints);
    expect(answer?.status).toBe(400);
    expect(answer?.body).toMatch(message);
  }
  expect(bench.core.leader?.frameworks.get(framework.id)?.constraints.given).toBeUndefined();
  agentIn(bench, 1, "b1");
  expect(framework.newOffers()).toHaveLength(1);
});

test("the limits are settings", () => {
  const bench = new MasterBench({ constraintLimits: { maxMemBytes: 100_000, maxProgramSize: 500 } });
  bench.lead();
  expect(bench.types(subscribe(bench, rackMatches("(a+){50}")))).toEqual(["SUBSCRIBED", "HEARTBEAT"]);
  expect(bench.types(subscribe(bench, rackMatches("(a+){200}")))).toEqual(["ERROR"]);
});
