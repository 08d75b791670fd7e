import { readFileSync } from "node:fs";
import { fail, ok, type Result } from "../../base/result.ts";
import type { Owner } from "../runtime.ts";

/** Row of passwd(5) as an owner; undefined when the text has no such user. */
export function ownerFromPasswd(passwd: string, user: string): Owner | undefined {
  for (const line of passwd.split("\n")) {
    const [name, , uid, gid] = line.split(":");
    if (name === user && uid !== undefined && gid !== undefined) {
      return { uid: Number(uid), gid: Number(gid) };
    }
  }
  return undefined;
}

/** Looks a user up: /etc/passwd, then what getent(1) knows (LDAP and the like). */
export function lookUpUser(user: string): Result<Owner> {
  const local = ownerFromPasswd(readFileSync("/etc/passwd", "utf8"), user);
  if (local !== undefined) return ok(local);
  const getent = Bun.which("getent", { PATH: "/usr/bin:/bin" });
  if (getent !== null && user !== "" && !user.startsWith("-")) {
    const answer = Bun.spawnSync([getent, "passwd", user], { stdin: "ignore" }).stdout.toString();
    const owner = ownerFromPasswd(answer, user);
    if (owner !== undefined) return ok(owner);
  }
  return fail(
    `Cannot run as user "${user}": the agent's machine has no such user; create it or name another`,
  );
}
