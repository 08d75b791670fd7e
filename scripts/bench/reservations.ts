/**
 * Reserving and unreserving on an agent that is cut into many resources, in a whole master without network
 * and disk: `bun scripts/bench.ts reservations`. The agent's resources are reserved to as many roles,
 * frameworks in some of these roles hold offers of it, and an operator reserves and unreserves a part of the
 * rest 20 times. Mesos' figures are published ones of the same sizes (commit 3f753e77a, 2019-10-30).
 */
import { assert } from "../../src/base/assert.ts";
import type { OfferOperation } from "../../src/model/v1/offers.ts";
import type { Resource } from "../../src/model/v1/resources.ts";
import { MasterBench, scalar } from "../../tests/support/master-bench.ts";

const TIMES = 20;
const CAPABILITIES = [{ type: "MULTI_ROLE" as const }, { type: "RESERVATION_REFINEMENT" as const }];
/** Both go through the log, and allocation follows. */
const MESOS: readonly (readonly [resources: number, frameworks: number, mesos: string])[] = [
  [200, 50, "0.47 s"],
  [400, 100, "0.93 s"],
  [800, 200, "2.11 s"],
  [1_600, 400, ""],
];

function cluster(resources: number, frameworks: number): { bench: MasterBench; agentId: string } {
  const bench = new MasterBench();
  bench.lead();
  const whole = [scalar("cpus", 2_000), scalar("mem", 2_000_000)];
  bench.fromAgent(1, bench.registration(1, undefined, [], 5051, whole));
  const [registered] = bench.toAgent(1);
  assert(registered?.kind === "agent-registered", "The agent is registered");
  const parts: Resource[] = [];
  for (let i = 0; whole.length + parts.length < resources; i++) {
    const reservations = [{ type: "DYNAMIC" as const, role: `role-${i}` }];
    for (const part of [scalar("cpus", 1), scalar("mem", 256)]) parts.push({ ...part, reservations });
  }
  operate(bench, 1, registered.agentId, { type: "RESERVE", reserve: { resources: parts } });
  for (let i = 0; i < frameworks; i++) bench.framework({ roles: [`role-${i}`], capabilities: CAPABILITIES });
  settle(bench);
  assert(bench.core.leader?.offers.size === frameworks, "Each framework has an offer");
  return { bench, agentId: registered.agentId };
}

function settle(bench: MasterBench): void {
  while (bench.core.nextDeadlineMs() === 0) bench.step({ kind: "tick" });
}

function operate(bench: MasterBench, ref: number, agentId: string, operation: OfferOperation): void {
  bench.step({ kind: "operate", ref, agentId, operation });
  settle(bench);
  const answer = bench.answers.get(ref);
  assert(answer?.status === 202, `${operation.type} is answered ${answer?.status}: ${answer?.body}`);
}

/** Milliseconds: of all, and of the longest operation. */
function measure(resources: number, frameworks: number): { readonly ms: number; readonly longestMs: number } {
  const { bench, agentId } = cluster(resources, frameworks);
  const reserved = [{ ...scalar("cpus", 1), reservations: [{ type: "DYNAMIC" as const, role: "own" }] }];
  let [ms, longestMs, ref] = [0, 0, 1_000_000];
  for (let i = 0; i < 2 * TIMES; i++) {
    const operation: OfferOperation =
      i % 2 === 0
        ? { type: "RESERVE", reserve: { resources: reserved } }
        : { type: "UNRESERVE", unreserve: { resources: reserved } };
    const startMs = performance.now();
    operate(bench, ref++, agentId, operation);
    const passedMs = performance.now() - startMs;
    ms += passedMs;
    longestMs = Math.max(longestMs, passedMs);
  }
  return { ms, longestMs };
}

export async function bench(): Promise<Record<string, unknown>> {
  const figures: Record<string, unknown> = {};
  for (const [resources, frameworks, mesos] of MESOS) {
    const { ms, longestMs } = measure(resources, frameworks);
    const name = `${TIMES} reserve and unreserve, ${resources} resources x ${frameworks} frameworks`;
    figures[name] =
      `${ms.toFixed(0)} ms, longest ${longestMs.toFixed(1)} ms${mesos === "" ? "" : `; Mesos ${mesos}`}`;
  }
  return figures;
}
