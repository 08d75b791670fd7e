/**
 * What frameworks hear of a task that goes with its agent, by whether they are
 * PARTITION_AWARE (mesos-wire 8.1; Mesos: docs/high-availability-framework-guide).
 */
import { describe, expect, test } from "bun:test";
import { stateForFramework } from "../../src/model/task-state.ts";
import type { TaskState } from "../../src/model/v1/tasks.ts";
import { type BenchFramework, MasterBench } from "../support/master-bench.ts";

interface Case {
  readonly bench: MasterBench;
  readonly agentId: string;
  readonly framework: BenchFramework;
}

type Step = (it: Case) => void;

function lose({ bench }: Case): void {
  bench.step({ kind: "agent-link-closed", link: 1 });
  bench.pass(75_000);
}

function reconcile({ agentId, framework }: Case, taskId: string, agent: string | undefined = agentId): void {
  const task = { task_id: { value: taskId }, ...(agent === "" ? {} : { agent_id: { value: agent } }) };
  framework.call({ type: "RECONCILE", reconcile: { tasks: [task] } });
}

function takeDown({ bench }: Case): void {
  const machines = [{ ip: "10.0.1.1" }];
  const unavailability = { start: { nanoseconds: 1 } };
  bench.change({ kind: "schedule", schedule: { windows: [{ machine_ids: machines, unavailability }] } });
  bench.change({ kind: "machines-down", machines });
}

/** The task's launch is on its way through the log while `step` is proposed before it. */
function race(step: Step): Step {
  return (it) => {
    const { bench, agentId, framework } = it;
    const [offer] = framework.newOffers();
    bench.autoCommit = false;
    step(it);
    framework.launch(offer, framework.task("late", agentId));
    bench.commit();
    bench.autoCommit = true;
  };
}

const TABLE: readonly (readonly [what: string, step: Step, aware: TaskState, plain: TaskState])[] = [
  ["its agent does not answer", lose, "TASK_UNREACHABLE", "TASK_LOST"],
  [
    "its agent leaves the cluster",
    ({ bench }) => bench.fromAgent(1, { kind: "unregister-agent" }),
    "TASK_GONE",
    "TASK_LOST",
  ],
  [
    "its agent is marked gone",
    ({ bench, agentId }) => void bench.change({ kind: "mark-gone", agentId }),
    "TASK_GONE_BY_OPERATOR",
    "TASK_LOST",
  ],
  ["its machine is taken down", takeDown, "TASK_GONE", "TASK_LOST"],
  [
    "its agent comes back without it",
    ({ bench, agentId }) => {
      bench.step({ kind: "agent-link-closed", link: 1 });
      bench.agent(2, agentId);
    },
    "TASK_GONE",
    "TASK_LOST",
  ],
  [
    "its agent leaves while it is launched",
    race(({ bench }) => bench.fromAgent(1, { kind: "unregister-agent" })),
    "TASK_DROPPED",
    "TASK_LOST",
  ],
  [
    "its agent is drained while it is launched",
    race(({ bench, agentId }) => {
      bench.change({ kind: "drain", agentId, maxGraceMs: undefined, markGone: false });
    }),
    "TASK_DROPPED",
    "TASK_LOST",
  ],
  ["nobody knows it, nor its agent", (it) => reconcile(it, "?", "nobody"), "TASK_UNKNOWN", "TASK_LOST"],
  ["nobody knows it, and no agent is named", (it) => reconcile(it, "?", ""), "TASK_UNKNOWN", "TASK_LOST"],
  ["its agent is here and does not know it", (it) => reconcile(it, "?"), "TASK_GONE", "TASK_LOST"],
  [
    "it is asked for by an agent that is unreachable",
    (it) => {
      lose(it);
      it.framework.events();
      reconcile(it, "?");
    },
    "TASK_UNREACHABLE",
    "TASK_LOST",
  ],
  [
    "it is asked for by an agent that is gone",
    (it) => {
      it.bench.change({ kind: "mark-gone", agentId: it.agentId });
      it.framework.events();
      reconcile(it, "?");
    },
    "TASK_GONE_BY_OPERATOR",
    "TASK_LOST",
  ],
  [
    "it is asked for by an agent whose machine is down",
    (it) => {
      takeDown(it);
      it.framework.events();
      reconcile(it, "?");
    },
    "TASK_GONE",
    "TASK_LOST",
  ],
];

function running(partitionAware: boolean): Case {
  const bench = new MasterBench();
  bench.lead();
  const agentId = bench.agent(1);
  const framework = bench.framework(partitionAware ? {} : { capabilities: [] });
  framework.launch(framework.offers[0], framework.task("t", agentId));
  bench.update(1, framework.id, "t", "TASK_RUNNING");
  return { bench, agentId, framework };
}

describe("a task is told as", () => {
  for (const [what, step, aware, plain] of TABLE) {
    for (const partitionAware of [true, false]) {
      const expected = partitionAware ? aware : plain;
      const to = partitionAware ? "who is aware of partitions" : "others";
      test(`${expected} to ${to} when ${what}`, () => {
        const it = running(partitionAware);
        const [offer] = it.framework.newOffers();
        if (offer !== undefined)
          it.framework.call({
            type: "DECLINE",
            decline: { offer_ids: [offer.id], filters: { refuse_seconds: 0 } },
          });
        step(it);
        const told = it.framework.statuses().map(({ state }) => state);
        expect(told).toContain(expected);
        for (const state of told) expect(stateForFramework(state, partitionAware)).toBe(state);
      });
    }
  }
});

test("one that was out of reach comes back as what it was", () => {
  const it = running(true);
  const { bench, agentId, framework } = it;
  lose(it);
  framework.events();
  const runId = bench.registry.task(framework.id, "t")?.runId;
  const ids = { frameworkId: framework.id, taskId: "t", containerId: "c", runId };
  bench.agent(2, agentId, [{ ...ids, state: "TASK_RUNNING", settled: false }]);
  expect(framework.statuses()).toMatchObject([
    { state: "TASK_RUNNING", reason: "REASON_AGENT_REREGISTERED" },
  ]);
});
