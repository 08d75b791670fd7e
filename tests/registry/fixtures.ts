import type { Resource } from "../../src/model/v1/resources.ts";
import type { TaskState, TaskStatus } from "../../src/model/v1/tasks.ts";
import type { ApplyOperations, Command, UpdateTask } from "../../src/registry/commands.ts";
import { encodeBlob } from "../../src/wire/blob.ts";

export const AT_MS = 1_700_000_000_000;

export function uuidOf(n: number): Uint8Array {
  const bytes = new Uint8Array(16);
  new DataView(bytes.buffer).setUint32(0, n);
  return bytes;
}

export function addFramework(id: string, partitionAware = true): Command {
  const info = encodeBlob("FrameworkInfo", {
    user: "alice",
    name: id,
    id: { value: id },
    capabilities: partitionAware ? [{ type: "PARTITION_AWARE" }] : [],
  });
  return { kind: "add-framework", frameworkId: id, info, atMs: AT_MS };
}

export function addAgent(id: string, cpus?: number): Command {
  const info = encodeBlob("AgentInfo", {
    hostname: `host-${id}`,
    id: { value: id },
    ...(cpus === undefined ? {} : { resources: [cpusOf(cpus)] }),
  });
  return {
    kind: "add-agent",
    agentId: id,
    info,
    ip: "10.0.0.1",
    version: "1.0.0",
    capabilities: ["MULTI_ROLE"],
    atMs: AT_MS,
  };
}

export function cpusOf(value: number, role?: string): Resource {
  return {
    name: "cpus",
    type: "SCALAR",
    scalar: { value },
    ...(role === undefined ? {} : { reservations: [{ type: "DYNAMIC" as const, role }] }),
  };
}

/** Reserves cpus, or with a negative number frees them. */
export function reserveCpus(
  agentId: string,
  role: string,
  cpus: number,
  operation?: { readonly frameworkId: string; readonly operationId: string; readonly n: number },
): ApplyOperations {
  const [free, reserved] = [cpusOf(Math.abs(cpus)), cpusOf(Math.abs(cpus), role)];
  const blob = (resource: Resource): Uint8Array[] => [encodeBlob("Resource", resource)];
  const tracked = operation && {
    operationId: operation.operationId,
    info: encodeBlob("OfferOperation", { type: "RESERVE", reserve: { resources: [reserved] } }),
    status: encodeBlob("OperationStatus", {
      state: "OPERATION_FINISHED",
      uuid: { value: uuidOf(operation.n) },
    }),
    statusUuid: uuidOf(operation.n),
  };
  return {
    kind: "apply-operations",
    changeId: "change-1",
    frameworkId: operation?.frameworkId,
    agentId,
    consumed: blob(cpus > 0 ? free : reserved),
    converted: blob(cpus > 0 ? reserved : free),
    operations: tracked === undefined ? [] : [tracked],
  };
}

export function reregister(id: string, cpus?: number): Command {
  const command = addAgent(id, cpus);
  return {
    ...(command as Extract<Command, { kind: "add-agent" }>),
    kind: "reregister-agent",
    atMs: AT_MS + 5,
  };
}

export function launch(frameworkId: string, agentId: string, ...taskIds: string[]): Command {
  return launchRun("run-1", frameworkId, agentId, ...taskIds);
}

export function launchRun(
  runId: string,
  frameworkId: string,
  agentId: string,
  ...taskIds: string[]
): Command {
  const tasks = taskIds.map((taskId) => ({
    taskId,
    runId,
    info: encodeBlob("TaskInfo", { name: taskId, task_id: { value: taskId }, agent_id: { value: agentId } }),
  }));
  return { kind: "launch-tasks", frameworkId, agentId, role: "*", tasks, atMs: AT_MS, needs: [] };
}

/** Its tasks start together or not at all. */
export function launchGroup(
  runId: string,
  frameworkId: string,
  agentId: string,
  ...taskIds: string[]
): Command {
  const launch = launchRun(runId, frameworkId, agentId, ...taskIds);
  return launch.kind === "launch-tasks" ? { ...launch, kind: "launch-group" } : launch;
}

export function update(
  frameworkId: string,
  taskId: string,
  agentId: string,
  state: TaskState,
  n: number,
  latestState: TaskState = state,
  runId?: string,
): UpdateTask {
  const status: TaskStatus = {
    task_id: { value: taskId },
    state,
    uuid: uuidOf(n),
    timestamp: AT_MS / 1000 + n,
  };
  return {
    kind: "update-task",
    frameworkId,
    taskId,
    agentId,
    state,
    latestState,
    uuid: uuidOf(n),
    status: encodeBlob("TaskStatus", status),
    runId,
  };
}
