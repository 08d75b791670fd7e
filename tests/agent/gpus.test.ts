import { expect, test } from "bun:test";
import type { AgentEffect } from "../../src/agent/types.ts";
import type { ContainerResources } from "../../src/isolation/container.ts";
import type { ExecutorInfo, TaskInfo } from "../../src/model/v1/tasks.ts";
import { AgentBench, CONFIG } from "./agent-bench.ts";

const scalar = (name: string, value: number) => ({ name, type: "SCALAR" as const, scalar: { value } });
const resources = [scalar("cpus", 4), scalar("mem", 1_024), scalar("gpus", 4)];
const withGpus = (gpus: number): Partial<TaskInfo> => ({
  resources: [scalar("cpus", 0.5), scalar("gpus", gpus)],
});

function bench(): AgentBench {
  return AgentBench.registered({ config: { info: { ...CONFIG.info, resources } } });
}

/** What containers are launched with, and resized to, while `act` runs. */
function given(agent: AgentBench, act: () => void): ContainerResources[] {
  const seen: ContainerResources[] = [];
  const { step } = agent.core;
  const note = (effect: AgentEffect): void => {
    if (effect.kind === "launch") seen.push(effect.spec.resources);
    if (effect.kind === "resize") seen.push(effect.resources);
  };
  agent.core.step = (input, now) => {
    const effects = step.call(agent.core, input, now);
    effects.forEach(note);
    return effects;
  };
  act();
  agent.core.step = step;
  return seen;
}

test("a container gets the GPUs of its task", () => {
  const agent = bench();
  const [two, none] = given(agent, () => {
    agent.run("two", withGpus(2));
    agent.run("none");
  });
  expect(two?.gpus).toBe(2);
  expect(none).toBeDefined();
  expect(none).not.toHaveProperty("gpus");
});

test("an executor holds those of its tasks", () => {
  const agent = bench();
  const command = { value: "my-executor" };
  const executor: ExecutorInfo = { type: "CUSTOM", executor_id: { value: "e" }, command, resources: [] };
  const task = { ...withGpus(1), command: undefined, executor };
  const [launched] = given(agent, () => agent.run("a", task as unknown as Partial<TaskInfo>));
  expect(launched?.gpus).toBe(1);
});

test("each task of a pod holds its own; the pod's executor, without a process, can hold none", () => {
  const executor: ExecutorInfo = {
    type: "DEFAULT",
    executor_id: { value: "e" },
    resources: [scalar("cpus", 0.1)],
  };
  const agent = bench();
  const specs = given(agent, () => agent.runGroup(["a", "b"], { ...withGpus(1), executor }));
  expect(specs.map(({ gpus }) => gpus)).toEqual([1, 1]);

  const other = bench();
  const greedy = { ...executor, resources: [scalar("gpus", 1)] };
  expect(given(other, () => other.runGroup(["a"], { ...withGpus(1), executor: greedy }))).toEqual([]);
  expect(other.warnings).toContain("Cannot launch a task");
});

test("more than the agent has are refused", () => {
  const agent = bench();
  expect(given(agent, () => agent.run("a", withGpus(5)))).toEqual([]);
  expect(agent.warnings).toContain("Refused a task");
});
