/** What a check is to try, from the task's TaskInfo. */
import { fail, ok, type Result } from "../base/result.ts";
import type { CheckProbe } from "../isolation/check.ts";
import type { ContainerSpec } from "../isolation/container.ts";
import type { CheckInfo, CommandInfo, HealthCheck, TaskInfo } from "../model/v1/tasks.ts";
import { CHECK_KINDS, type CheckKind, checkRules } from "./check-rules.ts";
import { type ContainerPlan, containerCommand } from "./container-plan.ts";
import type { AgentConfig } from "./types.ts";
import { userVariables } from "./user-variables.ts";

/** Why a task cannot be checked as it asks; undefined when it can. */
export function uncheckable(config: AgentConfig, { info, spec }: ContainerPlan): string | undefined {
  for (const kind of CHECK_KINDS) {
    if (checkRules(info, kind) === undefined) continue;
    const probe = checkProbe(info, kind, spec);
    if (!probe.ok) return probe.error;
    if (probe.value.kind === "command" && !config.commandChecks) {
      return "the task is to be checked by a command, which needs nsenter (util-linux) on the agent's machine; install it, or check over HTTP or TCP";
    }
  }
  return undefined;
}

/** @param container of the task, whose user, environment and place a command has */
export function checkProbe(info: TaskInfo, kind: CheckKind, container: ContainerSpec): Result<CheckProbe> {
  return kind === "health" ? healthProbe(info.health_check, container) : statusProbe(info.check, container);
}

function healthProbe(check: HealthCheck | undefined, container: ContainerSpec): Result<CheckProbe> {
  if (check?.type === "HTTP" && check.http !== undefined) {
    const { port, path, scheme, protocol } = check.http;
    return ok({
      kind: "http",
      scheme: scheme === "https" ? "https" : "http",
      protocol: protocol === "IPv6" ? "IPv6" : "IPv4",
      port,
      path: path ?? "/",
    });
  }
  if (check?.type === "TCP" && check.tcp !== undefined) {
    const protocol = check.tcp.protocol === "IPv6" ? "IPv6" : "IPv4";
    return ok({ kind: "tcp", protocol, port: check.tcp.port });
  }
  return commandProbe(check?.command, container, "health check");
}

function statusProbe(check: CheckInfo | undefined, container: ContainerSpec): Result<CheckProbe> {
  if (check?.type === "HTTP" && check.http !== undefined) {
    const { port, path } = check.http;
    return ok({ kind: "http", scheme: "http", protocol: "IPv4", port, path: path ?? "/" });
  }
  if (check?.type === "TCP" && check.tcp !== undefined) {
    return ok({ kind: "tcp", protocol: "IPv4", port: check.tcp.port });
  }
  return commandProbe(check?.command?.command, container, "check");
}

/** The task's environment with the variables of the check over it. */
function commandProbe(
  command: CommandInfo | undefined,
  container: ContainerSpec,
  what: string,
): Result<CheckProbe> {
  if (command === undefined) return fail(`the task's ${what} has nothing to try`);
  const program = containerCommand(command);
  if (!program.ok) return fail(`the task's ${what}: ${program.error}`);
  const variables = userVariables(command);
  if (!variables.ok) return fail(`the task's ${what}: ${variables.error}`);
  const environment = [...new Map([...container.environment, ...variables.value])];
  const { image } = container;
  const own = image && { image: { ...image, ownVariables: [...image.ownVariables, ...variables.value] } };
  return ok({ kind: "command", spec: { ...container, command: program.value, environment, ...own } });
}
