/** An executor's container: from its plan to its end. */

import { hostPort } from "../base/host-port.ts";
import { fail, ok, type Result } from "../base/result.ts";
import { SECOND_MS } from "../base/time.ts";
import type { ContainerSpec, Exit } from "../isolation/container.ts";
import { commandTaskEnvironment } from "../isolation/environment.ts";
import type { LaunchError, Launched } from "../isolation/runtime.ts";
import { decodeBlob } from "../wire/blob.ts";
import { containerNetwork } from "./container-network.ts";
import { fetchUris, programOf, RECOVERY_TIMEOUT_MS, unsupportedIn } from "./container-plan.ts";
import { containerSetup, mayCoverHost } from "./container-setup.ts";
import { containerVolumes } from "./container-volumes.ts";
import { executorGone } from "./end-executor.ts";
import type { Executor } from "./executor.ts";
import { executorResources, executorTimes, resizeExecutor } from "./executor-state.ts";
import { containerOutputs } from "./output-settings.ts";
import { latestLinkPath, sandboxPath } from "./paths.ts";
import type { AgentState } from "./state.ts";
import { drainReason, isKill, killedState } from "./task-status.ts";
import type { AgentConfig } from "./types.ts";

/** Of Mesos' agent: how long an executor looks for an agent that is away, and how often. */
const SUBSCRIPTION_BACKOFF_MAX_MS = 2 * SECOND_MS;

/** Executor and first tasks are on disk: start its container, unless it was ended meanwhile. */
export function launchExecutor(state: AgentState, executor: Executor): void {
  if (executor.phase !== "checkpointing") return;
  executor.phase = "launching";
  const plan = planExecutor(state, executor);
  if (!plan.ok) {
    executorLaunchFailed(state, executor, { step: "validate", message: plan.error });
    return;
  }
  const { frameworkId, executorId } = executor;
  const ids = { agentId: state.agentId ?? "", frameworkId, executorId };
  state.deadlines.set(
    `executor-registration/${executor.key}`,
    state.now.monotonicMs + executorTimes(state).registrationMs,
  );
  state.emit({ kind: "launch", spec: plan.value, latestLink: latestLinkPath(state.config.workDir, ids) });
}

/** Its container as things stand. */
export function planExecutor(state: AgentState, executor: Executor): Result<ContainerSpec> {
  const { config, agentId } = state;
  if (agentId === undefined) return fail("the agent has no id yet");
  const { command, container, resources = [] } = decodeBlob("ExecutorInfo", executor.info);
  if (command === undefined) return fail("the executor has no command");
  const unsupported = unsupportedIn(container);
  if (unsupported !== undefined)
    return fail(`its executor's container asks for ${unsupported}, which is not there`);
  const network = containerNetwork(container, executor.containerId);
  if (!network.ok) return network;
  const program = programOf(command, container, config);
  if (!program.ok) return program;
  const { image, variables } = program.value;
  const outputs = containerOutputs(config.outputs, variables);
  if (!outputs.ok) return outputs;
  const { frameworkId, executorId, containerId } = executor;
  const ids = { agentId, frameworkId, executorId, containerId };
  const sandbox = sandboxPath(config.workDir, ids);
  const user = config.switchUser ? command.user || (state.frameworks.get(frameworkId)?.user ?? "") : "";
  const covers = mayCoverHost(user, config.containers);
  const volumes = containerVolumes(config.workDir, resources, state.volumes, covers);
  if (!volumes.ok) return volumes;
  const setup = containerSetup(container, user, config.containers);
  if (!setup.ok) return setup;
  return ok({
    containerId,
    sandbox,
    command: program.value.command,
    ...(image === undefined ? {} : { image }),
    environment: commandTaskEnvironment({
      ...ids,
      agentEndpoint: hostPort(config.ip, config.port),
      sandbox,
      ...(image === undefined ? {} : { sandboxInContainer: image.sandbox }),
      // The agent takes every executor back, whatever its framework asked for.
      checkpoint: true,
      recoveryTimeoutMs: config.recoveryTimeoutMs ?? RECOVERY_TIMEOUT_MS,
      subscriptionBackoffMaxMs: SUBSCRIPTION_BACKOFF_MAX_MS,
      executorShutdownGraceMs: executor.shutdownGraceMs,
      operatorVariables: [...(config.executorVariables ?? []), ...token(config, ids)],
      userVariables: variables,
    }),
    ...(user === "" ? {} : { user }),
    stdoutName: "stdout",
    stderrName: "stderr",
    uris: fetchUris(command),
    ...(volumes.value.length === 0 ? {} : { volumes: volumes.value }),
    ...(network.value === undefined ? {} : { network: network.value }),
    resources: executorResources(state, executor),
    ...setup.value,
  });
}

function token(
  { executorToken }: AgentConfig,
  { frameworkId, executorId, containerId }: Pick<Executor, "frameworkId" | "executorId" | "containerId">,
): readonly (readonly [name: string, value: string])[] {
  if (executorToken === undefined) return [];
  const made = executorToken({ fid: frameworkId, eid: executorId, cid: containerId });
  return [["MESOS_EXECUTOR_AUTHENTICATION_TOKEN", made]];
}

export function executorLaunched(state: AgentState, executor: Executor, { networks, pid }: Launched): void {
  if (executor.phase !== "launching") return;
  executor.phase = "running";
  executor.pid = pid;
  executor.networks = networks;
  // More tasks may have come meanwhile.
  resizeExecutor(state, executor);
  // Its end overtook the launch.
  if (executor.terminating && executor.streamId === undefined) {
    state.emit({ kind: "kill", containerId: executor.containerId });
  }
}

/** Nothing of the container runs; its tasks hear why. */
export function executorLaunchFailed(state: AgentState, executor: Executor, error: LaunchError): void {
  if (executor.phase !== "launching") return;
  const { frameworkId, executorId } = executor;
  state.counters.launchErrors++;
  state.log.warn("Cannot launch an executor", {
    frameworkId,
    executorId,
    step: error.step,
    reason: error.message,
  });
  const exit: Exit = { kind: "unknown", reason: error.message };
  const message = `Failed to launch container: ${error.message}`;
  if (executor.terminating) executorGone(state, executor, exit);
  else {
    executorGone(state, executor, exit, ({ ending }, framework) =>
      isKill(ending)
        ? { state: killedState(ending, framework), source: "SOURCE_AGENT", message, ...drainReason(ending) }
        : { state: "TASK_FAILED", source: "SOURCE_AGENT", reason: "REASON_CONTAINER_LAUNCH_FAILED", message },
    );
  }
}

export function executorExited(state: AgentState, executor: Executor, exit: Exit): void {
  const { frameworkId, executorId, containerId } = executor;
  const { terminating } = executor;
  state.log.info("An executor ended", { frameworkId, executorId, exit: exit.kind, terminating });
  executorGone(state, executor, exit);
  // The exit record must outlive the agent until what follows from it is on disk.
  state.afterwards({ kind: "cleanup", containerId });
}
