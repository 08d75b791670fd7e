/** A small cluster in the shape of the one whose answers were recorded from a Mesos master. */
import type { AgentView, FrameworkView, TaskView } from "../../src/master/port.ts";
import type { AgentInfo, FrameworkInfo } from "../../src/model/v1/frameworks.ts";
import type { Resource } from "../../src/model/v1/resources.ts";
import type { TaskInfo, TaskState, TaskStatus } from "../../src/model/v1/tasks.ts";

export const FRAMEWORK_ID = "a03e14a4-747e-44b2-a59d-9affd2d7e8cc-0000";
export const AGENT_ID = "a03e14a4-747e-44b2-a59d-9affd2d7e8cc-S0";
const AT_MS = 1_763_805_489_250;

export function scalar(name: string, value: number, more: Partial<Resource> = {}): Resource {
  return { name, type: "SCALAR", scalar: { value }, ...more };
}

export const FRAMEWORK_INFO: FrameworkInfo = {
  user: "root",
  name: "shapes",
  id: { value: FRAMEWORK_ID },
  failover_timeout: 600,
  checkpoint: true,
  roles: ["r1"],
  capabilities: [{ type: "MULTI_ROLE" }, { type: "PARTITION_AWARE" }],
};

const ALLOCATED = { allocation_info: { role: "r1" } };

export function taskInfo(id: string, agentId = AGENT_ID): TaskInfo {
  return {
    name: `name of ${id}`,
    task_id: { value: id },
    agent_id: { value: agentId },
    resources: [scalar("cpus", 0.1, ALLOCATED), scalar("mem", 32, ALLOCATED)],
    command: { shell: true, value: "sleep 1000" },
  };
}

export function taskStatus(id: string, state: TaskState, atSeconds: number): TaskStatus {
  return {
    task_id: { value: id },
    state,
    source: "SOURCE_EXECUTOR",
    message: "text",
    agent_id: { value: AGENT_ID },
    executor_id: { value: id },
    timestamp: atSeconds,
    uuid: new Uint8Array(16).fill(7),
    container_status: {
      container_id: { value: `container-of-${id}` },
      network_infos: [{ ip_addresses: [{ protocol: "IPv4", ip_address: "127.0.0.1" }] }],
      executor_pid: 4711,
    },
  };
}

export function taskView(
  id: string,
  state: TaskState,
  atSeconds = AT_MS / 1_000,
  agentId = AGENT_ID,
): TaskView {
  return {
    frameworkId: FRAMEWORK_ID,
    taskId: id,
    agentId,
    role: "r1",
    state,
    statuses: [taskStatus(id, state, atSeconds)],
    info: taskInfo(id, agentId),
  };
}

export const FRAMEWORK: FrameworkView = {
  id: FRAMEWORK_ID,
  info: FRAMEWORK_INFO,
  suppressedRoles: [],
  constraints: undefined,
  active: true,
  connected: true,
  recovered: false,
  registeredAtMs: AT_MS,
  reregisteredAtMs: undefined,
  unregisteredAtMs: undefined,
  used: [scalar("cpus", 0.1, ALLOCATED), scalar("mem", 32, ALLOCATED)],
  offered: [],
  offers: [],
  inverseOffers: [],
};

export const COMPLETED_FRAMEWORK: FrameworkView = {
  ...FRAMEWORK,
  id: `${FRAMEWORK_ID}-old`,
  active: false,
  connected: false,
  unregisteredAtMs: AT_MS + 1_500,
  used: [],
};

const TOTAL: Resource[] = [
  scalar("cpus", 2),
  scalar("mem", 1024),
  { name: "ports", type: "RANGES", ranges: { range: [{ begin: 31000, end: 32000 }] } },
  scalar("cpus", 1, { reservations: [{ type: "STATIC", role: "r2" }] }),
];

export const AGENT_INFO: AgentInfo = {
  hostname: "127.0.0.1",
  port: 5051,
  resources: TOTAL,
  attributes: [
    { name: "rack", type: "TEXT", text: { value: "a1" } },
    { name: "zone", type: "SCALAR", scalar: { value: 3 } },
    { name: "slots", type: "RANGES", ranges: { range: [{ begin: 1, end: 5 }] } },
  ],
  id: { value: AGENT_ID },
};

export const AGENT: AgentView = {
  id: AGENT_ID,
  info: AGENT_INFO,
  ip: "127.0.0.1",
  version: "1.11.0",
  capabilities: ["MULTI_ROLE", "RESERVATION_REFINEMENT"],
  active: true,
  recovered: false,
  unreachable: false,
  deactivated: false,
  drain: undefined,
  registeredAtMs: AT_MS,
  reregisteredAtMs: undefined,
  total: TOTAL,
  used: [scalar("cpus", 0.1, ALLOCATED), scalar("mem", 32, ALLOCATED)],
  offered: [],
};
