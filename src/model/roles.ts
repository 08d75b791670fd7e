/** Role names and their tree: `eng/web` is below `eng` (Mesos common/roles.cpp). */
import { ROLE_MAX_CHARS } from "../base/limits.ts";

/** The role that is nobody's: resources of it are unreserved. */
export const ANY_ROLE = "*";

/** Of one part, without what may be wrong with one: a framework may have a hundred thousand roles. */
const PLAIN = /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/;

/** Why `role` is no valid role name, or undefined. */
export function checkRole(role: string): string | undefined {
  if (role === ANY_ROLE || (role.length <= ROLE_MAX_CHARS && PLAIN.test(role))) return undefined;
  if (role === "") return "Role must not be empty";
  if (role.length > ROLE_MAX_CHARS) {
    return `Role '${role.slice(0, 50)}…' has ${role.length} characters, more than ${ROLE_MAX_CHARS}`;
  }
  if (role.startsWith("/")) return `Role '${role}' must not start with a slash`;
  if (role.endsWith("/")) return `Role '${role}' must not end with a slash`;
  for (const part of role.split("/")) {
    if (part === "") return `Role '${role}' must not contain two slashes in a row`;
    const reason = checkPart(part);
    if (reason !== undefined) return `Role '${role}' is invalid: ${reason}`;
  }
  return undefined;
}

/** Blanks, control characters and backspace or delete, as Mesos lists them. */
const REFUSED = /[\t\n\v\f\r \u0008\u007f]/;

function checkPart(part: string): string | undefined {
  if (part === "." || part === ".." || part === ANY_ROLE) return `'${part}' cannot be a component`;
  if (part.startsWith("-")) return `component '${part}' must not start with '-'`;
  if (REFUSED.test(part)) return `component '${part}' must not contain white space, backspace or delete`;
  return undefined;
}

/** The topmost role above `role`, or itself: quota is set there. */
export function topRole(role: string): string {
  const slash = role.indexOf("/");
  return slash < 0 ? role : role.slice(0, slash);
}

/** True when `role` lies below `ancestor`; nothing lies below itself or `*`. */
export function isStrictSubrole(role: string, ancestor: string): boolean {
  return role.length > ancestor.length && role.startsWith(ancestor) && role[ancestor.length] === "/";
}
