import type { TaskState, TaskStatusReason } from "../model/v1/tasks.ts";
import type { Leader } from "./leader.ts";
import type { FrameworkMemory } from "./memory.ts";
import { masterStatus, updateEvent } from "./task-status.ts";

/** A launch that ended before it was committed; the framework hears of it once. */
export interface RefusedLaunch {
  readonly taskId: string;
  readonly agentId: string;
  readonly state: TaskState;
  readonly reason: TaskStatusReason;
  readonly message: string;
}

export function refuseTask(leader: Leader, framework: FrameworkMemory, refused: RefusedLaunch): void {
  leader.counters.bump(`tasks_${refused.state.slice("TASK_".length).toLowerCase()}`);
  framework.counters.bump(`tasks/terminal/${refused.state.toLowerCase()}`);
  leader.send(framework, updateEvent(masterStatus({ ...refused, atMs: leader.now.wallMs })));
}
