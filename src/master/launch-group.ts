/**
 * LAUNCH_GROUP: tasks that are launched together or not at all, under one
 * executor (TSK-17). One bad task spoils the group, here, when it is applied,
 * and on the agent.
 */
import { BLOB_MAX_BYTES } from "../base/limits.ts";
import { fail, ok, type Result } from "../base/result.ts";
import { uuidText } from "../base/uuid.ts";
import { checkpointedPart } from "../model/checkpointed-resources.ts";
import { Resources } from "../model/resources.ts";
import type { OfferOperation } from "../model/v1/offers.ts";
import type { ExecutorInfo, TaskInfo } from "../model/v1/tasks.ts";
import { checkTaskGroup } from "../model/validate-task-group.ts";
import { writeResources } from "../registry/agent-total.ts";
import { groupRunIds } from "../registry/run-ids.ts";
import type { ExecutorHolding } from "./executor-holdings.ts";
import { type LaunchContext, type PlannedTask, planTask, reserve } from "./launch.ts";
import type { Leader } from "./leader.ts";
import { taskKey } from "./memory.ts";
import { refuseTask } from "./refuse-task.ts";
import { executorOf } from "./task-executor.ts";

/** What a group needs of the offers, in order. */
interface Plan {
  readonly tasks: readonly PlannedTask[];
  readonly executor: ExecutorHolding;
  /** The executor is not on the agent yet: its resources are taken, too. */
  readonly isNew: boolean;
}

export function launchGroup(leader: Leader, context: LaunchContext, operation: OfferOperation): void {
  const group = operation.launch_group;
  const tasks = group?.task_group.tasks ?? [];
  if (group === undefined || tasks.length === 0) return;
  const plan =
    operation.id === undefined
      ? planGroup(leader, context, tasks, group.executor)
      : fail("The 'id' field was set in an offer operation that launches tasks; leave it out");
  if (plan.ok) {
    takeGroup(leader, context, plan.value);
    return;
  }
  for (const task of tasks) {
    refuseTask(leader, context.framework, {
      taskId: task.task_id.value,
      agentId: task.agent_id.value,
      state: "TASK_ERROR",
      reason: "REASON_TASK_GROUP_INVALID",
      message: plan.error,
    });
  }
}

function planGroup(
  leader: Leader,
  context: LaunchContext,
  tasks: readonly TaskInfo[],
  given: ExecutorInfo,
): Result<Plan> {
  const { framework, agentId } = context;
  const invalid = checkTaskGroup(tasks, given, { agentId, frameworkId: framework.id });
  if (invalid !== undefined) return fail(invalid);
  const executor = executorOf(leader, context, given);
  if (!executor.ok) return executor;
  const { isNew, holding, info } = executor.value;
  const planned: PlannedTask[] = [];
  const parts = isNew ? [holding.resources] : [];
  let bytes = 0;
  for (const task of tasks) {
    const checked = planTask(leader, context, { ...task, executor: info });
    if (!checked.ok) return fail(`Task '${task.task_id.value}' is invalid: ${checked.error}`);
    planned.push(checked.value);
    parts.push(checked.value.resources);
    bytes += checked.value.info.length;
  }
  if (bytes > BLOB_MAX_BYTES) {
    return fail(
      `The group takes ${bytes} bytes, more than ${BLOB_MAX_BYTES}; let its tasks fetch their data`,
    );
  }
  const needed = sumOf(parts);
  if (!context.remaining.contains(needed)) {
    const available = `are more than available ${context.remaining}`;
    return fail(`Total resources ${needed} required by task group and its executor ${available}`);
  }
  return ok({ tasks: planned, executor: holding, isNew });
}

/** A shared volume is needed once, however many use it. */
function sumOf(parts: readonly Resources[]): Resources {
  const own = parts.map((part) => part.filter((identity) => !identity.isShared));
  const seen = new Set<string>();
  const shared = parts.map((part) =>
    part.filter((identity) => {
      if (!identity.isShared || seen.has(identity.key)) return false;
      seen.add(identity.key);
      return true;
    }),
  );
  return Resources.sum([...own, ...shared]);
}

function takeGroup(leader: Leader, context: LaunchContext, { tasks, executor, isNew }: Plan): void {
  const { framework, agentId, role } = context;
  const agent = leader.agent(agentId);
  if (isNew) context.remaining = context.remaining.subtract(executor.resources);
  const group: LaunchContext = { ...context, tasks: [], needs: checkpointedPart(executor.resources) };
  const runIds = groupRunIds(uuidText(leader.newUuid()), tasks.length);
  tasks.forEach((task, index) => {
    agent.executors.hold(executor, taskKey(framework.id, task.taskId));
    reserve(leader, group, task, runIds[index]);
  });
  context.remaining = group.remaining;
  context.groups.push({
    kind: "launch-group",
    frameworkId: framework.id,
    agentId,
    role,
    tasks: group.tasks,
    atMs: leader.now.wallMs,
    needs: writeResources(group.needs),
  });
}
