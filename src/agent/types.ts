/**
 * What goes into the agent's core and what comes out of it. The pump
 * (src/agent/run.ts) and the simulator both speak exactly this.
 *
 * Rules for whoever drives the core:
 * - `recovered` is the first input and comes once.
 * - Effects are carried out in the order they are given.
 * - `checkpoint` effects may be merged: write the changes of several, in
 *   order, as one atomic and synced batch, then answer with the highest
 *   token; it stands for the lower ones too. Nothing that depends on a change
 *   is emitted before its token came back.
 * - A link is named by `linkId`; what comes from an older link is ignored.
 */

import type { CheckProbe, CheckResult } from "../isolation/check.ts";
import type { ContainerResources, ContainerSpec, Exit } from "../isolation/container.ts";
import type { LaunchError, Launched } from "../isolation/runtime.ts";
import type { AgentToMaster, MasterToAgent } from "../model/agent-protocol.ts";
import type { ExecutorCall, ExecutorEvent } from "../model/v1/executor.ts";
import type { AgentInfo } from "../model/v1/frameworks.ts";
import type { CheckKind } from "./check-rules.ts";
import type { CheckpointChange } from "./checkpoint.ts";
import type { ContainerPolicy } from "./container-policy.ts";
import type { ContainerOutputs } from "./output-settings.ts";
import type { ExecutorClaims, NestedCall } from "./port.ts";
import type { VolumeRecord } from "./records.ts";
import type { RecoveryPlan } from "./recovery.ts";

/** Fixed for the life of the process. */
export interface AgentConfig {
  /** Hostname, port, resources, attributes and domain; no id. */
  readonly info: AgentInfo;
  /** Address under which others reach the agent's HTTP API. */
  readonly ip: string;
  /** Beside it, of tasks on the machine's network. */
  readonly ip6?: string;
  readonly port: number;
  readonly version: string;
  /** Absolute path. */
  readonly workDir: string;
  /** Boot of this machine: another value means that no process of an earlier one lives. */
  readonly bootId: string;
  /** Run tasks as their framework's or command's user; needs root. */
  readonly switchUser: boolean;
  /** Commands can be run inside containers to check them. */
  readonly commandChecks: boolean;
  /** Absent: no container can have an image. */
  readonly images?: { readonly sandboxDirectory: string };
  /** Left out: DEFAULT_POLICY. */
  readonly containers?: ContainerPolicy;
  /** Told to tasks and executors: how long to wait for an agent that is away. Left out: 15 minutes. */
  readonly recoveryTimeoutMs?: number;
  /** Of each framework that are shown; left out: as in Mesos. */
  readonly maxCompletedExecutors?: number;
  /** Left out: log files of containers grow without bound. */
  readonly outputs?: ContainerOutputs;
  /** Left out: those of DEFAULT_EXECUTOR_TIMES. */
  readonly executorTimes?: ExecutorTimes;
  /** Of every executor and task, unless it sets them itself (Mesos --executor_environment_variables). */
  readonly executorVariables?: readonly (readonly [name: string, value: string])[];
  /** What an executor proves with that it is this one, always the same. Left out: it is given nothing. */
  readonly executorToken?: (claims: ExecutorClaims) => string;
  /** Longest first wait before the way to a master is tried again; doubled each time. Left out: 100. */
  readonly registrationBackoffMs?: number;
}

/** How long the agent waits for executors of frameworks (AGT-33). */
export interface ExecutorTimes {
  /** From the launch to the subscription. */
  readonly registrationMs: number;
  /** From an agent restart to the subscription anew. */
  readonly reregistrationMs: number;
  /** From SHUTDOWN to SIGKILL, when the executor has no period of its own. */
  readonly shutdownGraceMs: number;
}

/** The leading master as the leader finder learnt it. */
export interface LeaderAddress {
  readonly masterId: string;
  /** Of the master's HTTP API; said in logs and in `master_hostname` of /state. */
  readonly hostname: string;
  readonly port: number;
  /** Where agent links are opened. */
  readonly linkHostname: string;
  readonly linkPort: number;
}

export type AgentInput =
  /** The checkpoint was read and compared with what really runs. */
  | { readonly kind: "recovered"; readonly plan: RecoveryPlan }
  /** A deadline of `nextDeadlineMs` has come; harmless at any time. */
  | { readonly kind: "tick" }
  /** Answers `find-leader`. */
  | { readonly kind: "leader-found"; readonly leader: LeaderAddress }
  | { readonly kind: "leader-not-found"; readonly reason: string }
  /** Answers `connect`: the hello of both sides was exchanged. */
  | { readonly kind: "link-opened"; readonly linkId: number }
  /** The link could not be opened, or broke; nothing more comes from it. */
  | { readonly kind: "link-closed"; readonly linkId: number; readonly reason: string }
  | { readonly kind: "message"; readonly linkId: number; readonly message: MasterToAgent }
  /** Everything up to this token's changes is on disk. */
  | { readonly kind: "checkpointed"; readonly token: number }
  /** Answer `launch`. A failed or cancelled launch leaves nothing that runs. */
  | { readonly kind: "launched"; readonly containerId: string; readonly launched: Launched }
  /** Of a launch that takes long: a line for people. */
  | { readonly kind: "launch-progress"; readonly containerId: string; readonly line: string }
  | { readonly kind: "launch-failed"; readonly containerId: string; readonly error: LaunchError }
  /** The container ended; comes once for each one launched or reattached. */
  | { readonly kind: "exited"; readonly containerId: string; readonly exit: Exit }
  /** A `kill` could not be carried out; it is tried again. */
  | { readonly kind: "kill-failed"; readonly containerId: string; readonly message: string }
  /** A `remove-orphan` could not be carried out; it is tried again. */
  | { readonly kind: "orphan-left"; readonly containerId: string; readonly message: string }
  /** Answers `check`. */
  | {
      readonly kind: "checked";
      readonly containerId: string;
      readonly check: CheckKind;
      readonly round: number;
      readonly result: CheckResult;
    }
  /** Answers `remove-volume`; with the reason when its data is still there. */
  | { readonly kind: "volume-removed"; readonly volume: VolumeRecord; readonly error: string | undefined }
  /** An executor's SUBSCRIBE, whose response is open as a stream; `streamId` is used once. */
  | { readonly kind: "executor-subscribe"; readonly streamId: number; readonly call: ExecutorCall }
  /** The executor went away, or read too slowly. */
  | { readonly kind: "executor-stream-closed"; readonly streamId: number }
  /** UPDATE or MESSAGE; answered by `executor-answer`. */
  | { readonly kind: "executor-call"; readonly ref: number; readonly call: ExecutorCall }
  /** Calls about containers inside others; answered by `nested-answer`. */
  | { readonly kind: "nested-launch"; readonly ref: number; readonly call: NestedCall }
  | {
      readonly kind: "nested-kill";
      readonly ref: number;
      readonly containerId: string;
      readonly signal: number;
    }
  | { readonly kind: "nested-remove"; readonly ref: number; readonly containerId: string }
  /** Answers `remove-nested`; with the reason when something of it is still there. */
  | { readonly kind: "nested-removed"; readonly containerId: string; readonly error: string | undefined }
  /** An operator asks the agent to end its tasks, leave the cluster and stop (AGT-26). */
  | { readonly kind: "unregister" };

export type AgentEffect =
  /** Ask the masters who leads; answer with leader-found or leader-not-found. */
  | { readonly kind: "find-leader" }
  | { readonly kind: "connect"; readonly linkId: number; readonly leader: LeaderAddress }
  /** Close the link; no `link-closed` is needed for it. */
  | { readonly kind: "disconnect"; readonly linkId: number }
  | { readonly kind: "send"; readonly linkId: number; readonly message: AgentToMaster }
  | { readonly kind: "checkpoint"; readonly token: number; readonly changes: readonly CheckpointChange[] }
  /** Point `latestLink` (a symbolic link, absolute path), if any, at the sandbox and launch. */
  | { readonly kind: "launch"; readonly spec: ContainerSpec; readonly latestLink: string | undefined }
  /** SIGTERM asks every process of the container to end; a number goes to its program alone. */
  | { readonly kind: "signal"; readonly containerId: string; readonly signal: "SIGTERM" | number }
  /** A running container is to have so much from now on. */
  | { readonly kind: "resize"; readonly containerId: string; readonly resources: ContainerResources }
  /** End the container for sure, or cancel its launch. */
  | { readonly kind: "kill"; readonly containerId: string }
  /** Drop all of an ended container, and its sandbox where one is named; answered by `nested-removed`. */
  | { readonly kind: "remove-nested"; readonly containerId: string; readonly sandbox: string | undefined }
  /** End and forget a container that belongs to no task. */
  | { readonly kind: "remove-orphan"; readonly containerId: string }
  /**
   * Look once how the container does; always answered by `checked`, at the latest a little after the
   * time, or, without one, when the container has ended.
   */
  | {
      readonly kind: "check";
      readonly containerId: string;
      readonly check: CheckKind;
      readonly round: number;
      readonly probe: CheckProbe;
      readonly timeoutMs: number | undefined;
    }
  /** The container ended: drop its runtime records and cgroup. The sandbox stays. */
  | { readonly kind: "cleanup"; readonly containerId: string }
  | { readonly kind: "executor-event"; readonly streamId: number; readonly event: ExecutorEvent }
  /** No event follows. */
  | { readonly kind: "close-executor-stream"; readonly streamId: number; readonly reason: string }
  | {
      readonly kind: "executor-answer";
      readonly ref: number;
      readonly status: number;
      readonly body: string;
    }
  | { readonly kind: "nested-answer"; readonly ref: number; readonly status: number; readonly body: string }
  | { readonly kind: "nested-ended"; readonly containerId: string; readonly exit: Exit }
  /** Take the data at this absolute path out of the way, now. */
  | { readonly kind: "remove-volume"; readonly volume: VolumeRecord; readonly path: string }
  /** Everything owed is done: end the process. `failed`: with a non-zero status. */
  | { readonly kind: "stop"; readonly failed: boolean; readonly reason: string };
