import { expect, test } from "bun:test";
import type { Resource } from "../../src/model/v1/resources.ts";
import type { ExecutorInfo, TaskInfo } from "../../src/model/v1/tasks.ts";
import { checkTaskGroup } from "../../src/model/validate-task-group.ts";

function scalar(name: string, value: number): Resource {
  return { name, type: "SCALAR", scalar: { value } };
}

function ports(begin: number, end: number): Resource {
  return { name: "ports", type: "RANGES", ranges: { range: [{ begin, end }] } };
}

function task(id: string, more: Partial<TaskInfo> = {}): TaskInfo {
  return {
    name: id,
    task_id: { value: id },
    agent_id: { value: "A" },
    resources: [scalar("cpus", 1)],
    command: { value: "true" },
    ...more,
  };
}

function executor(more: Partial<ExecutorInfo> = {}): ExecutorInfo {
  const resources = [scalar("cpus", 0.01), scalar("mem", 32), scalar("disk", 1)];
  return { type: "DEFAULT", executor_id: { value: "e" }, resources, ...more };
}

function check(tasks: TaskInfo[], by = executor()): string | undefined {
  return checkTaskGroup(tasks, by, { agentId: "A", frameworkId: "F" });
}

test("a valid group; a task needs no command, and may carry the same executor", () => {
  const { command: _, ...image } = task("image");
  expect(check([task("a"), image, task("b", { executor: executor() })])).toBeUndefined();
});

const SHARED = { type: "MESOS" as const, linux_info: { share_cgroups: false } };
const REFUSED: [string, TaskInfo[], ExecutorInfo | undefined, RegExp][] = [
  ["no task", [], undefined, /no tasks/],
  ["one id twice", [task("a"), task("a")], undefined, /^Task 'a' is invalid: Task has duplicate ID: a$/],
  ["a bad task", [task("a", { resources: [] })], undefined, /^Task 'a' is invalid: Task uses no resources$/],
  [
    "Docker",
    [task("a", { container: { type: "DOCKER" } })],
    undefined,
    /^Task 'a' is invalid: Docker ContainerInfo is not supported on the task$|Docker|docker/,
  ],
  [
    "limits with shared cgroups",
    [task("a", { limits: { cpus: { value: 2 } } })],
    undefined,
    /Resource limits may only be set/,
  ],
  [
    "another executor",
    [task("a", { executor: executor({ name: "other" }) })],
    undefined,
    /is different from executor 'e'/,
  ],
  ["too few cpus", [task("a")], executor({ resources: [scalar("mem", 32)] }), /uses less CPUs \(None\) than/],
  [
    "too little memory",
    [task("a")],
    executor({ resources: [scalar("cpus", 1), scalar("mem", 31), scalar("disk", 1)] }),
    /uses less memory \(31MB\) than the minimum required \(32MB\)/,
  ],
  ["no disk", [task("a")], executor({ resources: [scalar("cpus", 1), scalar("mem", 64)] }), /uses no disk$/],
  [
    "an unknown type",
    [task("a")],
    executor({ type: "UNKNOWN", command: { value: "x" } }),
    /Unknown executor type/,
  ],
  [
    "an executor that shares cgroups",
    [task("a")],
    executor({ container: { type: "MESOS", linux_info: { share_cgroups: true } } }),
    /cannot be set to 'true' on executor containers/,
  ],
  [
    "mixed share_cgroups",
    [task("a", { container: SHARED }), task("b")],
    undefined,
    /must be the same for all tasks/,
  ],
  [
    "revocable and firm cpus",
    [task("a", { resources: [{ ...scalar("cpus", 1), revocable: {} }] })],
    undefined,
    /mixes revocable and non-revocable/,
  ],
  [
    "one port in two tasks",
    [task("a", { resources: [ports(31_000, 31_001)] }), task("b", { resources: [ports(31_001, 31_002)] })],
    undefined,
    /overlapping resources .*ports:\[31001-31001\]/,
  ],
  [
    "one port in task and executor, with and without allocation",
    [task("a", { resources: [{ ...ports(31_000, 31_000), allocation_info: { role: "r" } }] })],
    executor({ resources: [...(executor().resources ?? []), ports(31_000, 31_000)] }),
    /overlapping resources/,
  ],
];

test("an executor that tasks repeat may have its fields in another order", () => {
  const given = executor();
  const turned = Object.fromEntries(Object.entries(given).reverse()) as unknown as typeof given;
  expect(check([task("a", { executor: turned })], given)).toBeUndefined();
  expect(check([task("a", { executor: { ...turned, name: "another" } })], given)).toMatch(
    /is different from/,
  );
});

test("ports of their own are fine", () => {
  const tasks = [31_000, 31_001].map((port) => task(`on-${port}`, { resources: [ports(port, port)] }));
  expect(check(tasks)).toBeUndefined();
});

test.each(REFUSED)("%s is refused", (_, tasks, by, message) => {
  expect(check(tasks, by)).toMatch(message);
});

test("limits go with cgroups of their own", () => {
  expect(check([task("a", { limits: { cpus: { value: 2 } }, container: SHARED })])).toBeUndefined();
});
