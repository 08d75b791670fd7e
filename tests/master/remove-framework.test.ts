/** Removal of frameworks with more tasks than one turn may end. */
import { describe, expect, test } from "bun:test";
import type { MasterSettings } from "../../src/master/types.ts";
import { encodeCommands } from "../../src/registry/codec.ts";
import { type BenchFramework, MasterBench } from "../support/master-bench.ts";

const AT_ONCE = 3;

interface Busy {
  readonly bench: MasterBench;
  readonly framework: BenchFramework;
  readonly agents: readonly string[];
}

/** A framework with four tasks on each of five agents, and its rest of each. */
function busy(settings: Partial<MasterSettings> = {}, featureLevel?: number): Busy {
  const bench = new MasterBench({ tasksEndedAtOnce: AT_ONCE, ...settings });
  if (featureLevel !== undefined) bench.featureLevel = featureLevel;
  bench.lead();
  const agents = Array.from({ length: 5 }, (_, i) => bench.agent(i + 1));
  const framework = bench.framework();
  framework.offers.forEach((offer, i) => {
    const agent = offer.agent_id.value;
    framework.launch(offer, ...[0, 1, 2, 3].map((n) => framework.task(`t${i}-${n}`, agent, 0.5)));
  });
  framework.newOffers();
  bench.update(1, framework.id, "t0-0", "TASK_RUNNING");
  return { bench, framework, agents };
}

function settle(bench: MasterBench): void {
  while (bench.core.nextDeadlineMs() === 0) bench.step({ kind: "tick" });
}

function expectGone({ bench, framework, agents }: Busy): void {
  const { leader } = bench.core;
  expect(leader?.frameworks.size).toBe(0);
  expect(leader?.offers.size).toBe(0);
  expect(bench.registry.taskCount).toBe(0);
  expect(bench.registry.completedFrameworks.has(framework.id)).toBe(true);
  const states = [...bench.registry.completedTasksOf(framework.id)].map(
    ({ taskId, state }) => `${taskId} ${state}`,
  );
  expect(states.length).toBe(20);
  expect(states.every((state) => state.endsWith("TASK_KILLED"))).toBe(true);
  leader?.allocator.assertConsistent();
  // All of it is there for others.
  const next = bench.framework({ name: "next" });
  const offers = [...next.offers, ...next.newOffers()];
  expect(offers.map(({ agent_id }) => agent_id.value).sort()).toEqual([...agents].sort());
  for (const { resources } of offers) {
    expect(resources?.find(({ name }) => name === "cpus")?.scalar?.value).toBe(4);
  }
}

describe("a framework with many tasks", () => {
  test("has them ended before it, in entries of a few", () => {
    const cluster = busy();
    const { bench, framework } = cluster;
    for (let link = 1; link <= 5; link++) bench.toAgent(link);
    const ended: number[] = [];
    const apply = bench.registry.applyEntry.bind(bench.registry);
    bench.registry.applyEntry = (data) => {
      const applied = apply(data);
      for (const command of applied.commands) {
        if (command.kind === "end-tasks") ended.push(command.taskIds.length);
        if (command.kind === "remove-framework") ended.push(-bench.registry.taskCount);
      }
      return applied;
    };
    bench.step({ kind: "teardown", ref: 7, frameworkId: framework.id });
    settle(bench);
    expect(ended).toEqual([3, 3, 3, 3, 3, 3, 2, -0]);
    expect(bench.answers.get(7)).toMatchObject({ status: 200 });
    expect(bench.closedStreams.has(framework.streamId)).toBe(true);
    for (let link = 1; link <= 5; link++) {
      expect(bench.toAgent(link).map(({ kind }) => kind)).toEqual(["shutdown-framework"]);
    }
    expectGone(cluster);
  });

  test("is offered nothing and may not come back meanwhile; who asks again is answered, too", () => {
    const cluster = busy();
    const { bench, framework } = cluster;
    bench.autoCommit = false;
    bench.step({ kind: "teardown", ref: 7, frameworkId: framework.id });
    bench.step({ kind: "teardown", ref: 8, frameworkId: framework.id });
    expect(framework.newOffers()).toEqual([]);
    const again = bench.subscribe({ id: { value: framework.id }, name: "demo" });
    expect(bench.types(again)).toEqual(["ERROR"]);
    settle(bench);
    bench.autoCommit = true;
    bench.commit();
    settle(bench);
    expect(bench.answers.get(7)).toMatchObject({ status: 200 });
    expect(bench.answers.get(8)).toMatchObject({ status: 200 });
    expectGone(cluster);
  });

  test("whose time to return is over goes the same way, also when the log is full at times", () => {
    const cluster = busy();
    const { bench, framework } = cluster;
    bench.step({ kind: "stream-closed", streamId: framework.streamId });
    bench.autoCommit = false;
    bench.pass(3_600_000);
    settle(bench);
    bench.drop();
    expect(bench.registry.taskCount).toBe(20);
    bench.autoCommit = true;
    for (let i = 0; i < 5; i++) bench.pass(1_000);
    settle(bench);
    // The agents did not answer pings for so long.
    for (let link = 1; link <= 5; link++) bench.agent(link + 10, cluster.agents[link - 1]);
    settle(bench);
    expect(bench.registry.taskCount).toBe(0);
    expect(bench.registry.completedFrameworks.has(framework.id)).toBe(true);
    bench.core.leader?.allocator.assertConsistent();
  });

  test("is removed by the next leader when the first one goes in the middle; it may not come back", () => {
    const cluster = busy();
    const { bench, framework } = cluster;
    bench.autoCommit = false;
    bench.step({ kind: "teardown", ref: 7, frameworkId: framework.id });
    const [first] = bench.proposed;
    if (first?.kind !== "end-tasks") throw new Error(`Proposed ${first?.kind}`);
    bench.registry.applyEntry(encodeCommands([first]));
    expect(bench.registry.taskCount).toBe(20 - AT_ONCE);
    bench.step({ kind: "leadership-lost" });
    bench.drop();
    bench.autoCommit = true;
    bench.lead(2);
    const again = bench.subscribe({ id: { value: framework.id }, name: "demo" });
    settle(bench);
    expect(bench.types(again)).toEqual(["ERROR"]);
    for (const [i, id] of cluster.agents.entries()) bench.agent(i + 11, id);
    settle(bench);
    expectGone(cluster);
  });

  test("is removed in one entry while some master knows no other way", () => {
    const { bench, framework } = busy({}, 1);
    bench.autoCommit = false;
    bench.step({ kind: "teardown", ref: 7, frameworkId: framework.id });
    expect(bench.proposed.map(({ kind }) => kind)).toEqual(["remove-framework"]);
  });
});
