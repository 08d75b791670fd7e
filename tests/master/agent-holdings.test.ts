/** A leader's adopted holdings answer as those that were added one by one. */
import { expect, test } from "bun:test";
import { Random } from "../../src/base/random.ts";
import { AgentHoldings } from "../../src/master/agent-holdings.ts";
import { taskKey } from "../../src/master/memory.ts";
import { StoredResources } from "../../src/master/stored-resources.ts";
import { taskResources } from "../../src/master/task-resources.ts";
import { Resources } from "../../src/model/resources.ts";
import type { TaskInfo } from "../../src/model/v1/tasks.ts";
import { type TaskRecord, writeTask } from "../../src/registry/records.ts";
import { TaskLoader } from "../../src/registry/stored-task.ts";
import { decodeBlob, encodeBlob } from "../../src/wire/blob.ts";
import { encodeMsgpack } from "../../src/wire/msgpack.ts";

function taskInfo(taskId: string, random: Random): TaskInfo {
  const role = random.pick(["*", "web"]);
  const scalar = (name: string, value: number) =>
    ({ name, type: "SCALAR", scalar: { value }, allocation_info: { role } }) as const;
  const ports = { name: "ports", type: "RANGES", allocation_info: { role } } as const;
  const begin = random.below(1000);
  return {
    name: "π".repeat(random.below(200)),
    task_id: { value: taskId },
    agent_id: { value: "a" },
    ...(random.chance(0.1)
      ? {}
      : {
          resources: [
            scalar("cpus", 1 + random.below(3)),
            scalar("mem", 32),
            ...(random.chance(0.3) ? [{ ...ports, ranges: { range: [{ begin, end: begin + 1 }] } }] : []),
          ],
        }),
    data: new Uint8Array(random.below(400)),
  };
}

function record(taskId: string, random: Random): TaskRecord {
  return {
    taskId,
    frameworkId: `f${random.below(3)}`,
    agentId: "a",
    role: random.pick(["*", "web"]),
    info: encodeBlob("TaskInfo", taskInfo(taskId, random)),
    launchedAtMs: 1,
    state: "TASK_RUNNING",
    stateBeforeUnreachable: undefined,
    updateState: undefined,
    updateUuid: undefined,
    statuses: [],
    lastStatusState: undefined,
    runId: `run-${taskId}`,
  };
}

function tasksFor(seed: number): TaskRecord[] {
  const random = new Random(seed);
  const loader = new TaskLoader();
  return Array.from({ length: 300 }, (_, n) => {
    const task = record(`t${n}`, random);
    return random.chance(0.5) ? loader.load(encodeMsgpack(writeTask(task))) : task;
  });
}

function usedText(holdings: AgentHoldings): string[] {
  return holdings
    .used()
    .map((used) => `${used.frameworkId} ${used.role} ${used.resources}`)
    .sort();
}

test("stored resources are those of the whole TaskInfo, whether seen before or not", () => {
  const stored = new StoredResources();
  const tasks = tasksFor(1);
  const read = tasks.map((task) => stored.of(task));
  tasks.forEach((task, at) => {
    const wanted = Resources.from(infoOf(task).resources ?? []);
    if (!wanted.ok) throw new Error(wanted.error);
    expect(read[at]?.toString()).toBe(taskResources(infoOf(task)).toString());
    expect(read[at]?.equals(wanted.value.unallocated())).toBe(true);
  });
  expect(new Set(read).size).toBeLessThan(tasks.length);
});

test("what is adopted is used, found and given back like what was added", () => {
  const stored = new StoredResources();
  const tasks = tasksFor(2);
  const resources = tasks.map((task) => stored.of(task));
  const adopting = new AgentHoldings();
  const adding = new AgentHoldings();
  adopting.adopt(tasks, resources);
  tasks.forEach(({ frameworkId, taskId, role, runId }, at) => {
    adding.add({ frameworkId, taskId, role, runId, resources: resources[at] as Resources, pending: false });
  });
  const byGroup = new Map<string, Resources>();
  tasks.forEach(({ frameworkId, role }, at) => {
    const group = `${frameworkId} ${role}`;
    byGroup.set(group, (byGroup.get(group) ?? Resources.EMPTY).add(resources[at] as Resources));
  });
  const expected = [...byGroup].map(([group, sum]) => `${group} ${sum}`).sort();
  expect(usedText(adopting)).toEqual(expected);
  expect(usedText(adding)).toEqual(expected);
  expect(adopting.size).toBe(tasks.length);
  const random = new Random(3);
  for (const { frameworkId, taskId, runId } of tasks) {
    const key = taskKey(frameworkId, taskId);
    expect(adopting.get(key)).toMatchObject({ frameworkId, taskId, runId, pending: false });
    if (random.chance(0.7)) expect(adopting.delete(key)).toBe(adding.delete(key));
    expect(adopting.delete(taskKey(frameworkId, "unknown"))).toBe(false);
  }
  expect(usedText(adopting)).toEqual(usedText(adding));
  expect(adopting.size).toBe(adding.size);
});

test("launches under way stay beside what is adopted, of the same task the record counts", () => {
  const [first, second] = tasksFor(4);
  if (first === undefined || second === undefined) throw new Error("There are tasks");
  const holdings = new AgentHoldings();
  const { frameworkId, taskId, role, runId } = first;
  const launch = { frameworkId, role, runId, resources: Resources.EMPTY, pending: true };
  holdings.add({ ...launch, taskId });
  holdings.add({ ...launch, taskId: "under-way" });
  const stored = new StoredResources();
  holdings.adopt([first, second], [stored.of(first), stored.of(second)]);
  expect(holdings.size).toBe(3);
  expect(holdings.get(taskKey(frameworkId, taskId))?.pending).toBe(false);
  expect(holdings.get(taskKey(frameworkId, "under-way"))?.pending).toBe(true);
});

function infoOf(task: TaskRecord): TaskInfo {
  return decodeBlob("TaskInfo", task.info);
}
