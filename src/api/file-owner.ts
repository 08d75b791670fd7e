/** Names of the owners of files, as /files/browse shows them, and their permissions as `ls -l` does. */
import { readFile } from "node:fs/promises";

export interface OwnerNames {
  user(uid: number): string;
  group(gid: number): string;
}

/** Read anew for each listing: accounts come and go while an agent runs. */
export async function readOwnerNames(): Promise<OwnerNames> {
  const [users, groups] = await Promise.all([readNames("/etc/passwd"), readNames("/etc/group")]);
  return {
    user: (uid) => users.get(uid) ?? String(uid),
    group: (gid) => groups.get(gid) ?? String(gid),
  };
}

/** Ids to names, from the first and third field of each line (passwd(5), group(5)). */
async function readNames(path: string): Promise<Map<number, string>> {
  const text = await readFile(path, "utf8").catch(() => "");
  const names = new Map<number, string>();
  for (const line of text.split("\n")) {
    const [name, , id] = line.split(":");
    if (name !== undefined && id !== undefined && !names.has(Number(id))) names.set(Number(id), name);
  }
  return names;
}

/** Type bits of `st_mode` (inode(7)). */
const TYPE_MASK = 0o170000;
const TYPES: ReadonlyMap<number, string> = new Map([
  [0o140000, "s"],
  [0o120000, "l"],
  [0o060000, "b"],
  [0o040000, "d"],
  [0o020000, "c"],
  [0o010000, "p"],
]);

/** `-rw-r--r--` */
export function modeText(mode: number): string {
  let out = TYPES.get(mode & TYPE_MASK) ?? "-";
  for (const shift of [6, 3, 0]) {
    const bits = mode >> shift;
    out += (bits & 4 ? "r" : "-") + (bits & 2 ? "w" : "-") + (bits & 1 ? "x" : "-");
  }
  return out;
}
