/** Rules for the ids that clients choose (Mesos common/validation.cpp). */
import { ID_MAX_CHARS } from "../base/limits.ts";

/** Control characters, and what would leave a directory: ids become path components, and UTF-8. */
const REFUSED = /[\u0000-\u001f\u007f/\\]/;

const utf8 = new TextEncoder();

/** Why `id` cannot be a task, executor, framework, agent or persistence id, or undefined. */
export function checkId(id: string): string | undefined {
  // Most need no counting: a character has at most three bytes for each of its UTF-16 units.
  const chars = 3 * id.length <= ID_MAX_CHARS ? id.length : utf8.encode(id).length;
  // As Mesos counts them, and file systems the names of sandboxes and volumes.
  if (chars > ID_MAX_CHARS) return `ID must not be greater than ${ID_MAX_CHARS} characters, got ${chars}`;
  return checkIdText(id);
}

/** The same, whatever its length. */
export function checkIdText(id: string): string | undefined {
  if (id === "") return "ID must not be empty";
  if (id === "." || id === "..") return `'${id}' is disallowed`;
  if (REFUSED.test(id) || !id.isWellFormed()) return `${JSON.stringify(id)} contains invalid characters`;
  return undefined;
}
