/** Rules for the ids that clients choose (Mesos common/validation.cpp). */
import { ID_MAX_CHARS } from "../base/limits.ts";

/** Control characters, and what would leave a directory: ids become path components, and UTF-8. */
const REFUSED = /[\u0000-\u001f\u007f/\\]/;

/** Why `id` cannot be a task, executor, framework, agent or persistence id, or undefined. */
export function checkId(id: string): string | undefined {
  if (id === "") return "ID must not be empty";
  if (id.length > ID_MAX_CHARS) {
    return `ID must not be greater than ${ID_MAX_CHARS} characters, got ${id.length}`;
  }
  if (id === "." || id === "..") return `'${id}' is disallowed`;
  if (REFUSED.test(id) || !id.isWellFormed()) return `${JSON.stringify(id)} contains invalid characters`;
  return undefined;
}
