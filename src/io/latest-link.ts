import { mkdirSync, renameSync, symlinkSync, unlinkSync } from "node:fs";
import { basename, dirname } from "node:path";

/**
 * Points the symbolic link `link` at `sandbox`, which lies beside it. Readers
 * see the old target or the new one, never none.
 *
 * Done at once and not on the thread pool: three short system calls cost less
 * than handing them over, and a launch waits for them.
 */
export async function linkLatest(link: string, sandbox: string): Promise<void> {
  mkdirSync(dirname(link), { recursive: true });
  const target = basename(sandbox);
  try {
    symlinkSync(target, link);
    return;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
  const draft = `${link}.${target}`;
  try {
    symlinkSync(target, draft);
  } catch (error) {
    // Left by an agent that died here.
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    unlinkSync(draft);
    symlinkSync(target, draft);
  }
  renameSync(draft, link);
}
