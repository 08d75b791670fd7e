/** Removing the sandbox of a container inside another, which that one's user may lead elsewhere by links. */
import { mkdirSync, renameSync } from "node:fs";
import { rm } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { pinDirectory } from "./pinned-directory.ts";

/**
 * It is out of the way at the return: moved to the trash of sandbox-gc.ts,
 * which deletes what is left there. One that is not there is fine.
 * @param workDir only the agent can change what leads to it
 */
export async function removeSandbox(workDir: string, path: string): Promise<void> {
  const trash = `${workDir}/gc`;
  const taken = `${trash}/${crypto.randomUUID()}`;
  mkdirSync(trash, { recursive: true, mode: 0o700 });
  try {
    const directory = pinDirectory(workDir, dirname(path));
    if (directory === undefined) throw new Error(`"${dirname(path)}" leads elsewhere`);
    try {
      renameSync(`${directory.path}/${basename(path)}`, taken);
    } finally {
      directory.close();
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw error;
  }
  await rm(taken, { recursive: true, force: true });
}
