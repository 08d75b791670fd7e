/** Events of the operator stream, made from committed state (Mesos: master.cpp, `subscribers.send`). */
import { nanosFromMs } from "../base/time.ts";
import { capabilityMessages } from "../model/agent-capabilities.ts";
import { drainMembers } from "../model/drain-info.ts";
import { toResources } from "../model/resource-format.ts";
import { taskMessage } from "../model/task-message.ts";
import type { FrameworkInfo } from "../model/v1/frameworks.ts";
import type { MasterEvent } from "../model/v1/master-events.ts";
import type {
  MasterResponseGetAgentsAgent,
  MasterResponseGetFrameworksFramework,
} from "../model/v1/master-responses.ts";
import type { TaskState, TaskStatus } from "../model/v1/tasks.ts";
import type { TaskRecord } from "../registry/records.ts";
import { decodeBlob } from "../wire/blob.ts";
import type { Leader } from "./leader.ts";
import type { AgentMemory, FrameworkMemory } from "./memory.ts";

export function frameworkAddedEvent(leader: Leader, framework: FrameworkMemory): MasterEvent {
  return { type: "FRAMEWORK_ADDED", framework_added: { framework: describe(leader, framework) } };
}

export function frameworkUpdatedEvent(leader: Leader, framework: FrameworkMemory): MasterEvent {
  return { type: "FRAMEWORK_UPDATED", framework_updated: { framework: describe(leader, framework) } };
}

export function frameworkRemovedEvent(info: FrameworkInfo): MasterEvent {
  return { type: "FRAMEWORK_REMOVED", framework_removed: { framework_info: info } };
}

/** Offers and resources are left out, as Mesos does. */
function describe(leader: Leader, framework: FrameworkMemory): MasterResponseGetFrameworksFramework {
  const record = leader.registry.frameworks.get(framework.id);
  const reregisteredAtMs = record?.reregisteredAtMs;
  return {
    framework_info: framework.info,
    active: framework.streamId !== undefined,
    connected: framework.streamId !== undefined,
    recovered: framework.recovered,
    registered_time: { nanoseconds: nanosFromMs(record?.registeredAtMs ?? leader.now.wallMs) },
    ...(reregisteredAtMs === undefined
      ? {}
      : { reregistered_time: { nanoseconds: nanosFromMs(reregisteredAtMs) } }),
  };
}

export function taskAddedEvent(record: TaskRecord): MasterEvent {
  const info = decodeBlob("TaskInfo", record.info);
  const { frameworkId, taskId, agentId, state } = record;
  const executorId = info.executor?.executor_id.value;
  const task = taskMessage({ frameworkId, taskId, agentId, executorId, state, statuses: [], info });
  return { type: "TASK_ADDED", task_added: { task } };
}

export function taskUpdatedEvent(frameworkId: string, status: TaskStatus, state: TaskState): MasterEvent {
  return { type: "TASK_UPDATED", task_updated: { framework_id: { value: frameworkId }, status, state } };
}

export function agentAddedEvent(leader: Leader, agent: AgentMemory): MasterEvent {
  const record = leader.registry.agents.get(agent.id);
  const reregisteredAtMs = record?.reregisteredAtMs;
  const description: MasterResponseGetAgentsAgent = {
    agent_info: agent.info,
    active: agent.link !== undefined && !agent.deactivated,
    deactivated: agent.deactivated,
    ...drainMembers(record?.drain),
    version: agent.version,
    pid: `slave(1)@${agent.ip}:${agent.info.port ?? 5051}`,
    registered_time: { nanoseconds: nanosFromMs(record?.registeredAtMs ?? leader.now.wallMs) },
    ...(reregisteredAtMs === undefined
      ? {}
      : { reregistered_time: { nanoseconds: nanosFromMs(reregisteredAtMs) } }),
    total_resources: toResources(agent.total),
    capabilities: capabilityMessages(agent.capabilities),
  };
  return { type: "AGENT_ADDED", agent_added: { agent: description } };
}

export function agentRemovedEvent(agentId: string): MasterEvent {
  return { type: "AGENT_REMOVED", agent_removed: { agent_id: { value: agentId } } };
}
