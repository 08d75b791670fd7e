import { describe, expect, test } from "bun:test";
import type { AgentExecutorView, AgentFrameworkView } from "../../src/agent/port.ts";
import { fail, ok } from "../../src/base/result.ts";
import type { Limitation } from "../../src/isolation/container.ts";
import { Flags } from "../../src/main/flags.ts";
import { LOAD_FLAGS, type LoadSettings, LoadWatch, readLoadSettings } from "../../src/main/load-watch.ts";
import type { Resource } from "../../src/model/v1/resources.ts";

const FIRM: Resource = { name: "cpus", type: "SCALAR", scalar: { value: 1 } };
const LENT: Resource = { ...FIRM, revocable: {} };

/** Its container is named as it is. */
function executor(id: string, resources: Resource[], tasks: string[] = []): AgentExecutorView {
  return {
    ...{ frameworkId: "f", executorId: id, containerId: id, directory: "/s", completed: false, resources },
    tasks: tasks.map((containerId) => ({
      ...{ taskId: containerId, containerId, state: "TASK_RUNNING", statuses: [] },
      info: { name: "t", task_id: { value: containerId }, agent_id: { value: "a" } },
    })),
    ...{ queuedTasks: [], completedTasks: [] },
  };
}

async function look(
  load: readonly number[],
  executors: AgentExecutorView[],
  thresholds: Partial<LoadSettings> = { fiveMinutes: 4, fifteenMinutes: 2 },
  kills = true,
) {
  const killed: [string, Limitation | undefined][] = [];
  const framework: AgentFrameworkView = {
    ...{ id: "f", completed: false, executors },
    info: { name: "f", user: "u" },
  };
  const none = { fiveMinutes: undefined, fifteenMinutes: undefined };
  const watch = new LoadWatch({
    port: { frameworks: () => [framework] },
    runtime: {
      async kill(containerId, limitation) {
        killed.push([containerId, limitation]);
        return kills ? ok(undefined) : fail("stuck");
      },
    },
    settings: { intervalMs: 1, ...none, ...thresholds },
    log: { debug() {}, info() {}, warn() {}, error() {} },
    load: () => load,
  });
  await watch.look();
  return { killed, preempted: watch.metrics()["slave/executors_preempted"] };
}

describe("the load controller", () => {
  const both = [executor("firm", [FIRM], ["firm"]), executor("lent", [FIRM, LENT], ["lent"])];

  test("ends those who hold revocable resources, when either load is too high", async () => {
    const message = "Container preempted by QoS correction";
    const expected = { killed: [["lent", { resource: "load", usedBytes: 0, message }]], preempted: 1 };
    expect(await look([0, 4.1, 0], both)).toEqual(expected as never);
    expect(await look([0, 0, 2.1], both)).toEqual(expected as never);
    expect((await look([0, 9, 2.1], both, { fifteenMinutes: 2 })).preempted).toBe(1);
  });

  test("leaves all alone as long as it is not", async () => {
    expect(await look([9, 4, 2], both)).toEqual({ killed: [], preempted: 0 });
    expect(await look([9, 9, 1], both, { fifteenMinutes: 2 })).toEqual({ killed: [], preempted: 0 });
  });

  test("of a pod the tasks, of an executor its container, of an ended one nothing", async () => {
    const pod = executor("pod", [LENT], ["pod.a", "pod.b"]);
    const idle = executor("idle", [LENT]);
    const shared = executor("shared", [LENT], ["shared", "shared"]);
    const ended = { ...executor("ended", [LENT]), completed: true };
    const { killed, preempted } = await look([0, 5, 0], [pod, idle, shared, ended]);
    expect(killed.map(([id]) => id)).toEqual(["pod.a", "pod.b", "idle", "shared"]);
    expect(preempted).toBe(3);
  });

  test("counts no one who could not be ended", async () => {
    expect((await look([0, 5, 0], both, { fiveMinutes: 4 }, false)).preempted).toBe(0);
  });
});

describe("its flags", () => {
  function read(given: Record<string, string>): unknown {
    const words = new Map(Object.entries(given).map(([name, value]) => [name, [value]]));
    return readLoadSettings(new Flags(LOAD_FLAGS, words, {}));
  }

  test("nobody looks unless asked to", () => {
    expect(read({})).toBeUndefined();
    expect(read({ "qos-controller": "load", "qos-load-threshold-5min": "7.5" })).toEqual({
      intervalMs: 15_000,
      fiveMinutes: 7.5,
      fifteenMinutes: undefined,
    });
  });

  test.each([
    [{ "qos-controller": "best" }, "noop or load"],
    [{ "qos-controller": "load" }, "--qos-load-threshold-5min or --qos-load-threshold-15min beside it"],
    [{ "qos-load-threshold-15min": "2" }, "--qos-controller load beside it"],
    [{ "qos-controller": "load", "qos-load-threshold-5min": "high" }, "a number"],
  ])("%o is refused", (given, why) => {
    expect(() => read(given)).toThrow(why);
  });
});
