/** Calls about nested containers, from the plan to the end; see nested.ts. */
import { NESTED_CONTAINERS_MAX } from "../base/limits.ts";
import type { Exit } from "../isolation/container.ts";
import type { LaunchError } from "../isolation/runtime.ts";
import { parentContainer } from "../model/container-id.ts";
import { NESTED_PREFIX } from "./checkpoint.ts";
import { runningContainer } from "./entered-container.ts";
import type { Nested } from "./nested.ts";
import { dropNested, endInside, isInsideEnded, isOver } from "./nested-end.ts";
import { nestedSpec } from "./nested-plan.ts";
import type { NestedCall } from "./port.ts";
import { encodeNestedRecord } from "./records.ts";
import type { RecoveredNested } from "./recovery.ts";
import type { AgentState } from "./state.ts";
import type { AgentInput } from "./types.ts";

type Input<K extends AgentInput["kind"]> = Extract<AgentInput, { kind: K }>;

const SIGKILL = 9;
const SIGTERM = 15;
/** Of Linux, real-time signals included. */
const SIGNAL_MAX = 64;

/** Answered when it is launched, or will not be. */
export function nestedLaunch(state: AgentState, { call, ref }: Input<"nested-launch">): void {
  const refusal = takeLaunch(state, call, ref);
  if (refusal !== undefined) answer(state, ref, ...refusal);
}

type Answer = readonly [status: number, body: string];

function takeLaunch(state: AgentState, call: NestedCall, ref: number): Answer | undefined {
  const { containerId } = call;
  const cannot = `Failed to launch container ${containerId}`;
  const known = state.nested.get(containerId);
  if (known?.phase === "removing") return [503, `${cannot}: the one of that id is being removed; ask again`];
  // Mesos: a second call for the same container does nothing.
  if (known !== undefined) return [202, ""];
  const parentId = parentContainer(containerId);
  const parent = parentId === undefined ? undefined : runningContainer(state, parentId);
  if (parent === undefined && parentId !== undefined) {
    const why = state.pods.has(parentId)
      ? "its parent is a pod, which has no process of its own; launch it inside one of the pod's tasks"
      : "its parent does not run";
    return [400, `${cannot}: ${why}`];
  }
  if (parentId === undefined && isTasks(state, containerId)) return [202, ""];
  if (state.nested.size >= NESTED_CONTAINERS_MAX) {
    return [503, `${cannot}: the agent has ${NESTED_CONTAINERS_MAX}; remove some that have ended`];
  }
  const spec = nestedSpec(state.config, parent, call);
  if (!spec.ok) return [400, `${cannot}: ${spec.error}`];
  const nested: Nested = {
    ...{ containerId, spec: spec.value, phase: "checkpointing", exit: undefined, ref, removals: [] },
  };
  state.nested.set(containerId, nested);
  state.write({ key: NESTED_PREFIX + containerId, value: encodeNestedRecord({ spec: spec.value }) });
  state.afterwards({ kind: "launch-nested", containerId });
  return undefined;
}

function isTasks({ containers, executorContainers, pods }: AgentState, containerId: string): boolean {
  return containers.has(containerId) || executorContainers.has(containerId) || pods.has(containerId);
}

/** The record is on disk: start it, unless its parent ended meanwhile. */
export function launchNested(state: AgentState, containerId: string): void {
  const nested = state.nested.get(containerId);
  if (nested?.phase !== "checkpointing") return;
  nested.phase = "launching";
  state.emit({ kind: "launch", spec: nested.spec, latestLink: undefined });
}

export function nestedLaunched(state: AgentState, nested: Nested): void {
  if (nested.phase !== "launching") return;
  nested.phase = "running";
  answerLaunch(state, nested, 200, "");
}

/** Nothing of it runs. */
export function nestedLaunchFailed(state: AgentState, nested: Nested, error: LaunchError): void {
  const { containerId } = nested;
  answerLaunch(state, nested, 400, `Failed to launch container ${containerId}: ${error.message}`);
  state.nested.delete(containerId);
  state.write({ key: NESTED_PREFIX + containerId, value: undefined });
}

/** The runtime keeps how it ended until it is cleaned up. */
export function nestedExited(state: AgentState, nested: Nested, exit: Exit): void {
  const { containerId } = nested;
  if (isOver(nested)) return;
  nested.phase = "ended";
  nested.exit = exit;
  state.deadlines.clear(`nested-kill/${containerId}`);
  state.emit({ kind: "nested-ended", containerId, exit });
  if (parentContainer(containerId) === undefined) dropNested(state, containerId);
  else endInside(state, containerId);
}

export function nestedKill(state: AgentState, { containerId, ref, signal }: Input<"nested-kill">): void {
  answer(state, ref, ...takeKill(state, containerId, signal));
}

function takeKill(state: AgentState, containerId: string, signal: number): Answer {
  const nested = state.nested.get(containerId);
  if (nested === undefined) return notFound(containerId);
  const unknown = unknownSignal(containerId, signal);
  if (unknown !== undefined) return [400, unknown];
  const { phase } = nested;
  // As in Mesos, one that has no process yet is ended whatever the signal.
  if (signal !== SIGKILL && phase === "running") {
    state.emit({ kind: "signal", containerId, signal: signal === SIGTERM ? "SIGTERM" : signal });
  } else if (phase === "launching" || phase === "running") state.emit({ kind: "kill", containerId });
  else if (phase === "checkpointing") {
    nestedLaunchFailed(state, nested, { step: "cancelled", message: "it was killed before its start" });
  }
  return [200, ""];
}

/** Why a signal cannot be sent. */
export function unknownSignal(containerId: string, signal: number): string | undefined {
  if (signal >= 1 && signal <= SIGNAL_MAX) return undefined;
  return `Failed to kill container ${containerId}: signal ${signal} is none of 1 to ${SIGNAL_MAX}`;
}

/** It would not die. */
export function killNestedAgain(state: AgentState, containerId: string): void {
  if (state.nested.get(containerId)?.phase === "running") state.emit({ kind: "kill", containerId });
}

/** Answered when nothing is in the way of another container of its id. */
export function nestedRemove(state: AgentState, { containerId, ref }: Input<"nested-remove">): void {
  const nested = state.nested.get(containerId);
  if (nested === undefined) {
    answer(state, ref, ...notFound(containerId));
    return;
  }
  if (!isOver(nested)) {
    answer(state, ref, 500, `${cannotRemove(containerId)}: it still runs`);
    return;
  }
  nested.removals.push(ref);
  if (nested.phase === "removing") return;
  nested.phase = "removing";
  dropNested(state, containerId);
  // Mesos: MesosContainerizerProcess::remove. That of a standalone one goes when it is old enough.
  const sandbox = parentContainer(containerId) === undefined ? undefined : nested.spec.sandbox;
  state.emit({ kind: "remove-nested", containerId, sandbox });
}

/** A process that dies before this finds the record, and what is left of the container. */
export function nestedRemoved(state: AgentState, { containerId, error }: Input<"nested-removed">): void {
  const nested = state.nested.get(containerId);
  if (nested?.phase !== "removing") return;
  const refs = nested.removals.splice(0);
  if (error !== undefined) {
    nested.phase = "ended";
    for (const ref of refs) answer(state, ref, 500, `${cannotRemove(containerId)}: ${error}`);
    return;
  }
  state.nested.delete(containerId);
  state.write({ key: NESTED_PREFIX + containerId, value: undefined });
  for (const ref of refs) answer(state, ref, 200, "");
}

function cannotRemove(containerId: string): string {
  return `Failed to remove container ${containerId}`;
}

function notFound(containerId: string): Answer {
  return [404, `Container ${containerId} cannot be found`];
}

/** Parents come before what is in them. */
export function restoreNested(state: AgentState, recovered: readonly RecoveredNested[]): void {
  for (const { containerId, nested } of recovered) {
    const parent = parentContainer(containerId);
    if (nested !== undefined && (parent === undefined || isKnown(state, parent))) {
      state.nested.set(containerId, nested);
      const leftRunning = nested.phase === "running" && isInsideEnded(state, containerId);
      if (leftRunning) state.emit({ kind: "kill", containerId });
      continue;
    }
    state.write({ key: NESTED_PREFIX + containerId, value: undefined });
    state.afterwards({ kind: "remove-orphan", containerId });
  }
}

/** And with it what is inside: a root as long as it lives, others until they are removed. */
function isKnown({ containers, executorContainers, nested }: AgentState, containerId: string): boolean {
  const found = nested.get(containerId);
  if (found !== undefined) return parentContainer(containerId) !== undefined || !isOver(found);
  const root = containers.get(containerId) ?? executorContainers.get(containerId);
  return root !== undefined && root.phase !== "ended";
}

function answerLaunch(state: AgentState, nested: Nested, status: number, body: string): void {
  const { ref } = nested;
  nested.ref = undefined;
  if (ref !== undefined) answer(state, ref, status, body);
}

function answer(state: AgentState, ref: number, status: number, body: string): void {
  state.emit({ kind: "nested-answer", ref, status, body });
}
