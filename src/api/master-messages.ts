/** The master's views as v1 messages: what GET_* calls and operator events carry. */

import { nanosFromMs } from "../base/time.ts";
import { MESOS_API_VERSION } from "../base/version.ts";
import type { AgentView, FrameworkView, MasterAddress, TaskView } from "../master/port.ts";
import { capabilityMessages } from "../model/agent-capabilities.ts";
import { drainMembers } from "../model/drain-info.ts";
import { MASTER_CAPABILITIES } from "../model/master-capabilities.ts";
import { taskMessage } from "../model/task-message.ts";
import type { MasterInfo } from "../model/v1/frameworks.ts";
import type { TimeInfo } from "../model/v1/ids.ts";
import type {
  MasterResponseGetAgentsAgent,
  MasterResponseGetExecutorsExecutor,
  MasterResponseGetFrameworksFramework,
} from "../model/v1/master-responses.ts";
import type { ExecutorInfo, Task } from "../model/v1/tasks.ts";
import { endpointResource } from "./resource-text.ts";

export function masterTask({ frameworkId, taskId, agentId, state, statuses, info }: TaskView): Task {
  const executorId = info.executor?.executor_id.value;
  return taskMessage({ frameworkId, taskId, agentId, executorId, state, statuses, info });
}

/** Executors that frameworks brought, each once for an agent, in the order of their first mention. */
export class ExecutorNotes {
  readonly #executors = new Map<string, MasterResponseGetExecutorsExecutor>();

  add(info: ExecutorInfo, frameworkId: string, agentId: string): void {
    this.#executors.set(JSON.stringify([frameworkId, agentId, info.executor_id.value]), {
      executor_info: { ...info, framework_id: { value: frameworkId } },
      agent_id: { value: agentId },
    });
  }

  addOfTask({ info: { executor }, frameworkId, agentId }: TaskView): void {
    if (executor !== undefined) this.add(executor, frameworkId, agentId);
  }

  all(): Iterable<MasterResponseGetExecutorsExecutor> {
    return this.#executors.values();
  }
}

export function frameworkMessage(view: FrameworkView): MasterResponseGetFrameworksFramework {
  return {
    framework_info: view.info,
    active: view.active,
    connected: view.connected,
    recovered: view.recovered,
    registered_time: time(view.registeredAtMs),
    reregistered_time: time(view.reregisteredAtMs ?? view.registeredAtMs),
    ...(view.unregisteredAtMs !== undefined && { unregistered_time: time(view.unregisteredAtMs) }),
    offers: [...view.offers],
    ...(view.inverseOffers.length > 0 && { inverse_offers: [...view.inverseOffers] }),
    allocated_resources: view.used.map(endpointResource),
    offered_resources: view.offered.map(endpointResource),
    offer_constraints: view.constraints ?? {},
  };
}

export function agentMessage(view: AgentView): MasterResponseGetAgentsAgent {
  return {
    agent_info: view.info,
    active: view.active,
    deactivated: view.deactivated,
    ...drainMembers(view.drain),
    version: view.version,
    pid: agentPid(view.ip, view.info.port),
    registered_time: time(view.registeredAtMs),
    ...(view.reregisteredAtMs !== undefined && { reregistered_time: time(view.reregisteredAtMs) }),
    total_resources: view.total.map(endpointResource),
    allocated_resources: view.used.map(endpointResource),
    offered_resources: view.offered.map(endpointResource),
    capabilities: capabilityMessages(view.capabilities),
  };
}

/** Port of an agent whose info names none (AgentInfo.port). */
const DEFAULT_AGENT_PORT = 5051;

/** libprocess' address of an agent; clients parse it. */
export function agentPid(ip: string, port: number | undefined): string {
  return `slave(1)@${ip}:${port ?? DEFAULT_AGENT_PORT}`;
}

export function masterPid(address: MasterAddress): string {
  return `master@${address.ip}:${address.port}`;
}

export function masterInfoMessage(address: MasterAddress): MasterInfo {
  return {
    id: address.id,
    ip: ipNumber(address.ip),
    port: address.port,
    pid: masterPid(address),
    hostname: address.hostname,
    version: MESOS_API_VERSION,
    address: { hostname: address.hostname, ip: address.ip, port: address.port },
    ...(address.domain === undefined ? {} : { domain: address.domain }),
    capabilities: MASTER_CAPABILITIES.map((type) => ({ type })),
  };
}

/** An IPv4 address as MasterInfo.ip has it: bytes in network order, read as a little-endian number. */
function ipNumber(ip: string): number {
  const bytes = ip.split(".").map(Number);
  if (bytes.length !== 4 || !bytes.every((byte) => byte >= 0 && byte <= 255)) return 0;
  return bytes.reduceRight((number, byte) => number * 256 + byte, 0);
}

function time(ms: number): TimeInfo {
  return { nanoseconds: nanosFromMs(ms) };
}
