import { expect, test } from "bun:test";
import type { AgentExecutorView, AgentFrameworkView } from "../../src/agent/port.ts";
import { ok } from "../../src/base/result.ts";
import type { Limitation } from "../../src/isolation/container.ts";
import { type PortSettings, PortWatch } from "../../src/main/port-watch.ts";
import type { AgentInfo } from "../../src/model/v1/frameworks.ts";
import type { Resource } from "../../src/model/v1/resources.ts";

const ports = (begin: number, end: number): Resource => ({
  name: "ports",
  type: "RANGES",
  ranges: { range: [{ begin, end }] },
});

function executor(containerId: string, resources: Resource[], tasks: string[] = []): AgentExecutorView {
  return {
    ...{
      frameworkId: "f",
      executorId: containerId,
      containerId,
      directory: "/s",
      completed: false,
      resources,
    },
    tasks: tasks.map((taskId) => ({
      ...{ taskId, containerId: `${containerId}.${taskId}`, state: "TASK_RUNNING", statuses: [] },
      info: { name: taskId, task_id: { value: taskId }, agent_id: { value: "a" } },
    })),
    ...{ queuedTasks: [], completedTasks: [] },
  };
}

async function look(
  settings: Partial<PortSettings>,
  listening: Record<string, number[]>,
  executors: AgentExecutorView[],
  times = 1,
) {
  const killed: [string, Limitation | undefined][] = [];
  const warnings: string[] = [];
  const framework: AgentFrameworkView = {
    ...{ id: "f", completed: false, executors },
    info: { name: "f", user: "u" },
  };
  const info: AgentInfo = { hostname: "h", resources: [ports(31_000, 32_000)] };
  const note = (message: string, fields?: object): void => {
    warnings.push(`${message} ${JSON.stringify(fields)}`);
  };
  const watch = new PortWatch({
    port: { frameworks: () => [framework], info: () => info },
    runtime: {
      listening: async () => new Map(Object.entries(listening)),
      async kill(containerId, limitation) {
        killed.push([containerId, limitation]);
        return ok(undefined);
      },
    },
    settings: { intervalMs: 1, enforce: false, range: undefined, ...settings },
    log: { debug() {}, info() {}, warn: note, error: note },
  });
  for (let i = 0; i < times; i++) await watch.look();
  return { killed, warnings };
}

test("a container that listens on ports of others is ended, with Mesos' words", async () => {
  const listening = { honest: [31_001], thief: [80, 81, 31_005, 31_007] };
  const executors = [executor("honest", [ports(31_000, 31_001)]), executor("thief", [ports(31_007, 31_007)])];
  const { killed } = await look({ enforce: true }, listening, executors);
  expect(killed).toEqual([
    [
      "thief",
      {
        resource: "ports",
        usedBytes: 0,
        ports: [
          { begin: 80, end: 81 },
          { begin: 31_005, end: 31_005 },
        ],
        message: "Container thief is listening on unallocated port(s): [80-81, 31005]",
      },
    ],
  ]);
});

test("without enforcement it is said once", async () => {
  const { killed, warnings } = await look({}, { thief: [80] }, [executor("thief", [])], 3);
  expect(killed).toEqual([]);
  expect(warnings).toEqual([
    'A container listens on ports that it does not hold {"containerId":"thief","ports":"80"}',
  ]);
});

test("ports outside of the range do not count", async () => {
  const thief = [executor("thief", [])];
  const range = [{ begin: 70, end: 90 }];
  expect((await look({ enforce: true, range: "offered" }, { thief: [80] }, thief)).killed).toEqual([]);
  expect((await look({ enforce: true, range: "offered" }, { thief: [31_000] }, thief)).killed.length).toBe(1);
  expect(
    (await look({ enforce: true, range }, { thief: [80, 31_000] }, thief)).killed[0]?.[1]?.ports,
  ).toEqual([{ begin: 80, end: 80 }]);
});

test("tasks of a pod share what they hold; what belongs to no task is left alone", async () => {
  const pod = executor("pod", [ports(31_000, 31_001)], ["a", "b"]);
  const { killed } = await look({ enforce: true }, { "pod.a": [31_001], "pod.b": [80], orphan: [80] }, [pod]);
  expect(killed.map(([id]) => id)).toEqual(["pod.b"]);
});
