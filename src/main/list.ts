/** `mesh tasks`, `mesh agents`, `mesh frameworks`: tables for people, JSON for programs. */
import { hostPort } from "../base/host-port.ts";
import type { MasterResponseGetAgentsAgent } from "../model/v1/master-responses.ts";
import type { Resource } from "../model/v1/resources.ts";
import type { TaskStatus } from "../model/v1/tasks.ts";
import { allTasks } from "./client/find-task.ts";
import { MasterClient } from "./client/master-client.ts";
import { operatorCall } from "./client/operator-client.ts";
import { print } from "./client/output.ts";
import { formatAge, formatTable } from "./client/table.ts";

export interface ListOptions {
  readonly masters: readonly string[];
  readonly json: boolean;
}

export async function listTasks(options: ListOptions): Promise<void> {
  const tasks = await allTasks(new MasterClient(options.masters));
  if (options.json) {
    await printJson(tasks);
    return;
  }
  const rows = tasks.map((task) => [
    task.task_id.value,
    task.name,
    task.state,
    health(task.statuses?.at(-1)),
    amounts(task.resources),
    task.agent_id.value,
    task.framework_id.value,
    age(task.statuses?.at(-1)?.timestamp),
    doing(task.statuses?.at(-1)),
  ]);
  await printTable(
    ["TASK", "NAME", "STATE", "HEALTH", "RESOURCES", "AGENT", "FRAMEWORK", "SINCE", "DOING"],
    rows,
    "No tasks",
  );
}

/** The pid is "slave(1)@ip:port", without brackets. */
function addressOf({ pid }: MasterResponseGetAgentsAgent): string {
  const address = pid?.split("@")[1] ?? "";
  const colon = address.lastIndexOf(":");
  return colon < 0 ? address : hostPort(address.slice(0, colon), address.slice(colon + 1));
}

export async function listAgents(options: ListOptions): Promise<void> {
  const response = await operatorCall(new MasterClient(options.masters), { type: "GET_AGENTS" });
  const agents = response.get_agents?.agents ?? [];
  const recovered = response.get_agents?.recovered_agents ?? [];
  if (options.json) {
    await printJson({ agents, recovered_agents: recovered });
    return;
  }
  const rows = agents.map((agent) => [
    agent.agent_info.id?.value ?? "",
    agent.agent_info.hostname,
    addressOf(agent),
    stateOf(agent),
    amounts(agent.total_resources),
    amounts(agent.allocated_resources),
  ]);
  for (const agent of recovered)
    rows.push([agent.id?.value ?? "", agent.hostname, "", "not back yet", "", ""]);
  await printTable(["AGENT", "HOSTNAME", "ADDRESS", "STATE", "TOTAL", "USED"], rows, "No agents");
}

function stateOf({ active, deactivated, drain_info }: MasterResponseGetAgentsAgent): string {
  if (drain_info !== undefined) return drain_info.state.toLowerCase();
  if (deactivated === true) return "deactivated";
  return active ? "active" : "inactive";
}

export async function listFrameworks(options: ListOptions): Promise<void> {
  const response = await operatorCall(new MasterClient(options.masters), { type: "GET_FRAMEWORKS" });
  const running = response.get_frameworks?.frameworks ?? [];
  const completed = response.get_frameworks?.completed_frameworks ?? [];
  if (options.json) {
    await printJson({ frameworks: running, completed_frameworks: completed });
    return;
  }
  const rows = [...running, ...completed].map((framework) => [
    framework.framework_info.id?.value ?? "",
    framework.framework_info.name,
    framework.framework_info.user,
    (framework.framework_info.roles ?? [framework.framework_info.role ?? "*"]).join(","),
    completed.includes(framework) ? "completed" : framework.connected ? "connected" : "disconnected",
    amounts(framework.allocated_resources),
  ]);
  await printTable(["FRAMEWORK", "NAME", "USER", "ROLES", "STATE", "USED"], rows, "No frameworks");
}

/** What its start waits for, where that takes long. */
function doing(status: TaskStatus | undefined): string {
  return status?.state === "TASK_STAGING" ? (status.message ?? "") : "";
}

/** As its health check says; nothing without one, or before it said anything. */
function health(status: TaskStatus | undefined): string {
  if (status?.healthy === undefined) return "";
  return status.healthy ? "healthy" : "unhealthy";
}

/** `cpus 0.5, mem 64`: scalars only, summed over roles. */
function amounts(resources: readonly Resource[] | undefined): string {
  const sums = new Map<string, number>();
  for (const { name, scalar } of resources ?? []) {
    if (scalar !== undefined) sums.set(name, (sums.get(name) ?? 0) + scalar.value);
  }
  return [...sums].map(([name, value]) => `${name} ${Number(value.toFixed(3))}`).join(", ");
}

function age(timestampSeconds: number | undefined): string {
  return timestampSeconds === undefined ? "" : formatAge(Date.now() / 1000 - timestampSeconds);
}

async function printTable(
  heading: readonly string[],
  rows: readonly (readonly string[])[],
  empty: string,
): Promise<void> {
  await print(rows.length === 0 ? empty : formatTable(heading, rows));
}

/** Bytes as base64, as in the API's own JSON. */
async function printJson(value: unknown): Promise<void> {
  const text = JSON.stringify(
    value,
    (_key, item: unknown) => (item instanceof Uint8Array ? Buffer.from(item).toString("base64") : item),
    2,
  );
  await print(text);
}
