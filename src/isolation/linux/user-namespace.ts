/**
 * One user namespace for all tasks of an agent: it maps users 0, 1, … of tasks
 * to a range of the host's in which nobody is anybody (user_namespaces(7)).
 * The agent holds it open; tasks enter it as the last thing before they become
 * who they are, so that they own none of their other namespaces.
 */
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { fail, ok, type Result } from "../../base/result.ts";
import type { UserRange } from "../privileges.ts";
import type { Tools } from "../tools.ts";
import { sendSignal } from "./process-table.ts";

const TIMEOUT_MS = 5_000;

/**
 * $1 directory, $2 first user, $3 how many, $4 unshare, $5 shell. Prints the pid of a process in the
 * namespace. That one keeps none of the pipes open, and ends when it is killed.
 */
const SCRIPT = `
mkfifo "$1/up" || exit
( "$4" --user "$5" -c 'echo $$ >"$1"; exec sleep 60' sh "$1/up" || [ $? -gt 128 ] || echo 0 >"$1/up" ) \\
  >/dev/null 2>"$1/error" </dev/null &
read -r pid <"$1/up"
[ "$pid" != 0 ] || { cat "$1/error" >&2; exit 1; }
for map in uid_map gid_map; do echo "0 $2 $3" >"/proc/$pid/$map" || { kill "$pid"; exit 1; }; done
echo "$pid"
`;

/** A file that stands for the namespace while it is open. */
export function openUserNamespace(range: UserRange, { unshare, shell }: Tools): Result<number> {
  if (unshare === undefined) return fail("unshare (util-linux) is not installed");
  const directory = mkdtempSync(`${tmpdir()}/mesh-userns-`);
  try {
    const words = [shell, "-c", SCRIPT, "sh", directory, `${range.first}`, `${range.count}`, unshare, shell];
    const made = Bun.spawnSync(words, { stdin: "ignore", timeout: TIMEOUT_MS });
    const pid = Number(made.stdout.toString().trim());
    if (made.exitCode !== 0 || !(pid > 1)) {
      return fail(`no user namespace can be made: ${made.stderr.toString().trim() || "no answer"}`);
    }
    return hold(pid, range);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function hold(pid: number, { first, count }: UserRange): Result<number> {
  let file: number | undefined;
  try {
    file = openSync(`/proc/${pid}/ns/user`, "r");
    const map = readFileSync(`/proc/${pid}/uid_map`, "utf8").trim().split(/\s+/).join(" ");
    if (map === `0 ${first} ${count}`) return ok(file);
    closeSync(file);
    return fail(`its users are not the ones asked for: ${map}`);
  } catch (error) {
    if (file !== undefined) closeSync(file);
    return fail(error instanceof Error ? error.message : String(error));
  } finally {
    sendSignal(pid, "SIGKILL");
  }
}
