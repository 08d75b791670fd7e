/** The sandboxes that are in use, for what looks after them: garbage collection, logs, disk limits. */
import { childContainer, parentContainer } from "../model/container-id.ts";
import { diskOf } from "../model/disk-source.ts";
import { reservationsOf } from "../model/resource-identity.ts";
import { ANY_ROLE } from "../model/roles.ts";
import type { Resource } from "../model/v1/resources.ts";
import type { CommandInfo } from "../model/v1/tasks.ts";
import { decodeBlob } from "../wire/blob.ts";
import type { Executor } from "./executor.ts";
import type { Nested } from "./nested.ts";
import { LOGGER_PREFIX } from "./output-settings.ts";
import { sandboxPath, taskSandbox, volumePath } from "./paths.ts";
import type { Pod } from "./pod.ts";
import type { SandboxNeeds, SandboxRun, VolumeUse } from "./port.ts";
import type { AgentState } from "./state.ts";
import type { Task } from "./task.ts";

const BYTES_PER_MEGABYTE = 1024 * 1024;

/** What one TaskInfo or ExecutorInfo asks for, by its blob: those of live tasks are asked again and again. */
const NEEDS = new WeakMap<Uint8Array, SandboxNeeds>();
const NOTHING: SandboxNeeds = { diskBytes: 0, volumes: [], loggerVariables: [] };

/** One for each container whose end the agent still has to tell of, or that runs. */
export function sandboxRuns(state: AgentState): readonly SandboxRun[] {
  const { agentId } = state;
  if (agentId === undefined) return [];
  const { workDir } = state.config;
  const runs: SandboxRun[] = [];
  for (const task of state.containers.values()) runs.push(taskRun(state, agentId, task));
  for (const pod of state.pods.values()) {
    const { frameworkId, executorId, containerId } = pod;
    const sandbox = sandboxPath(workDir, { agentId, frameworkId, executorId, containerId });
    const members = [...pod.tasks.values()].filter(({ phase }) => phase === "running");
    runs.push({
      ...{ containerId, sandbox, running: members.length > 0 },
      members: members.map((task) => task.containerId),
      needs: () => podNeeds(state, pod),
    });
  }
  for (const nested of state.nested.values()) {
    if (isOver(nested)) continue;
    const { containerId, phase, spec } = nested;
    const { resources, sandbox } = spec;
    // One inside another has none of its own.
    const needs = { ...NOTHING, diskBytes: resources.diskBytes };
    runs.push({ containerId, sandbox, running: phase === "running", needs: () => needs });
  }
  for (const executor of state.executors.values()) {
    const { frameworkId, executorId, containerId, phase } = executor;
    const sandbox = sandboxPath(workDir, { agentId, frameworkId, executorId, containerId });
    const needs = () => executorNeeds(state, executor);
    runs.push({ containerId, sandbox, running: phase === "running", needs });
  }
  return runs;
}

/** Of a container that is a task's own. */
export function taskSandboxRun(state: AgentState, containerId: string): SandboxRun | undefined {
  const task = state.containers.get(containerId);
  return task === undefined || state.agentId === undefined ? undefined : taskRun(state, state.agentId, task);
}

function taskRun(state: AgentState, agentId: string, task: Task): SandboxRun {
  const { containerId, phase } = task;
  const sandbox = taskSandbox(state.config.workDir, agentId, task);
  return { containerId, sandbox, running: phase === "running", needs: () => taskNeeds(state, task) };
}

/** Whether anything of the agent's still hangs on a container, its end included. */
export function holdsContainer(state: AgentState, containerId: string): boolean {
  // Before its recovery the agent does not know what it has.
  if (!state.recovered) return true;
  const { condemned, containers, executorContainers, pods } = state;
  const nested = state.nested.get(containerId);
  if (nested !== undefined && !isOver(nested)) return true;
  if (containers.has(containerId) || executorContainers.has(containerId)) return true;
  return condemned.has(containerId) || pods.has(containerId) || holdsTaskOf(state, containerId);
}

/** By itself, and nothing hangs on it but the memory of how it ended, which its sandbox is not needed for. */
function isOver({ containerId, phase }: Nested): boolean {
  return (phase === "ended" || phase === "removing") && parentContainer(containerId) === undefined;
}

/** A pod ends before all that its tasks were is told. */
function holdsTaskOf({ condemned, containers }: AgentState, podId: string): boolean {
  const inside = childContainer(podId, "");
  for (const id of containers.keys()) if (id.startsWith(inside)) return true;
  for (const id of condemned) if (id.startsWith(inside)) return true;
  return false;
}

function taskNeeds(state: AgentState, { info }: Task): SandboxNeeds {
  return remembered(info, () => {
    const { command, resources = [] } = decodeBlob("TaskInfo", info);
    return needsOf(state, command, resources);
  });
}

/** Of the pod's sandbox, in which those of its tasks are. */
export function podNeeds(state: AgentState, { info, tasks }: Pod): SandboxNeeds {
  const own = remembered(info, () =>
    needsOf(state, undefined, decodeBlob("ExecutorInfo", info).resources ?? []),
  );
  let { diskBytes } = own;
  for (const task of tasks.values()) diskBytes += taskNeeds(state, task).diskBytes;
  return { ...own, diskBytes };
}

/** Of the executor with its tasks. */
export function executorNeeds(state: AgentState, executor: Executor): SandboxNeeds {
  const own = remembered(executor.info, () => {
    const { command, resources = [] } = decodeBlob("ExecutorInfo", executor.info);
    return needsOf(state, command, resources);
  });
  let { diskBytes } = own;
  const volumes = [...own.volumes];
  for (const key of executor.tasks) {
    const task = state.tasks.get(key);
    if (task === undefined) continue;
    const needs = taskNeeds(state, task);
    diskBytes += needs.diskBytes;
    volumes.push(...needs.volumes);
  }
  return { diskBytes, volumes, loggerVariables: own.loggerVariables };
}

function remembered(info: Uint8Array, read: () => SandboxNeeds): SandboxNeeds {
  const known = NEEDS.get(info);
  if (known !== undefined) return known;
  const needs = read();
  NEEDS.set(info, needs);
  return needs;
}

function needsOf(
  state: AgentState,
  command: CommandInfo | undefined,
  resources: readonly Resource[],
): SandboxNeeds {
  const variables = (command?.environment?.variables ?? []).filter(
    ({ name, type }) => name.startsWith(LOGGER_PREFIX) && type !== "SECRET",
  );
  let diskBytes = 0;
  const volumes: VolumeUse[] = [];
  for (const resource of resources) {
    if (resource.name !== "disk") continue;
    const bytes = Math.round((resource.scalar?.value ?? 0) * BYTES_PER_MEGABYTE);
    if (resource.disk?.persistence === undefined) diskBytes += bytes;
    else volumes.push(...volumeUse(state.config.workDir, resource, bytes));
  }
  if (variables.length === 0 && volumes.length === 0 && diskBytes === 0) return NOTHING;
  const loggerVariables = variables.map(({ name, value = "" }) => [name, value] as const);
  return { diskBytes, volumes, loggerVariables };
}

/** A MOUNT disk is as large as its file system: nothing to watch. */
function volumeUse(workDir: string, resource: Resource, bytes: number): VolumeUse[] {
  const { persistence, source } = resource.disk ?? {};
  const disk = diskOf(source);
  if (persistence === undefined || disk.wholeDisk === true) return [];
  const role = reservationsOf(resource).at(-1)?.role ?? ANY_ROLE;
  return [{ path: volumePath(workDir, { role, persistenceId: persistence.id, ...disk }), bytes }];
}
