import { CONTAINER_ID_MAX_CHARS, CONTAINER_NESTING_MAX } from "../base/limits.ts";
import type { ContainerID } from "../model/v1/ids.ts";

/** What is wrong with a container's id (common/validation.cpp, validateContainerId). */
export function validateContainerId(id: ContainerID, name: string): string | undefined {
  let depth = 0;
  for (let each: ContainerID | undefined = id; each !== undefined; each = each.parent) {
    const { value } = each;
    if (value === "") return `'${name}.value' must not be empty`;
    if (value.length > CONTAINER_ID_MAX_CHARS) {
      return `'${name}.value' has ${value.length} characters, and may have ${CONTAINER_ID_MAX_CHARS}`;
    }
    if (!/^[A-Za-z0-9_-]+$/.test(value)) {
      return `'${name}.value' ${JSON.stringify(value)} may have letters, digits, "-" and "_" only`;
    }
    depth++;
    if (depth > CONTAINER_NESTING_MAX) return `'${name}' is inside more than ${CONTAINER_NESTING_MAX} others`;
  }
  return undefined;
}
