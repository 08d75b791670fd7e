/**
 * The environment of a command task: what Mesos gives the executor of such a
 * task and the task inherits (src/slave/slave.cpp `executorEnvironment`), with
 * the user's variables winning. Nothing comes from the agent's own environment.
 */
import { SECOND_MS } from "../base/time.ts";

export interface CommandTaskEnvironment {
  readonly frameworkId: string;
  readonly executorId: string;
  readonly agentId: string;
  /** `ip:port` of the agent's HTTP server. */
  readonly agentEndpoint: string;
  /** Absolute path of the sandbox on the host. */
  readonly sandbox: string;
  /** Sandbox as the task sees it; differs from `sandbox` only with an image. */
  readonly sandboxInContainer?: string;
  readonly checkpoint: boolean;
  readonly recoveryTimeoutMs: number;
  readonly subscriptionBackoffMaxMs: number;
  readonly executorShutdownGraceMs: number;
  /** Set by the operator for every executor; the user's variables win over them. */
  readonly operatorVariables?: readonly (readonly [name: string, value: string])[];
  /** CommandInfo.environment; of equal names the last one counts. */
  readonly userVariables: readonly (readonly [name: string, value: string])[];
}

/** PATH when nobody sets one (stout os::host_default_path). */
export const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** The complete table, names unique, in a fixed order. */
export function commandTaskEnvironment(from: CommandTaskEnvironment): readonly (readonly [string, string])[] {
  const table = new Map<string, string>([
    ["MESOS_FRAMEWORK_ID", from.frameworkId],
    ["MESOS_EXECUTOR_ID", from.executorId],
    ["MESOS_SLAVE_ID", from.agentId],
    ["MESOS_SLAVE_PID", `slave(1)@${from.agentEndpoint}`],
    ["MESOS_AGENT_ENDPOINT", from.agentEndpoint],
    ["MESOS_DIRECTORY", from.sandbox],
    ["MESOS_SANDBOX", from.sandboxInContainer ?? from.sandbox],
    ["MESOS_CHECKPOINT", from.checkpoint ? "1" : "0"],
    ["MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD", durationText(from.executorShutdownGraceMs)],
    ["MESOS_HTTP_COMMAND_EXECUTOR", "0"],
    ["LIBPROCESS_PORT", "0"],
  ]);
  if (from.checkpoint) {
    table.set("MESOS_RECOVERY_TIMEOUT", durationText(from.recoveryTimeoutMs));
    table.set("MESOS_SUBSCRIPTION_BACKOFF_MAX", durationText(from.subscriptionBackoffMaxMs));
  }
  for (const [name, value] of from.operatorVariables ?? []) table.set(name, value);
  for (const [name, value] of from.userVariables) table.set(name, value);
  if (!table.has("PATH")) table.set("PATH", DEFAULT_PATH);
  return [...table];
}

const UNITS: readonly (readonly [ms: number, name: string])[] = [
  [7 * 24 * 3600 * SECOND_MS, "weeks"],
  [24 * 3600 * SECOND_MS, "days"],
  [3600 * SECOND_MS, "hrs"],
  [60 * SECOND_MS, "mins"],
  [SECOND_MS, "secs"],
];

/** A duration as stout's Duration reads it, in the largest unit that divides it: `15mins`, `90secs`. */
export function durationText(ms: number): string {
  for (const [size, name] of UNITS) if (ms >= size && ms % size === 0) return `${ms / size}${name}`;
  return `${ms}ms`;
}
