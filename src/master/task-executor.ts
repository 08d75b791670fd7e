/** The executor that a framework gives with a task or a group of tasks. */
import { sameBytes } from "../base/bytes.ts";
import { fail, ok, type Result } from "../base/result.ts";
import { toResources } from "../model/resource-format.ts";
import { Resources } from "../model/resources.ts";
import type { ExecutorInfo } from "../model/v1/tasks.ts";
import { encodeBlob } from "../wire/blob.ts";
import { type ExecutorHolding, isCustom } from "./executor-holdings.ts";
import type { Leader } from "./leader.ts";
import type { FrameworkMemory } from "./memory.ts";

/** Most frameworks leave their id out; with and without it is the same executor, as for Mesos. */
export function namedExecutor(info: ExecutorInfo, frameworkId: string): ExecutorInfo {
  return { ...info, framework_id: { value: frameworkId } };
}

export interface TaskExecutor {
  readonly holding: ExecutorHolding;
  /** As every task of it carries it. */
  readonly info: ExecutorInfo;
  /** It is not on the agent yet: its resources are taken, too. */
  readonly isNew: boolean;
}

/** Where it is to run, and out of whose offers. */
interface ExecutorPlace {
  readonly framework: FrameworkMemory;
  readonly agentId: string;
  readonly role: string;
}

/** The executor as it will be, or as it is on the agent already. */
export function executorOf(leader: Leader, place: ExecutorPlace, given: ExecutorInfo): Result<TaskExecutor> {
  const { framework, agentId, role } = place;
  const executorId = given.executor_id.value;
  const parsed = Resources.from(given.resources ?? []);
  if (!parsed.ok) return fail(`Executor uses invalid resources: ${parsed.error}`);
  for (const other of parsed.value.allocations().keys()) {
    if (other !== role) {
      return fail(
        `Executor uses resources allocated to role '${other}', its offer is allocated to '${role}'`,
      );
    }
  }
  const resources = parsed.value.unallocated();
  const info = namedExecutor({ ...given, resources: toResources(resources.allocate(role)) }, framework.id);
  const blob = encodeBlob("ExecutorInfo", info);
  const known = leader.agent(agentId).executors.find(framework.id, executorId);
  if (known !== undefined && !sameBytes(known.info, blob)) {
    return fail(
      `ExecutorInfo of '${executorId}' is not compatible with the existing ExecutorInfo of the same id; give it another id`,
    );
  }
  const custom = isCustom(given);
  const holding = known ?? { frameworkId: framework.id, executorId, role, resources, info: blob, custom };
  return ok({ holding, info, isNew: known === undefined });
}
