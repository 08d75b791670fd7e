/**
 * The allocator alone, in the shapes of Mesos' own benchmark tests
 * (src/tests/hierarchical_allocator_benchmarks.cpp), virtual time, no network:
 *
 *     bun scripts/bench/allocator.ts [--big]
 *
 * Beside each figure stands Mesos': "here" measured on a machine of this kind
 * with 2 cores, "published" from its commit messages. `--big` adds the shapes
 * that take a minute or two.
 */
import { Allocator } from "../../src/allocator/allocator.ts";
import { type ConstraintsByRole, compileConstraints } from "../../src/allocator/offer-constraints.ts";
import type { Allocation } from "../../src/allocator/types.ts";
import { assert } from "../../src/base/assert.ts";
import { DAY_MS, type Instant } from "../../src/base/time.ts";
import { Resources } from "../../src/model/resources.ts";

const NOW: Instant = { monotonicMs: 1_000, wallMs: 1_000 };
const FOREVER_MS = 365 * DAY_MS;

const AGENT = resources({ cpus: 24, mem: 4_096, disk: 4_096 }, [31_000, 32_000]);
const USED = resources({ cpus: 1, mem: 128, disk: 32 });

function resources(scalars: Record<string, number>, ports?: [number, number]): Resources {
  const parsed = Resources.from([
    ...Object.entries(scalars).map(([name, value]) => ({ name, type: "SCALAR" as const, scalar: { value } })),
    ...(ports
      ? [{ name: "ports", type: "RANGES" as const, ranges: { range: [{ begin: ports[0], end: ports[1] }] } }]
      : []),
  ]);
  assert(parsed.ok, parsed.ok ? "" : parsed.error);
  return parsed.value;
}

function timed<T>(run: () => T): { ms: number; value: T } {
  const start = performance.now();
  const value = run();
  return { ms: performance.now() - start, value };
}

function report(shape: string, figure: string, mesos: string): void {
  const peer = mesos === "" ? "" : `   Mesos: ${mesos}`;
  console.log(`${shape.padEnd(72)} ${figure.padStart(16)}${peer}`);
}

function ms(value: number): string {
  return `${value < 10 ? value.toFixed(2) : value.toFixed(0)} ms`;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
}

function cluster(agents: number, frameworks: number, roleOf: (framework: number) => string): Allocator {
  const allocator = new Allocator({ seed: 42 });
  for (let i = 0; i < frameworks; i++) {
    const spec = { roles: [roleOf(i)], suppressedRoles: [], capabilities: [], active: true };
    allocator.addFramework(`framework-${i}`, spec);
  }
  for (let i = 0; i < agents; i++) {
    const used = [
      { frameworkId: `framework-${i % frameworks}`, role: roleOf(i % frameworks), resources: USED },
    ];
    allocator.addAgent(`agent-${i}`, { total: AGENT }, used);
  }
  return allocator;
}

function declineAll(allocator: Allocator, offers: readonly Allocation[]): void {
  for (const offer of offers) allocator.recover({ ...offer, refuseMs: FOREVER_MS }, NOW);
}

/**
 * Each round allocates, and every offer is declined for ever, until everyone
 * has refused every agent or for `roundsMax` rounds.
 */
function declineOffers(agents: number, frameworks: number, mesos: string, roundsMax = frameworks): void {
  const allocator = cluster(agents, frameworks, () => "*");
  const rounds: number[] = [];
  let declineMs = 0;
  let last = 0;
  while (rounds.length <= roundsMax) {
    const { ms: roundMs, value: offers } = timed(() => allocator.allocate(NOW));
    if (offers.length === 0) {
      last = roundMs;
      break;
    }
    rounds.push(roundMs);
    declineMs += timed(() => declineAll(allocator, offers)).ms;
  }
  const shape = `decline all, ${agents} agents x ${frameworks} frameworks`;
  report(`${shape}: first round`, ms(rounds[0] ?? 0), mesos);
  report(`${shape}: median / max round`, `${ms(median(rounds))} / ${ms(Math.max(...rounds))}`, "");
  report(`${shape}: one decline`, `${((declineMs * 1_000) / (agents * rounds.length)).toFixed(2)} us`, "");
  if (roundsMax < frameworks) return;
  assert(rounds.length === frameworks, `Expected ${frameworks} rounds with offers, got ${rounds.length}`);
  report(`${shape}: last round, all filtered`, ms(last), "");
  report(`${shape}: idle round`, ms(timed(() => allocator.allocate(NOW)).ms), "");
  reportRecheck(allocator, shape, agents);
}

/** All agents looked at again although everyone has refused them: the worst a full cycle can be. */
function reportRecheck(allocator: Allocator, shape: string, agents: number): void {
  for (let i = 0; i < agents; i++) {
    allocator.deactivateAgent(`agent-${i}`);
    allocator.activateAgent(`agent-${i}`);
  }
  const { ms: fullMs, value } = timed(() => allocator.allocate(NOW));
  assert(value.length === 0, "Everyone has refused everything");
  report(`${shape}: full cycle, all filtered`, ms(fullMs), "");
}

/** AddAndUpdateSlave: allocations run while agents are added, as often as in Mesos or after each agent. */
function addAgents(
  agents: number,
  frameworks: number,
  runs: { readonly add: number; readonly update: number },
  mesosAdd: string,
  mesosUpdate: string,
): void {
  const allocator = new Allocator({ seed: 42 });
  for (let i = 0; i < frameworks; i++) {
    const spec = { roles: ["*"], suppressedRoles: [], capabilities: [], active: true };
    allocator.addFramework(`framework-${i}`, spec);
  }
  const inRuns = (count: number, change: (i: number) => void) =>
    timed(() => {
      const batch = agents / count;
      let offers = 0;
      for (let i = 0, due = batch; i < agents; i++) {
        change(i);
        if (i + 1 < due) continue;
        offers += allocator.allocate(NOW).length;
        due += batch;
      }
      assert(offers + allocator.allocate(NOW).length === agents, "Every agent is offered once");
    });
  const add = inRuns(runs.add, (i) => {
    allocator.addAgent(`agent-${i}`, { total: AGENT }, [
      { frameworkId: `framework-${i % frameworks}`, role: "*", resources: USED },
    ]);
  });
  const more = AGENT.add(USED);
  const update = inRuns(runs.update, (i) => allocator.updateAgent(`agent-${i}`, { total: more }));
  const shape = `${agents} agents x ${frameworks} frameworks`;
  report(`add ${shape}, ${runs.add} allocations`, ms(add.ms), mesosAdd);
  report(`update ${shape}, ${runs.update} allocations`, ms(update.ms), mesosUpdate);
}

/**
 * Every framework in a role of its own; `mesos` has the figures of its
 * LargeAndSmallQuota, which sets quota too.
 */
function manyRoles(size: number, mesos: { add: string; first: string; idle: string }): void {
  const shape = `${size} agents x ${size} roles x ${size} frameworks`;
  const added = timed(() => cluster(size, size, (i) => `role-${i}`));
  const allocator = added.value;
  report(`${shape}, no quota: add all`, ms(added.ms), mesos.add);
  const first = timed(() => allocator.allocate(NOW));
  report(`${shape}, no quota: ${first.value.length} allocations`, ms(first.ms), mesos.first);
  report(`${shape}, no quota: idle`, ms(timed(() => allocator.allocate(NOW)).ms), mesos.idle);
}

/**
 * LargeAndSmallQuota: of six roles five have quota of half an agent, one of two agents; all is met at once.
 */
function quotaRoles(size: number, mesos: { add: string; first: string; idle: string }): void {
  const shape = `${size} agents x ${size} roles x ${size} frameworks, quota`;
  const total = resources({ cpus: 2, mem: 2_048, disk: 2_048 });
  const quotaOf = (cpus: number) => {
    const amounts = new Map(
      ["cpus", "mem", "disk"].map((name, i) => [name, cpus * (i === 0 ? 1e3 : 1_024e3)]),
    );
    return { guarantees: amounts, limits: amounts };
  };
  const allocator = new Allocator({ seed: 42 });
  const added = timed(() => {
    for (let i = 0; i < size; i++) {
      const spec = { roles: [`role-${i}`], suppressedRoles: [], capabilities: [], active: true };
      allocator.addFramework(`framework-${i}`, spec);
    }
    allocator.updateQuotas(
      Array.from({ length: size }, (_, i) => [`role-${i}`, quotaOf(i % 6 === 0 ? 4 : 1)]),
    );
    for (let i = 0; i < size; i++) allocator.addAgent(`agent-${i}`, { total });
  });
  report(`${shape}: add all`, ms(added.ms), mesos.add);
  const first = timed(() => allocator.allocate(NOW));
  report(`${shape}: ${first.value.length} allocations`, ms(first.ms), mesos.first);
  report(`${shape}: idle`, ms(timed(() => allocator.allocate(NOW)).ms), mesos.idle);
  const declineMs = timed(() => declineAll(allocator, first.value)).ms;
  report(`${shape}: one decline`, `${((declineMs * 1_000) / first.value.length).toFixed(2)} us`, "");
  const second = timed(() => allocator.allocate(NOW));
  report(`${shape}: all declined, ${second.value.length} allocations`, ms(second.ms), "");
  const [some] = second.value;
  assert(some !== undefined, "Declined offers go to others");
  allocator.recover({ ...some, refuseMs: FOREVER_MS }, NOW);
  report(`${shape}: one more declined`, ms(timed(() => allocator.allocate(NOW)).ms), "");
}

/** One declined offer goes out again at once, to someone else. */
function oneDecline(agents: number, frameworks: number): void {
  const allocator = cluster(agents, frameworks, () => "*");
  let offer = allocator.allocate(NOW)[0];
  const count = 20_000;
  const { ms: totalMs } = timed(() => {
    for (let i = 0; i < count; i++) {
      assert(offer !== undefined, "A declined offer goes out again");
      allocator.recover(offer, NOW);
      offer = allocator.allocate(NOW)[0];
    }
  });
  const figure = `${((totalMs * 1_000) / count).toFixed(2)} us`;
  report(`decline + allocate, ${agents} agents x ${frameworks} frameworks`, figure, "waits for its 1 s tick");
}

/** AllocatorBacklog: 50 calls in a row that revive everyone, one allocation after them. */
function backlog(agents: number, frameworks: number, mesos: string): void {
  const allocator = cluster(agents, frameworks, () => "*");
  for (let offers = allocator.allocate(NOW); offers.length > 0; offers = allocator.allocate(NOW)) {
    declineAll(allocator, offers);
  }
  const { ms: totalMs, value } = timed(() => {
    for (let i = 0; i < 50; i++) allocator.revive(`framework-${i % frameworks}`);
    return allocator.allocate(NOW);
  });
  assert(value.length === agents, "Everything goes out after a revival");
  report(`50 revives, ${agents} agents x ${frameworks}, all filtered`, ms(totalMs), mesos);
}

/** Half of the frameworks each ask for their own tenth of the hosts by a regular expression. */
function constrained(agents: number, frameworks: number): void {
  const shape = `${agents} agents x ${frameworks} frameworks, half of them with constraints`;
  const allocator = new Allocator({ seed: 42 });
  const added = timed(() => {
    for (let i = 0; i < agents; i++) {
      allocator.addAgent(`agent-${i}`, { total: AGENT, facts: { hostname: `host-${i}.example.org` } });
    }
  });
  report(`${shape}: add agents`, ms(added.ms), "");
  const subscribed: number[] = [];
  for (let i = 0; i < frameworks; i++) {
    const constraints = i % 2 === 0 ? new Map() : tenthOfHosts(i);
    const spec = { roles: ["*"], suppressedRoles: [], capabilities: [], active: true, constraints };
    subscribed.push(timed(() => allocator.addFramework(`framework-${i}`, spec)).ms);
  }
  report(
    `${shape}: subscribe, median / max`,
    `${ms(median(subscribed))} / ${ms(Math.max(...subscribed))}`,
    "",
  );
  const first = timed(() => allocator.allocate(NOW));
  report(`${shape}: ${first.value.length} allocations`, ms(first.ms), "");
  declineAll(allocator, first.value);
  report(`${shape}: all declined, again`, ms(timed(() => allocator.allocate(NOW)).ms), "");
}

/** No two frameworks have equal ones. */
function tenthOfHosts(framework: number): ConstraintsByRole {
  const regex = `host-[0-9]*${framework % 10}[.]example[.]org|x${framework}`;
  const selector = { pseudoattribute_type: "HOSTNAME" as const };
  const groups = [{ attribute_constraints: [{ selector, predicate: { text_matches: { regex } } }] }];
  const limits = { maxMemBytes: 4_096, maxProgramSize: 100 };
  const compiled = compileConstraints({ role_constraints: { "*": { groups } } }, limits);
  assert(compiled.ok, "The constraints compile");
  return compiled.value;
}

declineOffers(1_000, 1, "17 ms here");
declineOffers(1_000, 50, "48 ms; rounds 63 / 279 ms; filtered 379 ms here");
declineOffers(1_000, 200, "37 ms; rounds 77 / 668 ms; filtered 1,862 ms here");
declineOffers(5_000, 50, "202 ms; rounds 246 / 1,355 ms; filtered 2,191 ms here");
declineOffers(10_000, 50, "412 ms; rounds 694 / 967 ms here");
declineOffers(10_000, 200, "709 ms; rounds 762 / 898 ms here");
addAgents(1_000, 50, { add: 94, update: 129 }, "96 ms here", "53 ms here");
addAgents(5_000, 50, { add: 100, update: 134 }, "401 ms here", "212 ms here");
addAgents(10_000, 50, { add: 188, update: 141 }, "766 ms here", "495 ms here");
addAgents(10_000, 200, { add: 627, update: 431 }, "942 ms here", "651 ms here");
addAgents(10_000, 1_000, { add: 1_950, update: 1_963 }, "1,044 ms here", "783 ms here");
addAgents(10_000, 1_000, { add: 10_000, update: 10_000 }, "", "");
manyRoles(300, {
  add: "156 ms here, with quota",
  first: "134.5 ms here, with quota",
  idle: "101.8 ms here, with quota",
});
manyRoles(3_000, {
  add: "over 39 s here, with quota",
  first: "15.4 s published, with quota",
  idle: "13.7 s published, with quota",
});
quotaRoles(300, { add: "156 ms here", first: "134.5 ms here", idle: "101.8 ms here" });
quotaRoles(3_000, { add: "over 39 s here", first: "15.4 s published", idle: "13.7 s published" });
oneDecline(10_000, 1_000);
backlog(1_000, 50, "8.5 ms here");
backlog(5_000, 50, "55.4 ms here");
constrained(1_000, 100);
constrained(10_000, 200);
if (process.argv.includes("--big")) {
  declineOffers(10_000, 3_000, "2,600 ms published", 40);
  declineOffers(50_000, 200, "", 40);
  declineOffers(10_000, 1_000, "1,060 ms published");
}
console.log(`memory at the end: ${Math.round(process.memoryUsage().rss / 2 ** 20)} MiB resident`);
