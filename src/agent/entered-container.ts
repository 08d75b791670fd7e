/** What a session (src/isolation/session.ts) takes over from the container that it enters. */
import { fail, ok, type Result } from "../base/result.ts";
import type { ContainerSpec } from "../isolation/container.ts";
import type { ContainerInfo } from "../model/v1/containers.ts";
import type { CommandInfo } from "../model/v1/tasks.ts";
import { containerCommand } from "./container-plan.ts";
import { terminalOf } from "./container-setup.ts";
import { planExecutor } from "./executor-launch.ts";
import { planTask } from "./plan-task.ts";
import type { AgentState } from "./state.ts";
import { userVariables } from "./user-variables.ts";

/** The container as it was launched; undefined for one that is not known or does not run. */
export function runningContainer(state: AgentState, containerId: string): ContainerSpec | undefined {
  const task = state.containers.get(containerId);
  if (task?.phase === "running") {
    const plan = planTask(state, task);
    return plan.ok ? plan.value.spec : undefined;
  }
  const executor = state.executorContainers.get(containerId);
  if (executor?.phase === "running") {
    const plan = planExecutor(state, executor);
    return plan.ok ? plan.value : undefined;
  }
  const nested = state.nested.get(containerId);
  return nested?.phase === "running" ? nested.spec : undefined;
}

/**
 * As in Mesos (src/slave/containerizer/mesos/containerizer.cpp, DEBUG): the
 * parent's environment with the command's variables over it, and the parent's
 * user unless the command names one. The error says what cannot be had.
 */
export function sessionSpec(
  parent: ContainerSpec,
  command: CommandInfo | undefined,
  container: ContainerInfo | undefined,
  switchUser: boolean,
): Result<ContainerSpec> {
  if (command === undefined) return fail("it has no command; give one to run");
  if ((command.uris?.length ?? 0) > 0) return fail("URIs are fetched for tasks only; leave them away");
  const more = beyondTerminal(container);
  if (more !== undefined) return fail(`it has what its parent has, and cannot have ${more} of its own`);
  const program = containerCommand(command);
  if (!program.ok) return program;
  const variables = userVariables(command);
  if (!variables.ok) return variables;
  const { terminal: __, user: parentUser, ...entered } = parent;
  const user = switchUser ? command.user || parentUser : parentUser;
  const terminal = terminalOf(container);
  const { image } = parent;
  const own = image && { image: { ...image, ownVariables: [...image.ownVariables, ...variables.value] } };
  return ok({
    ...entered,
    command: program.value,
    environment: [...new Map([...parent.environment, ...variables.value])],
    ...(user === undefined ? {} : { user }),
    ...(terminal === undefined ? {} : { terminal }),
    ...own,
  });
}

/** The first thing in a ContainerInfo that is not its terminal. */
function beyondTerminal(container: ContainerInfo | undefined): string | undefined {
  if (container === undefined) return undefined;
  const { type: _, tty_info: __, ...rest } = container;
  return Object.entries(rest).find(([, value]) => !Array.isArray(value) || value.length > 0)?.[0];
}
