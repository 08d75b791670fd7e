import { mkdir, rename, rm, symlink } from "node:fs/promises";
import { basename, dirname } from "node:path";

/**
 * Points the symbolic link `link` at `sandbox`, which lies beside it. Readers
 * see the old target or the new one, never none.
 */
export async function linkLatest(link: string, sandbox: string): Promise<void> {
  await mkdir(dirname(link), { recursive: true });
  const draft = `${link}.${basename(sandbox)}`;
  await rm(draft, { force: true });
  await symlink(basename(sandbox), draft);
  await rename(draft, link);
}
