/**
 * The agent: takes tasks from the leading master, has them run in containers,
 * and tells how they fare until the framework has acknowledged it.
 *
 * This folder is a core but for run.ts: synchronous, deterministic, without
 * IO. It decides; the pump (run.ts) carries its effects out through the
 * container runtime (src/isolation), the checkpoint store and the link to the
 * master, and brings back what came of them as inputs. It does not know how a
 * container is isolated (src/isolation), nor anything of offers and roles
 * (the master's business).
 *
 *     inputs  master's messages, ends of containers, writes done, time
 *     outputs launches, signals, kills, checkpoint writes, messages
 *
 * | file              | job                                          |
 * |-------------------|----------------------------------------------|
 * | types.ts          | inputs and effects                           |
 * | registration.ts   | finding the leader, registering, silence     |
 * | task-runs.ts      | which run of a task id a message means       |
 * | run-task.ts       | RunTask to running container                 |
 * | kill-task.ts      | SIGTERM, grace period, SIGKILL               |
 * | end-task.ts       | exits; containers that nobody wants any more |
 * | checks.ts         | health checks and checks of running tasks    |
 * | executor.ts       | frameworks' own executors: see there         |
 * | pod.ts            | task groups of the built-in one: see there   |
 * | nested.ts         | containers inside others, by call: see there |
 * | drain.ts          | ending all tasks for an operator             |
 * | stop.ts           | leaving the cluster, being refused           |
 * | status-updates.ts | one acknowledged stream of updates a task    |
 * | recovery.ts       | what an agent restart means for each task    |
 * | update-volumes.ts | which persistent volumes there are         |
 * | checkpoint.ts     | what is on disk                              |
 * | paths.ts          | the work directory                           |
 */
import { AGENT_DEFERRED_PER_STEP_MAX } from "../base/limits.ts";
import type { Log } from "../base/log.ts";
import type { Random } from "../base/random.ts";
import type { Instant } from "../base/time.ts";
import type { MasterToAgent } from "../model/agent-protocol.ts";
import { isCheckKind } from "./check-rules.ts";
import { checkDue, checked } from "./checks.ts";
import { drainTasks } from "./drain.ts";
import { abandonExecutors, executorDue, isExecutorDeadline, shutdownExecutor } from "./end-executor.ts";
import { settlePods, shutdownPod } from "./end-pod.ts";
import { condemn, exited, killFailed, orphanLeft, removeFramework } from "./end-task.ts";
import { executorKey } from "./executor.ts";
import { executorCall, executorStreamClosed, executorSubscribe, greetExecutor } from "./executor-calls.ts";
import { executorExited, executorLaunched, executorLaunchFailed, launchExecutor } from "./executor-launch.ts";
import { sendEvent } from "./executor-state.ts";
import { completionTimeReached, terminate } from "./kill-task.ts";
import {
  killNestedAgain,
  launchNested,
  nestedExited,
  nestedKill,
  nestedLaunch,
  nestedLaunched,
  nestedLaunchFailed,
  nestedRemove,
  nestedRemoved,
} from "./nested-calls.ts";
import { findPod } from "./pod-state.ts";
import {
  disconnect,
  heard,
  leaderFound,
  leaderNotFound,
  linkClosed,
  linkOpened,
  registered,
  registrationDeadline,
} from "./registration.ts";
import { restore } from "./restore.ts";
import { deliverTasks } from "./run-executor-task.ts";
import { launched, launchFailed, launchProgress, launchTask } from "./run-task.ts";
import { runTaskGroup, startWaitingGroups } from "./run-task-group.ts";
import { AgentState, type Deferred } from "./state.ts";
import { acknowledge, resendUpdates, retryHead, sendHead } from "./status-updates.ts";
import { beginStop, sayGoodbye, stopWhenEmpty } from "./stop.ts";
import { killRun, runTask, startSuccessors } from "./task-runs.ts";
import type { AgentConfig, AgentEffect, AgentInput } from "./types.ts";
import { removeVolumeAgain, updateVolumes, volumeRemoved } from "./update-volumes.ts";

export class AgentCore {
  /** For views and metrics; only the core's handlers change it. */
  readonly state: AgentState;

  constructor(config: AgentConfig, random: Random, log: Log) {
    this.state = new AgentState(config, random, log);
  }

  /** Takes one input; returns what is to be done, in order. */
  step(input: AgentInput, now: Instant): AgentEffect[] {
    const { state } = this;
    state.now = now;
    if (state.recovered || input.kind === "recovered") dispatch(state, input);
    settlePods(state);
    if (state.successors.size > 0) startSuccessors(state);
    if (state.waitingGroups.length > 0) startWaitingGroups(state);
    settlePods(state);
    stopWhenEmpty(state);
    return state.takeEffects();
  }

  /** Monotonic time of the next `tick`; undefined when nothing is timed. */
  nextDeadlineMs(): number | undefined {
    const { ready, now, deadlines } = this.state;
    return ready.length > 0 ? now.monotonicMs : deadlines.next();
  }
}

type Handler<I> = (state: AgentState, input: I) => void;
type InputHandlers = { readonly [K in AgentInput["kind"]]: Handler<Extract<AgentInput, { kind: K }>> };
type MessageHandlers = {
  readonly [K in MasterToAgent["kind"]]: Handler<Extract<MasterToAgent, { kind: K }>>;
};
type DeferredHandlers = { readonly [K in Deferred["kind"]]: Handler<Extract<Deferred, { kind: K }>> };

const INPUTS: InputHandlers = {
  recovered: (state, { plan }) => restore(state, plan),
  tick: (state) => {
    runDeadlines(state);
    runReady(state);
  },
  "leader-found": (state, { leader }) => leaderFound(state, leader),
  "leader-not-found": (state, { reason }) => leaderNotFound(state, reason),
  "link-opened": (state, { linkId }) => linkOpened(state, linkId),
  "link-closed": (state, { linkId, reason }) => linkClosed(state, linkId, reason),
  message: takeMessage,
  checkpointed: (state, { token }) => {
    state.ready.push(...state.takeDurable(token));
    runReady(state);
  },
  launched: (state, { containerId, launched: how }) => {
    const executor = state.executorContainers.get(containerId);
    const nested = state.nested.get(containerId);
    if (nested !== undefined) nestedLaunched(state, nested);
    else if (executor === undefined) launched(state, containerId, how);
    else executorLaunched(state, executor, how);
  },
  "launch-progress": (state, { containerId, line }) => launchProgress(state, containerId, line),
  "launch-failed": (state, { containerId, error }) => {
    const executor = state.executorContainers.get(containerId);
    const nested = state.nested.get(containerId);
    if (nested !== undefined) nestedLaunchFailed(state, nested, error);
    else if (executor === undefined) launchFailed(state, containerId, error);
    else executorLaunchFailed(state, executor, error);
  },
  exited: (state, { containerId, exit }) => {
    const executor = state.executorContainers.get(containerId);
    const nested = state.nested.get(containerId);
    if (nested !== undefined) nestedExited(state, nested, exit);
    else if (executor === undefined) exited(state, containerId, exit);
    else executorExited(state, executor, exit);
  },
  "nested-launch": nestedLaunch,
  "nested-kill": nestedKill,
  "nested-remove": nestedRemove,
  "nested-removed": nestedRemoved,
  "executor-subscribe": executorSubscribe,
  "executor-stream-closed": executorStreamClosed,
  "executor-call": executorCall,
  "kill-failed": (state, { containerId, message }) => killFailed(state, containerId, message),
  "orphan-left": (state, { containerId, message }) => orphanLeft(state, containerId, message),
  checked: (state, input) => checked(state, input.containerId, input.check, input.round, input.result),
  "volume-removed": (state, { volume, error }) => volumeRemoved(state, volume, error),
  unregister: (state) => {
    const reason = "asked to unregister; its tasks were ended";
    beginStop(state, { failed: false, reason, unregister: true });
  },
};

const MESSAGES: MessageHandlers = {
  "agent-registered": registered,
  "agent-refused": (state, { reason, mayReturn }) => {
    disconnect(state);
    const anew = `to bring the machine back as a new agent, delete ${state.config.workDir}/meta`;
    const way = mayReturn === true ? "start the agent again later" : anew;
    const message = `The master refused the agent: ${reason}; its tasks were ended; ${way}`;
    beginStop(state, { failed: true, reason: message, unregister: false });
  },
  "run-task": (state, message) => {
    if (state.stopping === undefined) runTask(state, message);
  },
  "run-task-group": (state, message) => {
    if (state.stopping === undefined) runTaskGroup(state, message);
  },
  "kill-task": killRun,
  "acknowledge-update": acknowledge,
  "shutdown-framework": (state, { frameworkId }) => {
    const framework = state.frameworks.get(frameworkId);
    if (framework === undefined) return;
    removeFramework(state, framework);
    abandonExecutors(state, framework);
  },
  "shutdown-executor": (state, { frameworkId, executorId }) => {
    const executor = state.executors.get(executorKey(frameworkId, executorId));
    if (executor !== undefined) shutdownExecutor(state, executor);
    const pod = findPod(state, frameworkId, executorId);
    if (pod !== undefined) shutdownPod(state, pod);
  },
  "framework-message": (state, { frameworkId, executorId, data }) => {
    const executor = state.executors.get(executorKey(frameworkId, executorId));
    if (executor !== undefined) sendEvent(state, executor, { type: "MESSAGE", message: { data } });
  },
  "update-volumes": updateVolumes,
  drain: drainTasks,
  "resend-updates": resendUpdates,
  ping: (state, { nonce }) => {
    const { connection } = state;
    if (!("linkId" in connection)) return;
    state.emit({ kind: "send", linkId: connection.linkId, message: { kind: "pong", nonce } });
  },
};

const DEFERRED: DeferredHandlers = {
  launch: (state, { containerId }) => {
    const task = state.containers.get(containerId);
    if (task !== undefined) launchTask(state, task);
  },
  "send-updates": (state, { key, recordKey }) => {
    const task = state.tasks.get(key);
    if (task?.recordKey === recordKey) sendHead(state, task);
  },
  "launch-executor": (state, { containerId }) => {
    const executor = state.executorContainers.get(containerId);
    if (executor !== undefined) launchExecutor(state, executor);
  },
  "greet-executor": (state, { containerId, streamId }) => {
    const executor = state.executorContainers.get(containerId);
    if (executor !== undefined) greetExecutor(state, executor, streamId);
  },
  "deliver-tasks": (state, { containerId }) => {
    const executor = state.executorContainers.get(containerId);
    if (executor !== undefined) deliverTasks(state, executor);
  },
  "tell-executor": (state, { containerId, event }) => {
    const executor = state.executorContainers.get(containerId);
    if (executor !== undefined) sendEvent(state, executor, event);
  },
  terminate: (state, { containerId, graceMs }) => {
    const task = state.containers.get(containerId);
    if (task !== undefined) terminate(state, task, graceMs);
  },
  cleanup: (state, { containerId }) => state.emit({ kind: "cleanup", containerId }),
  "launch-nested": (state, { containerId }) => launchNested(state, containerId),
  "remove-orphan": (state, { containerId }) => state.emit({ kind: "remove-orphan", containerId }),
  goodbye: sayGoodbye,
};

function dispatch<K extends AgentInput["kind"]>(
  state: AgentState,
  input: Extract<AgentInput, { kind: K }>,
): void {
  (INPUTS[input.kind as K] as Handler<typeof input>)(state, input);
}

/** A thousand launches in one go would keep the agent from everything else. */
function runReady(state: AgentState): void {
  for (const deferred of state.ready.splice(0, AGENT_DEFERRED_PER_STEP_MAX)) runDeferred(state, deferred);
}

function runDeferred<K extends Deferred["kind"]>(
  state: AgentState,
  deferred: Extract<Deferred, { kind: K }>,
): void {
  (DEFERRED[deferred.kind as K] as Handler<typeof deferred>)(state, deferred);
}

/** Only the present link counts, and no term lower than the highest seen (design.md 2.5). */
function takeMessage(state: AgentState, input: Extract<AgentInput, { kind: "message" }>): void {
  const { connection } = state;
  const { linkId, message } = input;
  if (!("linkId" in connection) || connection.linkId !== linkId) return;
  if (!Object.hasOwn(MESSAGES, message.kind)) {
    state.log.warn("Ignored a message of a kind this version does not know", { kind: message.kind });
    return;
  }
  if (message.term < state.term) {
    state.counters.staleMessages++;
    const fields = { kind: message.kind, term: message.term, highestTerm: state.term };
    state.log.warn("Ignored a message of a master that no longer leads", fields);
    return;
  }
  if (message.term > state.term) {
    state.term = message.term;
    state.writeAgentRecord();
  }
  dispatchMessage(state, message);
  // After the handler: a registration has its own silence to count from.
  heard(state);
}

function dispatchMessage<K extends MasterToAgent["kind"]>(
  state: AgentState,
  message: Extract<MasterToAgent, { kind: K }>,
): void {
  (MESSAGES[message.kind as K] as Handler<typeof message>)(state, message);
}

/** Deadline keys are `<kind>/<id>`. */
function runDeadlines(state: AgentState): void {
  for (;;) {
    const key = state.deadlines.takeDue(state.now.monotonicMs);
    if (key === undefined) return;
    const slash = key.indexOf("/");
    if (slash === -1) {
      registrationDeadline(state);
      continue;
    }
    const id = key.slice(slash + 1);
    const kind = key.slice(0, slash);
    if (kind === "condemned") {
      condemn(state, id, 0);
      continue;
    }
    if (kind === "orphan") {
      state.emit({ kind: "remove-orphan", containerId: id });
      continue;
    }
    if (kind === "volume") {
      removeVolumeAgain(state, id);
      continue;
    }
    if (kind === "nested-kill") {
      killNestedAgain(state, id);
      continue;
    }
    if (isExecutorDeadline(kind)) {
      executorDue(state, kind, id);
      continue;
    }
    const task = state.tasks.get(id);
    if (task === undefined) continue;
    if (kind === "retry") retryHead(state, task);
    else if (isCheckKind(kind)) checkDue(state, task, kind);
    else if (kind === "max") completionTimeReached(state, task);
    else if (task.phase === "running") state.emit({ kind: "kill", containerId: task.containerId });
  }
}
