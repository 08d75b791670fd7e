/** What handlers do with an executor: its place in the memory, its record, its stream. */
import type { ContainerResources } from "../isolation/container.ts";
import type { ExecutorEvent } from "../model/v1/executor.ts";
import { sumOfAmounts } from "./accounting.ts";
import { EXECUTOR_PREFIX } from "./checkpoint.ts";
import { resourcesOf } from "./container-plan.ts";
import { DEFAULT_EXECUTOR_TIMES, type Executor } from "./executor.ts";
import { encodeExecutorRecord } from "./records.ts";
import { executorNeeds } from "./sandbox-runs.ts";
import type { AgentState } from "./state.ts";
import type { Framework } from "./task.ts";
import type { ExecutorTimes } from "./types.ts";

export function executorTimes({ config }: AgentState): ExecutorTimes {
  return config.executorTimes ?? DEFAULT_EXECUTOR_TIMES;
}

/** Enters an executor into the maps, newly asked for or read from the checkpoint. */
export function addExecutor(state: AgentState, framework: Framework, executor: Executor): void {
  state.executors.set(executor.key, executor);
  state.executorContainers.set(executor.containerId, executor);
  framework.executors.add(executor.key);
  state.usage.add(executor.amounts);
}

export function writeExecutor(state: AgentState, executor: Executor): void {
  state.write({ key: EXECUTOR_PREFIX + executor.key, value: encodeExecutorRecord(executor) });
}

/** False when it has no stream, or was not greeted on it. */
export function sendEvent(state: AgentState, executor: Executor, event: ExecutorEvent): boolean {
  const { streamId } = executor;
  if (streamId === undefined || !executor.greeted) return false;
  state.emit({ kind: "executor-event", streamId, event });
  return true;
}

export function closeStream(state: AgentState, executor: Executor, reason: string): void {
  const { streamId } = executor;
  if (streamId === undefined) return;
  executor.streamId = undefined;
  executor.greeted = false;
  state.deadlines.clear(`executor-heartbeat/${executor.key}`);
  state.emit({ kind: "close-executor-stream", streamId, reason });
}

/** Its own and those of its tasks (RES-39). */
export function executorResources(state: AgentState, executor: Executor): ContainerResources {
  const tasks = [...executor.tasks].flatMap((key) => state.tasks.get(key) ?? []);
  const { diskBytes } = executorNeeds(state, executor);
  return { ...resourcesOf(sumOfAmounts([executor, ...tasks])), diskBytes };
}

/** Its tasks are others than before. */
export function resizeExecutor(state: AgentState, executor: Executor): void {
  if (executor.phase !== "running") return;
  const { containerId } = executor;
  state.emit({ kind: "resize", containerId, resources: executorResources(state, executor) });
}
