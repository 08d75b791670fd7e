import { assert } from "../base/assert.ts";
import { plainPart, toResources } from "../model/resource-format.ts";
import { Resources } from "../model/resources.ts";
import type { Resource } from "../model/v1/resources.ts";
import type { TaskInfo } from "../model/v1/tasks.ts";
import type { FrameworkMemory } from "./memory.ts";

/**
 * Leader memory and the allocator hold resources without allocation_info (the
 * role stands beside them); messages and the registry's TaskInfo carry it.
 */
export function taskResources(info: TaskInfo): Resources {
  return parsedResources(info.resources ?? [], info.task_id.value);
}

/** {@link taskResources}, of the message's resources alone. */
export function parsedResources(resources: readonly Resource[], taskId: string): Resources {
  const parsed = Resources.from(resources);
  assert(parsed.ok, `Resources of launched task '${taskId}' must be valid`);
  return parsed.value.unallocated();
}

/** The TaskInfo as the registry and the agent keep it. */
export function allocatedTask(info: TaskInfo, resources: Resources, role: string): TaskInfo {
  return { ...info, resources: toResources(resources.allocate(role)) };
}

/**
 * Resources as an offer to this framework shows them: allocation_info only
 * with MULTI_ROLE, stacked reservations only with RESERVATION_REFINEMENT.
 */
export function offeredResources(resources: Resources, role: string, framework: FrameworkMemory): Resource[] {
  const shown = framework.capabilities.has("MULTI_ROLE") ? resources.allocate(role) : resources;
  return framework.capabilities.has("RESERVATION_REFINEMENT")
    ? toResources(shown, "refined")
    : toResources(plainPart(shown), "plain");
}
