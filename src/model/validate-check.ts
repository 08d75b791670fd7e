/** Rules for CheckInfo and HealthCheck (Mesos common/validation.cpp, checks/health_checker.cpp). */
import { PORT_MAX } from "../base/host-port.ts";
import type { CheckInfo, CommandInfo, HealthCheck } from "./v1/tasks.ts";
import { checkCommand } from "./validate-command.ts";

/** Why a task's check is refused, or undefined. */
export function checkCheck(check: CheckInfo): string | undefined {
  const { type, command, http, tcp } = check;
  return checkProbe("check", type, command?.command, http, tcp) ?? checkTimes(check, TIMES);
}

/** Why a task's health check is refused, or undefined. */
export function checkHealthCheck(check: HealthCheck): string | undefined {
  const { type, command, http, tcp } = check;
  const scheme = http?.scheme;
  if (scheme !== undefined && scheme !== "http" && scheme !== "https") {
    return `Unsupported HTTP health check scheme: '${scheme}'`;
  }
  return checkProbe("health check", type, command, http, tcp) ?? checkTimes(check, HEALTH_TIMES);
}

const TIMES = ["delay_seconds", "interval_seconds", "timeout_seconds"] as const;
const HEALTH_TIMES = [...TIMES, "grace_period_seconds"] as const;

function checkTimes<K extends string>(
  check: { readonly [name in K]?: number },
  names: readonly K[],
): string | undefined {
  const negative = names.find((name) => !((check[name] ?? 0) >= 0));
  return negative === undefined ? undefined : `Expecting '${negative}' to be non-negative`;
}

function checkProbe(
  what: string,
  type: CheckInfo["type"] | HealthCheck["type"],
  command: CommandInfo | undefined,
  http: { readonly port: number; readonly path?: string } | undefined,
  tcp: { readonly port: number } | undefined,
): string | undefined {
  switch (type) {
    case undefined:
      return `The ${what} must specify 'type'`;
    case "COMMAND":
      if (!command) return `Expecting 'command' to be set for COMMAND ${what}`;
      if (command.value === undefined) return `Command ${what} must contain a command value`;
      return checkCommand(command);
    case "HTTP":
      if (!http) return `Expecting 'http' to be set for HTTP ${what}`;
      if (http.path !== undefined && !http.path.startsWith("/")) {
        return `The path '${http.path}' of HTTP ${what} must start with '/'`;
      }
      return checkPort(http.port);
    case "TCP":
      return tcp ? checkPort(tcp.port) : `Expecting 'tcp' to be set for TCP ${what}`;
    case "UNKNOWN":
      return `'UNKNOWN' is not a valid type of ${what}`;
  }
}

function checkPort(port: number): string | undefined {
  return port > 0 && port <= PORT_MAX ? undefined : `Port ${port} is not between 1 and ${PORT_MAX}`;
}
