/** Calls that a scheduler makes now and then, beside its daily work; some name what is not there. */
import type { Random } from "../../src/base/random.ts";
import type { SchedulerCall } from "../../src/model/v1/scheduler.ts";

/** What there is to name. */
export interface WhimNames {
  readonly roles: readonly string[];
  readonly agentId: string;
  readonly executorId: string;
}

export function drawWhim(random: Random, { roles, agentId, executorId }: WhimNames): SchedulerCall {
  const agent_id = { value: agentId };
  const executor_id = { value: executorId };
  switch (random.below(6)) {
    case 0:
      return { type: "SUPPRESS", suppress: { roles: [random.pick([...roles, "x"])] } };
    case 1:
      return { type: "REVIVE", revive: { roles: [random.pick([...roles, "x"])] } };
    case 2:
      return { type: "MESSAGE", message: { agent_id, executor_id, data: new Uint8Array([1]) } };
    case 3:
      return { type: "SHUTDOWN", shutdown: { agent_id, executor_id } };
    case 4: {
      const cpus = { name: "cpus", type: "SCALAR" as const, scalar: { value: 1 } };
      return { type: "REQUEST", request: { requests: [{ agent_id, resources: [cpus] }] } };
    }
    default:
      return { type: "RECONCILE_OPERATIONS", reconcile_operations: { operations: [] } };
  }
}
