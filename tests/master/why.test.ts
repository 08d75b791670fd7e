import { expect, test } from "bun:test";
import type { WhyReason, WhyView } from "../../src/master/port.ts";
import { MasterView } from "../../src/master/views.ts";
import type { Resource } from "../../src/model/v1/resources.ts";
import { encodeBlob } from "../../src/wire/blob.ts";
import { MasterBench, scalar } from "../support/master-bench.ts";

function started(): MasterBench {
  const bench = new MasterBench();
  bench.lead();
  return bench;
}

function why(bench: MasterBench, frameworkId: string, role?: string): WhyView {
  const view = new MasterView(bench.registry, bench.core.leader, bench.now).why(frameworkId, role);
  if (view === undefined) throw new Error("The framework is known");
  return view;
}

/** Codes with their counts: of the framework, then of its first role. */
function codes({ reasons, roles }: WhyView): string[] {
  return [...reasons, ...(roles[0]?.reasons ?? [])].map(brief);
}

function brief({ code, agents }: WhyReason): string {
  return agents === undefined ? code : `${code} ${agents}`;
}

function agentWith(bench: MasterBench, link: number, ...resources: Resource[]): void {
  bench.fromAgent(link, bench.registration(link, undefined, [], 5051, resources));
}

test("unknown frameworks and roles", () => {
  const bench = started();
  const view = new MasterView(bench.registry, bench.core.leader, bench.now);
  expect(view.why("nobody")).toBeUndefined();
  const framework = bench.framework();
  expect(why(bench, framework.id, "*").roles.map(({ role }) => role)).toEqual(["*"]);
  expect(why(bench, framework.id, "other").roles).toEqual([]);
  expect(new MasterView(bench.registry, undefined, bench.now).why(framework.id)).toBeUndefined();
});

test("no agent is registered", () => {
  const bench = started();
  expect(codes(why(bench, bench.framework().id))).toEqual(["no-agents"]);
});

test("disconnected, and not back at a new leader", () => {
  const bench = started();
  bench.agent(1);
  const framework = bench.framework();
  bench.step({ kind: "stream-closed", streamId: framework.streamId });
  expect(codes(why(bench, framework.id))).toEqual(["disconnected", "available 1"]);
  expect(why(bench, framework.id)).toMatchObject({ connected: false, name: "demo" });
  const next = new MasterBench({}, bench.registry, "m2");
  next.lead(2);
  const view = why(next, framework.id);
  expect(codes(view)).toEqual(["disconnected", "inactive 1"]);
  expect(view.reasons[0]?.text).toBe("It has not subscribed since this master was elected");
  expect(view.roles[0]?.reasons[0]).toMatchObject({
    text: "1 agent takes no tasks now",
    details: ["1 agent not back since this master was elected"],
  });
});

test("agents out of reach, and without a link", () => {
  const bench = started();
  const framework = bench.framework();
  bench.agent(1);
  bench.agent(2);
  bench.step({ kind: "agent-link-closed", link: 1 });
  const first = why(bench, framework.id);
  expect(first.roles[0]?.reasons.map(brief)).toEqual(["taken 1", "inactive 1", "open-offers"]);
  expect(first.roles[0]?.reasons[1]?.details).toEqual([
    "1 agent without a link: look at the agent and the network",
  ]);
  bench.step({ kind: "agent-link-closed", link: 2 });
  bench.pass(75_000);
  const view = why(bench, framework.id);
  expect(codes(view)).toEqual(["agents-unreachable 2"]);
  expect(view.reasons[0]?.text).toBe("2 agents cannot be reached");
});

test("suppressed", () => {
  const bench = started();
  const framework = bench.framework();
  framework.call({ type: "SUPPRESS" });
  bench.agent(1);
  const view = why(bench, framework.id);
  expect(codes(view)).toEqual(["suppressed", "available 1"]);
  expect(view.roles[0]).toMatchObject({ suppressed: true, position: undefined });
});

test("declined: until when, also between two turns of the master; looking changes nothing", () => {
  const bench = started();
  const framework = bench.framework();
  bench.agent(1);
  const [offer] = framework.newOffers();
  framework.call({
    type: "DECLINE",
    decline: { offer_ids: [{ value: offer?.id.value ?? "" }], filters: { refuse_seconds: 60 } },
  });
  expect(codes(why(bench, framework.id))).toEqual(["filtered 1"]);
  const later = { monotonicMs: bench.now.monotonicMs + 50_000, wallMs: bench.now.wallMs + 50_000 };
  const text = new MasterView(bench.registry, bench.core.leader, later).why(framework.id);
  expect(text?.roles[0]?.reasons[0]?.text).toMatch(
    /^It has declined 1 agent; the first filter ends in 1\d(\.\d)? s$/,
  );
  const ended = { monotonicMs: bench.now.monotonicMs + 61_000, wallMs: bench.now.wallMs + 61_000 };
  const after = new MasterView(bench.registry, bench.core.leader, ended).why(framework.id);
  expect(after?.roles[0]?.reasons.map(brief)).toEqual(["available 1"]);
  expect(framework.newOffers()).toEqual([]);
  bench.pass(61_000);
  expect(framework.newOffers()).toHaveLength(1);
});

test("everything is taken; who holds offers, and who comes first in which share", () => {
  const bench = started();
  const greedy = bench.framework({ name: "greedy" });
  const agentId = bench.agent(1);
  bench.agent(2);
  const offers = greedy.newOffers();
  const waiting = bench.framework({ name: "waiting" });
  const third = bench.framework({ name: "third" });
  expect(codes(why(bench, greedy.id))).toEqual(["taken 2", "open-offers", "behind"]);
  expect(codes(why(bench, waiting.id))).toEqual(["taken 2"]);
  const first = offers.find((offer) => offer.agent_id.value === agentId);
  greedy.launch(first, greedy.task("t", agentId, 4, { resources: [scalar("cpus", 4), scalar("mem", 1024)] }));
  const view = why(bench, greedy.id);
  expect(view.roles[0]).toMatchObject({
    position: 3,
    share: 1,
    before: [
      { frameworkId: waiting.id, name: "waiting", role: "*", share: 0 },
      { frameworkId: third.id, name: "third", role: "*", share: 0 },
    ],
  });
  const reasons = view.roles[0]?.reasons ?? [];
  expect(reasons.at(-1)?.text).toBe(
    `2 frameworks with a smaller share come first; the next is ${waiting.id} in role '*' (0 %, this one has 100 %)`,
  );
  expect(why(bench, waiting.id).roles[0]?.reasons[0]?.advice).toContain("1 offer yet");
});

test("less than the smallest offer, GPUs, reservations of others, missing capabilities", () => {
  const bench = started();
  const framework = bench.framework();
  agentWith(bench, 1, scalar("cpus", 0.001));
  agentWith(bench, 2, scalar("cpus", 1), scalar("gpus", 1));
  const reservation = { type: "STATIC" as const, role: "web" };
  agentWith(bench, 3, { ...scalar("cpus", 1), reservations: [reservation] });
  agentWith(bench, 4, { ...scalar("cpus", 1), revocable: {} });
  const view = why(bench, framework.id);
  expect(codes(view)).toEqual(["below-minimum 1", "reserved 1", "capability 1", "gpus 1"]);
  expect(view.roles[0]?.reasons[2]?.details).toEqual(["REVOCABLE_RESOURCES: 1 agent"]);
  expect(view.roles[0]?.agents).toMatchObject({ total: 4, gpusHidden: 1, taken: 0 });
});

test("constraints: which of them excludes how many agents", () => {
  const bench = started();
  const framework_info = { user: "alice", name: "picky" };
  const attribute_constraints = [
    { selector: { attribute_name: "rack" }, predicate: { text_equals: { value: "a" } } },
    { selector: { attribute_name: "ssd" }, predicate: { exists: {} } },
  ];
  const offer_constraints = { role_constraints: { "*": { groups: [{ attribute_constraints }] } } };
  bench.step({
    kind: "subscribe",
    streamId: "s",
    call: { type: "SUBSCRIBE", subscribe: { framework_info, offer_constraints } },
    principal: undefined,
  });
  const id = bench.events("s")[0]?.subscribed?.framework_id.value ?? "";
  bench.agent(1);
  const info = encodeBlob("AgentInfo", {
    hostname: "h",
    resources: [scalar("cpus", 1), scalar("mem", 64)],
    attributes: [{ name: "ssd", type: "SCALAR", scalar: { value: 1 } }],
  });
  const registration = bench.registration(2, undefined, []);
  bench.fromAgent(2, { ...registration, info } as typeof registration);
  const view = why(bench, id);
  expect(codes(view)).toEqual(["constrained 2"]);
  expect(view.roles[0]?.reasons[0]?.details).toEqual(['rack is "a": 2 agents', "ssd exists: 1 agent"]);
});

test("while the allocator is paused", () => {
  const bench = started();
  const framework = bench.framework();
  bench.core.leader?.allocator.pause();
  bench.agent(1);
  expect(codes(why(bench, framework.id))).toEqual(["recovery-pause", "available 1"]);
});

test("every role apart", () => {
  const bench = started();
  const framework = bench.framework({
    capabilities: [{ type: "MULTI_ROLE" }],
    roles: ["a", "b"],
  });
  framework.call({ type: "SUPPRESS", suppress: { roles: ["a"] } });
  bench.agent(1);
  const view = why(bench, framework.id);
  expect(view.roles.map((role) => [role.role, ...role.reasons.map(brief)])).toEqual([
    ["a", "suppressed", "taken 1"],
    ["b", "taken 1", "open-offers"],
  ]);
});

test("agents that operators took out of service: draining, deactivated, not on the whitelist", () => {
  const bench = started();
  const framework = bench.framework();
  const [drained, deactivated] = [bench.agent(1), bench.agent(2), bench.agent(3)];
  bench.change({ kind: "drain", agentId: drained ?? "", maxGraceMs: undefined, markGone: false });
  bench.change({ kind: "deactivate", agentId: deactivated ?? "" });
  bench.step({ kind: "whitelist", hostnames: new Set(["another.test"]) });
  const [inactive] = why(bench, framework.id).roles[0]?.reasons ?? [];
  expect(inactive).toMatchObject({
    code: "inactive",
    agents: 3,
    details: [
      "1 agent draining, or drained: 'mesh node reactivate' brings an agent back",
      "1 agent deactivated: 'mesh node reactivate' brings an agent back",
      "1 agent not on the whitelist of the master",
    ],
  });
});

test("quota: the role's limit is reached, or what is free is kept for another's guarantee", () => {
  const bench = started();
  const framework = bench.framework({ capabilities: [{ type: "MULTI_ROLE" }], roles: ["web/front"] });
  bench.change({
    kind: "quota",
    configs: [{ role: "web", limits: { cpus: { value: 0 }, mem: { value: 0 } } }],
    force: true,
  });
  bench.agent(1);
  const [limited] = why(bench, framework.id).roles[0]?.reasons ?? [];
  expect(limited).toMatchObject({ code: "quota-limit", agents: 1 });
  expect(limited?.text).toContain("role 'web'");
  bench.change({
    kind: "quota",
    configs: [{ role: "web" }, { role: "db", guarantees: { cpus: { value: 4 }, mem: { value: 1024 } } }],
    force: true,
  });
  expect(why(bench, framework.id).roles[0]?.reasons.map(brief)).toEqual(["held-for-quota 1"]);
});

test("quota: offers come without what it is reached for, or is guaranteed to others", () => {
  const bench = started();
  const framework = bench.framework({ capabilities: [{ type: "MULTI_ROLE" }], roles: ["web/front"] });
  bench.change({ kind: "quota", configs: [{ role: "web", limits: { cpus: { value: 0 } } }], force: true });
  bench.agent(1);
  const [offer] = framework.newOffers();
  framework.call({
    type: "DECLINE",
    decline: { offer_ids: [{ value: offer?.id.value ?? "" }], filters: { refuse_seconds: 60 } },
  });
  const reasons = why(bench, framework.id).roles[0]?.reasons ?? [];
  expect(reasons.map(brief)).toContain("quota-limit-reached 1");
  expect(reasons.find(({ code }) => code === "quota-limit-reached")?.text).toBe(
    "The limit of cpus of the quota of role 'web' is reached: 1 agent can be offered without cpus only",
  );
  bench.change({
    kind: "quota",
    configs: [{ role: "web" }, { role: "db", guarantees: { cpus: { value: 1_000 } } }],
    force: true,
  });
  expect(why(bench, framework.id).roles[0]?.reasons.map(brief)).toContain("kept-for-guarantees 1");
});
