/**
 * What the HTTP edge (src/api/) may ask of an agent. The agent's pump
 * (src/agent/run.ts) implements it.
 */
import type { Result } from "../base/result.ts";
import type { Exit } from "../isolation/container.ts";
import type { ProgramInput, ProgramOutput } from "../isolation/session.ts";
import type { Drain } from "../model/drain-info.ts";
import type { ContainerInfo } from "../model/v1/containers.ts";
import type { ExecutorCall, ExecutorEvent } from "../model/v1/executor.ts";
import type { AgentInfo, FrameworkInfo } from "../model/v1/frameworks.ts";
import type { ContainerID } from "../model/v1/ids.ts";
import type { Resource, ValueScalar } from "../model/v1/resources.ts";
import type { CommandInfo, ExecutorInfo, TaskInfo, TaskState, TaskStatus } from "../model/v1/tasks.ts";

export interface AgentTaskView {
  readonly taskId: string;
  /** Its own, or that of its executor; text of src/model/container-id.ts. */
  readonly containerId: string;
  readonly info: TaskInfo;
  readonly state: TaskState;
  readonly statuses: readonly TaskStatus[];
}

/** Where the events of one stream go; nothing follows `close`. */
export interface EventSink<E> {
  send(event: E): void;
  /** `reason`: why, for a client that has had none. */
  close(reason?: string): void;
}

/** HTTP answer to a call: status and plain-text body ("" for 202). */
export interface CallAnswer {
  readonly status: number;
  readonly body: string;
}

export type ExecutorStanding = "framework-unknown" | "executor-unknown" | "registering" | "subscribed";

/** Names one run of an executor: framework, executor, container (Mesos' names in tokens). */
export interface ExecutorClaims {
  readonly fid: string;
  readonly eid: string;
  readonly cid: string;
}

/** Executors of frameworks, as they call. */
export interface ExecutorPort {
  standing(frameworkId: string, executorId: string): ExecutorStanding;
  /** Container of its present run; undefined for one that is not there. */
  containerOf(frameworkId: string, executorId: string): string | undefined;
  /** SUBSCRIBE, whose response is the sink's stream; `disconnected`: the executor went away. */
  subscribe(call: ExecutorCall, sink: EventSink<ExecutorEvent>): { disconnected(): void };
  /** UPDATE or MESSAGE; answered once. */
  call(call: ExecutorCall, answered: (answer: CallAnswer) => void): void;
}

/** What a call asks for. */
export interface NestedCall {
  /** Text of src/model/container-id.ts. */
  readonly containerId: string;
  readonly command: CommandInfo | undefined;
  readonly container: ContainerInfo | undefined;
  /** Of one that is inside no other (TSK-22). */
  readonly resources?: readonly Resource[];
  readonly limits?: Readonly<Record<string, ValueScalar>>;
}

/** Containers inside others or by themselves, as executors and operators call. Ids as in NestedCall. */
export interface NestedPort {
  launch(call: NestedCall): Promise<CallAnswer>;
  kill(containerId: string, signal: number): Promise<CallAnswer>;
  /** Those that run inside no other, and what runs inside of these. */
  standalone(): readonly string[];
  /** Forgets one that has ended. */
  remove(containerId: string): Promise<CallAnswer>;
  /** Resolves with how it ended; undefined when `signal` aborted. */
  wait(containerId: string, signal: AbortSignal): Promise<Result<NestedEnd | undefined, CallAnswer>>;
}

/** `limited`: what a task that ends so is told to be, of a container that broke a limit. */
export type NestedEnd = Exit & {
  readonly limited?: Pick<TaskStatus, "state" | "reason" | "message" | "limitation">;
};

/** One container run: a command task has an executor of its own, named after the task. */
export interface AgentExecutorView {
  readonly frameworkId: string;
  readonly executorId: string;
  readonly containerId: string;
  /** Absolute sandbox path of this run. */
  readonly directory: string;
  readonly completed: boolean;
  /** Ids of containers that run inside, however deep. */
  readonly nested?: readonly string[];
  /** Of a framework's own executor. */
  readonly info?: ExecutorInfo;
  readonly resources: readonly Resource[];
  /** Launched tasks that have not ended. */
  readonly tasks: readonly AgentTaskView[];
  /** Tasks waiting for the launch. */
  readonly queuedTasks: readonly AgentTaskView[];
  /** Ended tasks. */
  readonly completedTasks: readonly AgentTaskView[];
}

export interface AgentFrameworkView {
  readonly id: string;
  readonly info: FrameworkInfo;
  readonly completed: boolean;
  readonly executors: readonly AgentExecutorView[];
}

export type ContainerInput = ProgramInput;
export type ContainerOutput = ProgramOutput;

/** A program to run in a container: `containerId.parent` names that one. */
export interface SessionCall {
  readonly containerId: ContainerID;
  readonly command: CommandInfo | undefined;
  readonly container: ContainerInfo | undefined;
}

/** Sessions, and what other containers say and hear. The last three answer nothing of other containers. */
export interface ContainerPort {
  /** Runs a program in a running container for as long as its output is wanted. */
  openSession(call: SessionCall): Result<ContainerOutput, CallAnswer>;
  /** What it says from now on. */
  attachOutput(containerId: ContainerID): Result<ContainerOutput, CallAnswer>;
  /** One giver at a time. */
  attachInput(containerId: ContainerID): Result<ContainerInput, CallAnswer>;
  /** Resolves with how a session ended, or with undefined when `signal` aborts. */
  wait(containerId: ContainerID, signal: AbortSignal): Promise<Exit | undefined> | undefined;
  kill(containerId: ContainerID, signal: number): CallAnswer | undefined;
  /** Forgets one that has ended. */
  remove(containerId: ContainerID): CallAnswer | undefined;
}

export interface AgentPort {
  /** Drawn at process start, as libprocess ids the agent `slave(1)`. */
  readonly startedAtMs: number;
  readonly hostname: string;
  readonly ip: string;
  readonly port: number;
  /** Undefined until first registered. */
  agentId(): string | undefined;
  info(): AgentInfo;
  /** While an operator has its tasks ended. */
  drain(): Drain | undefined;
  /** Hostname of the master registered with. */
  masterHostname(): string | undefined;
  /** False while reading its checkpoint and finding its tasks. */
  recovered(): boolean;
  flags(): Readonly<Record<string, string>>;
  metrics(): Readonly<Record<string, number>>;
  readonly executors: ExecutorPort;
  readonly nested: NestedPort;
  readonly containers: ContainerPort;
  frameworks(): Iterable<AgentFrameworkView>;
  framework(id: string): AgentFrameworkView | undefined;
  /**
   * Maps a virtual path of /files (mesos-wire.md 7.4: a sandbox by its host
   * path or by /frameworks/<FID>/executors/<EID>/runs/latest) to the attached
   * root and the path inside it; undefined when nothing is attached there.
   */
  resolveFile(virtualPath: string): { readonly root: string; readonly relative: string } | undefined;
  /** Attached virtual path to real path, for /files/debug. */
  attachedFiles(): Readonly<Record<string, string>>;
}

/** A persistent volume of a container and how much it may hold. */
export interface VolumeUse {
  /** Absolute. */
  readonly path: string;
  readonly bytes: number;
}

/** What a container asks of the machine's disk and of its log files. */
export interface SandboxNeeds {
  /** Of the sandbox; 0: it asked for no disk, and nothing holds it to that. */
  readonly diskBytes: number;
  readonly volumes: readonly VolumeUse[];
  /** `CONTAINER_LOGGER_…` of its environment. */
  readonly loggerVariables: readonly (readonly [name: string, value: string])[];
}

/** A sandbox that is in use. */
export interface SandboxRun {
  readonly containerId: string;
  /** Absolute path. */
  readonly sandbox: string;
  readonly running: boolean;
  /** Of a pod, which has no process of its own: the containers in it that may run. */
  readonly members?: readonly string[];
  needs(): SandboxNeeds;
}

/** For those that look after sandboxes (src/main/sandbox-care.ts). */
export interface SandboxPort {
  sandboxRuns(): readonly SandboxRun[];
  /** Of a task's own container, one of the above. */
  taskSandboxRun(containerId: string): SandboxRun | undefined;
  /** Whether the container lives, is on its way to do so, or its end is not yet settled. */
  holdsContainer(containerId: string): boolean;
}
