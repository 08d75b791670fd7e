/** From a command task to the container that runs it. */

import { hostPort } from "../base/host-port.ts";
import { fail, ok, type Result } from "../base/result.ts";
import { MINUTE_MS, SECOND_MS } from "../base/time.ts";
import type {
  Bound,
  ContainerCommand,
  ContainerImage,
  ContainerPod,
  ContainerResources,
  ContainerSpec,
  FetchUri,
} from "../isolation/container.ts";
import { commandTaskEnvironment } from "../isolation/environment.ts";
import type { ContainerNetwork } from "../isolation/network.ts";
import type { ContainerInfo } from "../model/v1/containers.ts";
import type { Resource } from "../model/v1/resources.ts";
import type { CommandInfo, TaskInfo } from "../model/v1/tasks.ts";
import type { Amounts } from "./accounting.ts";
import { containerImage } from "./container-image.ts";
import { containerNetwork } from "./container-network.ts";
import { containerSetup, mayCoverHost, type Parent } from "./container-setup.ts";
import { containerVolumes } from "./container-volumes.ts";
import { containerOutputs } from "./output-settings.ts";
import { latestLinkPath, sandboxPath } from "./paths.ts";
import type { Task } from "./task.ts";
import type { AgentConfig } from "./types.ts";
import { userVariables } from "./user-variables.ts";
import type { Volumes } from "./volumes.ts";

/** Defaults of the Mesos agent's flags that a task sees in its environment. */
export const RECOVERY_TIMEOUT_MS = 15 * MINUTE_MS;
const SUBSCRIPTION_BACKOFF_MAX_MS = 2 * SECOND_MS;
const EXECUTOR_SHUTDOWN_GRACE_MS = 5 * SECOND_MS;
const BYTES_PER_MEGABYTE = 1024 * 1024;
const MILLI = 1_000;

export interface ContainerPlan {
  readonly info: TaskInfo;
  readonly spec: ContainerSpec;
  readonly latestLink: string;
}

/** Where a task's container is, and what it gets, in a pod. */
export interface PodPlace {
  readonly executorId: string;
  readonly sandbox: string;
  readonly latestLink: string;
  readonly variables: readonly (readonly [name: string, value: string])[];
  readonly network: ContainerNetwork | undefined;
  readonly pod: ContainerPod;
}

function parentIn({ pod: { sandbox, containerId, holder } }: PodPlace): Parent {
  const { namespaces = [], shmOptions } = holder ?? {};
  const ownShm = shmOptions === undefined ? {} : { ownShm: true };
  return { sandbox, own: { containerId, namespaces, ...ownShm } };
}

/** The container of a task; the error says what of the task this agent cannot give. */
export function planContainer(
  config: AgentConfig,
  agentId: string | undefined,
  frameworkUser: string,
  task: Task,
  info: TaskInfo,
  known: Volumes,
  place?: PodPlace,
): Result<ContainerPlan> {
  if (agentId === undefined) return fail("the agent has no id yet");
  const { command } = info;
  if (command === undefined)
    return fail("the task has no command; tasks of custom executors cannot run here");
  const unsupported = unsupportedIn(info.container);
  if (unsupported !== undefined)
    return fail(`the task's container asks for ${unsupported}, which is not there`);
  const own = containerNetwork(info.container, task.containerId);
  if (!own.ok) return own;
  // As in Mesos a task that names no network is in that of its pod.
  const network = own.value ?? place?.network;
  const program = programOf(command, info.container, config);
  if (!program.ok) return program;
  const { image, variables } = program.value;
  const outputs = containerOutputs(config.outputs, variables);
  if (!outputs.ok) return outputs;
  const user = config.switchUser ? command.user || frameworkUser : "";
  const covers = mayCoverHost(user, config.containers);
  const volumes = containerVolumes(config.workDir, info.resources ?? [], known, covers);
  if (!volumes.ok) return volumes;
  const setup = containerSetup(info.container, user, config.containers, place && parentIn(place));
  if (!setup.ok) return setup;
  const ids = {
    agentId,
    frameworkId: task.frameworkId,
    executorId: place?.executorId ?? task.taskId,
    containerId: task.containerId,
  };
  const sandbox = place?.sandbox ?? sandboxPath(config.workDir, ids);
  const environment = commandTaskEnvironment({
    ...ids,
    agentEndpoint: hostPort(config.ip, config.port),
    sandbox,
    ...(image === undefined ? {} : { sandboxInContainer: image.sandbox }),
    checkpoint: true,
    recoveryTimeoutMs: config.recoveryTimeoutMs ?? RECOVERY_TIMEOUT_MS,
    subscriptionBackoffMaxMs: SUBSCRIPTION_BACKOFF_MAX_MS,
    executorShutdownGraceMs: EXECUTOR_SHUTDOWN_GRACE_MS,
    operatorVariables: config.executorVariables ?? [],
    userVariables: [...(place?.variables ?? []), ...variables],
  });
  return ok({
    info,
    spec: {
      containerId: task.containerId,
      sandbox,
      command: program.value.command,
      environment,
      ...(image === undefined ? {} : { image }),
      ...(user === "" ? {} : { user }),
      stdoutName: "stdout",
      stderrName: "stderr",
      uris: fetchUris(command),
      ...(volumes.value.length === 0 ? {} : { volumes: volumes.value }),
      ...(network === undefined ? {} : { network }),
      resources: containerResources(task, info),
      ...setup.value,
      ...(place === undefined ? {} : { pod: place.pod }),
    },
    latestLink: place?.latestLink ?? latestLinkPath(config.workDir, ids),
  });
}

export interface Program {
  readonly command: ContainerCommand;
  /** The framework's variables. */
  readonly variables: readonly (readonly [name: string, value: string])[];
  readonly image?: ContainerImage;
}

/** What a task or an executor runs, and in which image; the error says what this agent cannot give. */
export function programOf(
  command: CommandInfo,
  container: ContainerInfo | undefined,
  config: AgentConfig,
): Result<Program> {
  const variables = userVariables(command);
  if (!variables.ok) return variables;
  const asked = container?.mesos?.image;
  if (asked === undefined) {
    const plain = containerCommand(command);
    return plain.ok ? ok({ command: plain.value, variables: variables.value }) : plain;
  }
  const image = containerImage(asked, config, variables.value);
  if (!image.ok) return image;
  const { value, shell = true, arguments: words = [] } = command;
  // What is missing of it may stand in the image.
  const joined = {
    kind: "image",
    shell,
    arguments: words,
    ...(value === undefined ? {} : { value }),
  } as const;
  return ok({ command: joined, variables: variables.value, image: image.value });
}

/** Shell form unless `shell` is false; `arguments` is the whole argv of the exec form (TSK-28). */
export function containerCommand(command: CommandInfo): Result<ContainerCommand> {
  const { value } = command;
  const shell = command.shell ?? true;
  if (value === undefined || value === "") {
    return fail(`the command has no value; give ${shell ? "the shell script" : "the program"} to run`);
  }
  if (shell) return ok({ kind: "shell", script: value });
  const words = command.arguments ?? [];
  return ok({ kind: "exec", file: value, argv: words.length > 0 ? words : [value] });
}

export function fetchUris(command: CommandInfo): readonly FetchUri[] {
  return (command.uris ?? []).map((uri) => ({
    value: uri.value,
    executable: uri.executable ?? false,
    extract: uri.extract ?? true,
    ...(uri.output_file === undefined ? {} : { outputFile: uri.output_file }),
    ...(uri.cache === true ? { cache: true } : {}),
  }));
}

/** What is requested. */
export function resourcesOf(amounts: Amounts): ContainerResources {
  const milli = (name: string): number => amounts.get(name) ?? 0;
  const gpus = milli("gpus") / MILLI;
  return {
    cpusMilli: milli("cpus"),
    memBytes: bytes(milli("mem") / MILLI),
    diskBytes: bytes(milli("disk") / MILLI),
    ...(gpus === 0 ? {} : { gpus }),
  };
}

function bytes(megabytes: number): number {
  return Math.round(megabytes * BYTES_PER_MEGABYTE);
}

export function containerResources(
  task: Pick<Task, "amounts">,
  { limits, resources = [] }: Pick<TaskInfo, "limits" | "resources">,
): ContainerResources {
  const cpus = limits?.["cpus"]?.value;
  const mem = limits?.["mem"]?.value;
  return {
    ...resourcesOf(task.amounts),
    diskBytes: sandboxBytes(resources),
    ...(cpus === undefined ? {} : { cpusLimitMilli: bound(Math.round(cpus * MILLI)) }),
    ...(mem === undefined ? {} : { memLimitBytes: bound(bytes(mem)) }),
    ...(resources.some(isRevocableCpu) ? { cpusRevocable: true } : {}),
  };
}

/** Persistent volumes have their own. */
function sandboxBytes(resources: readonly Resource[]): number {
  return resources
    .filter(({ name, disk }) => name === "disk" && disk?.persistence === undefined)
    .reduce((sum, { scalar }) => sum + bytes(scalar?.value ?? 0), 0);
}

function isRevocableCpu({ name, revocable }: Resource): boolean {
  return name === "cpus" && revocable !== undefined;
}

/** Mesos' limits may be Infinity. */
function bound(value: number): Bound {
  return Number.isFinite(value) ? value : "unlimited";
}

/** What changes how a container must run is refused, not left out in silence. */
export function unsupportedIn(container: ContainerInfo | undefined): string | undefined {
  if (container === undefined) return undefined;
  if (container.type === "DOCKER" || container.docker !== undefined) return "the Docker containerizer";
  return undefined;
}
