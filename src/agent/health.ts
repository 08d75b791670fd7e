/**
 * The health of one task, from the results of its checks (Mesos
 * src/checks/health_checker.cpp):
 *
 *     unknown --success--> healthy <--success-- unhealthy --+
 *        |  \                 |                    ^   ^    | failure: one more in a row;
 *        |   \--failure-------|-----failure--------/   |    | as many as allowed: kill
 *        +--failure in the grace period: nothing       +----+
 *
 * Every failure that counts is told, as Mesos does: Marathon counts them by
 * the updates it gets. Of successes only those that change something are.
 */

export interface HealthRules {
  /** Failures before the first success count only when the task runs longer than this; 0: at once. */
  readonly graceMs: number;
  /** Failures in a row that end the task; 0 and 1: the first. */
  readonly maxFailures: number;
}

export interface Health {
  /** As last told; undefined before the first word. */
  healthy: boolean | undefined;
  /** In a row. */
  failures: number;
}

/** What a result means for the framework; `kill`: the task is to be ended. */
export type HealthNews =
  | { readonly healthy: true }
  | { readonly healthy: false; readonly failures: number; readonly kill: boolean };

/** Takes one result in. @param inGrace the task's grace period is not over */
export function noteHealth(
  health: Health,
  rules: HealthRules,
  success: boolean,
  inGrace: boolean,
): HealthNews | undefined {
  if (success) {
    const known = health.healthy === true;
    health.healthy = true;
    health.failures = 0;
    return known ? undefined : { healthy: true };
  }
  if (health.healthy === undefined && inGrace) return undefined;
  health.healthy = false;
  health.failures++;
  return { healthy: false, failures: health.failures, kill: health.failures >= rules.maxFailures };
}
