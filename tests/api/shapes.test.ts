/**
 * Key paths and types of answers beside those recorded from a Mesos master
 * and agent. Paths that depend on what ran there (task groups, statistics)
 * are listed with the reason.
 */
import { describe, expect, test } from "bun:test";
import type { Handler } from "../../src/api/context.ts";
import { agentApi, masterApi } from "../../src/api/routes.ts";
import { agentContext, masterContext } from "../support/api-context.ts";
import { AGENT, COMPLETED_FRAMEWORK, FRAMEWORK, taskView } from "../support/cluster-sample.ts";
import { compareShapes, recordedShape, shapeOf } from "../support/json-shape.ts";
import { MemoryAgentPort } from "../support/memory-agent-port.ts";
import { MemoryMasterPort } from "../support/memory-master-port.ts";

type Differences = readonly (readonly [pattern: RegExp, reason: string])[];

interface Known {
  /** Recorded paths that mesh does not answer for its sample. */
  readonly absent: Differences;
  /** Paths that mesh answers beyond the recording. */
  readonly beyond: Differences;
}

const MASTER: Known = {
  absent: [
    [/^flags\./, "mesh has its own flags"],
    [/executors\[\]/, "executors of the recorded task groups"],
    [/container_id\.parent/, "nested containers of the recorded task groups"],
    [/tasks\.tasks\[\]\.executor_id/, "v1 tasks of task groups name their executor, command tasks do not"],
    [/agent_info\.checkpoint$/, "a field of v0 that the v1 message lacks: strict clients refuse it"],
    [/^roles\[\]\.[a-z.]*\.(cpus|mem|disk)$/, "amounts of the recorded cluster, which held more"],
    [/completed_frameworks\[\]\.completed_tasks\[\]/, "the sample's completed framework has no tasks left"],
  ],
  beyond: [
    [/git_tag$/, "mesh's own version"],
    [/^flags\./, "mesh has its own flags"],
    [/frameworks\[\]\.completed_tasks\[\]/, "no recorded framework had running and completed tasks"],
    [/get_tasks\.tasks\[\]\.statuses\[\]\.message$/, "every status of the sample has one"],
  ],
};

const AGENT_SIDE: Known = {
  absent: [
    [/^flags\./, "mesh has its own flags"],
    [/container_id\.parent/, "nested containers of the recorded task groups"],
    [/statistics(\.|$)/, "the sample's machine gives none"],
    [/executor_pid$/, "no process of an executor"],
    [/executor_info\.command\.arguments/, "the command line of Mesos' own executor"],
    [/executors\[\](\.executor_info)?\.type$/, "executors of the recorded task groups"],
    [/launched_tasks\[\]\.executor_id/, "tasks of the recorded task groups; command tasks name no executor"],
  ],
  beyond: [
    [/git_tag$/, "mesh's own version"],
    [/^flags\./, "mesh has its own flags"],
    [/launched_tasks\[\]\.statuses\[\]\.message$/, "every status of the sample has one"],
  ],
};

const unknown = (paths: readonly string[], known: Differences): string[] =>
  paths.filter((path) => !known.some(([pattern]) => pattern.test(path)));

function master(): Handler {
  const port = new MemoryMasterPort();
  port.contents.frameworks.push(FRAMEWORK);
  port.contents.completedFrameworks.push(COMPLETED_FRAMEWORK);
  port.contents.agents.push(AGENT);
  port.contents.weights.set("r1", 2);
  const amounts = new Map([["cpus", 1_000]]);
  port.contents.quotas.set("r1", { guarantees: amounts, limits: amounts });
  port.contents.tasks.push(taskView("t-run", "TASK_RUNNING"));
  port.contents.completedTasks.push(taskView("t-end", "TASK_FINISHED"));
  return masterApi(masterContext(port));
}

async function compare(name: string, handler: Handler, path: string, call?: string): Promise<void> {
  const url = `http://127.0.0.1${path}`;
  const headers = { "Content-Type": "application/json" };
  const body = call === undefined ? undefined : JSON.stringify({ type: call });
  const request = body === undefined ? new Request(url) : new Request(url, { method: "POST", headers, body });
  const answer = await handler(request);
  expect(answer.status).toBe(200);
  expect(answer.headers.get("Content-Type")).toBe("application/json");
  const known = name.startsWith("master") ? MASTER : AGENT_SIDE;
  const difference = compareShapes(await recordedShape(name), shapeOf(await answer.json()));
  expect({
    missing: unknown(difference.missing, known.absent),
    extra: unknown(difference.extra, known.beyond),
    types: difference.types,
  }).toEqual({ missing: [], extra: [], types: [] });
}

describe("master", () => {
  for (const path of [
    "state",
    "state-summary",
    "slaves",
    "frameworks",
    "tasks",
    "roles",
    "version",
    "quota",
    "weights",
  ]) {
    test(`/${path}`, () => compare(`master-${path}`, master(), `/master/${path}`));
  }
  for (const call of [
    ...["GET_STATE", "GET_AGENTS", "GET_FRAMEWORKS", "GET_TASKS", "GET_ROLES", "GET_OPERATIONS"],
    ...["GET_MASTER", "GET_VERSION", "GET_LOGGING_LEVEL", "GET_QUOTA", "GET_WEIGHTS"],
  ]) {
    test(call, () => compare(`master-v1-${call}`, master(), "/api/v1", call));
  }
});

test("a task's discovery info is shown as it was given", async () => {
  const port = new MemoryMasterPort();
  const task = taskView("t", "TASK_RUNNING");
  const discovery = {
    visibility: "CLUSTER" as const,
    name: "web",
    environment: "live",
    location: "eu",
    version: "3",
    ports: { ports: [{ number: 8080, name: "http", protocol: "tcp" }] },
    labels: { labels: [{ key: "team", value: "a" }] },
  };
  port.contents.frameworks.push(FRAMEWORK);
  port.contents.agents.push(AGENT);
  port.contents.tasks.push({ ...task, info: { ...task.info, discovery } });
  const handler = masterApi(masterContext(port));
  const json = async (path: string, call?: string): Promise<string> => {
    const url = `http://127.0.0.1${path}`;
    const headers = { "Content-Type": "application/json" };
    const body = JSON.stringify({ type: call });
    const request =
      call === undefined ? new Request(url) : new Request(url, { method: "POST", headers, body });
    return (await handler(request)).text();
  };
  const shown = `"discovery":${JSON.stringify(discovery)}`;
  expect(await json("/state")).toContain(shown);
  expect(await json("/tasks")).toContain(shown);
  expect(await json("/api/v1", "GET_TASKS")).toContain(shown);
});

describe("agent", () => {
  const agent = (): Handler => agentApi(agentContext(new MemoryAgentPort()));
  test("/state", () => compare("agent-state", agent(), "/slave(1)/state"));
  test("/containers", () => compare("agent-containers", agent(), "/containers"));
  const USED = {
    timestamp: 1_763_805_489.25,
    cpus_soft_limit: 0.1,
    cpus_user_time_secs: 0.25,
    cpus_system_time_secs: 0.5,
    mem_limit_bytes: 33_554_432,
    mem_soft_limit_bytes: 33_554_432,
    mem_rss_bytes: 1_048_576,
  };
  const measured = (): Handler =>
    agentApi({ ...agentContext(new MemoryAgentPort()), containerStatistics: async () => USED });
  test("/monitor/statistics", () => compare("agent-monitor-statistics", measured(), "/monitor/statistics"));
  for (const path of ["/monitor/statistics", "/containers"]) {
    test(`${path} tells what containers use`, async () => {
      const answer = await measured()(new Request(`http://127.0.0.1${path}`));
      const shown = (await answer.json()) as readonly { readonly statistics: object }[];
      expect(shown.length).toBeGreaterThan(0);
      for (const { statistics } of shown) expect(statistics).toEqual(USED);
    });
  }
  for (const call of [
    ...["GET_AGENT", "GET_CONTAINERS", "GET_EXECUTORS", "GET_FRAMEWORKS", "GET_TASKS", "GET_STATE"],
    "GET_VERSION",
  ]) {
    test(call, () => compare(`agent-v1-${call}`, agent(), "/slave%281%29/api/v1", call));
  }
});
