import { CONTAINER_ID_MAX_BYTES, CONTAINER_NESTING_MAX } from "../base/limits.ts";
import type { ContainerID } from "../model/v1/ids.ts";
import { checkId } from "../model/validate-ids.ts";

/** What is wrong with a container's id (Mesos slave/validation.cpp, validateContainerId). */
export function validateContainerId(id: ContainerID, name: string): string | undefined {
  let depth = 0;
  for (let each: ContainerID | undefined = id; each !== undefined; each = each.parent) {
    const { value } = each;
    const wrong = checkId(value);
    if (wrong !== undefined) return `'${name}.value' is invalid: ${wrong}`;
    const bytes = new TextEncoder().encode(value).length;
    if (bytes > CONTAINER_ID_MAX_BYTES) {
      return `'${name}.value' has ${bytes} bytes, and may have ${CONTAINER_ID_MAX_BYTES}`;
    }
    // A dot is between the ids of containers inside others.
    if (/[. ]/.test(value)) {
      return `'${name}.value' ${JSON.stringify(value)} contains invalid characters: leave out dots and spaces`;
    }
    depth++;
    if (depth > CONTAINER_NESTING_MAX) return `'${name}' is inside more than ${CONTAINER_NESTING_MAX} others`;
  }
  return undefined;
}
