/**
 * Destroying a persistent volume: one rename takes its directory out of the
 * way at once, then what is in it is deleted in the background. What a crash
 * leaves in the trash goes with the next removal. The root of a MOUNT disk
 * stays where it is and is emptied.
 */
import { lstatSync, mkdirSync, readdirSync, renameSync } from "node:fs";
import { readdir, rm } from "node:fs/promises";
import { dirname } from "node:path";

/**
 * `path`: `<root>/volumes/roles/<role>/<id>`, or the root of a whole disk. Says
 * why the data is still there.
 */
export async function removeVolume(
  path: string,
  { wholeDisk = false }: { readonly wholeDisk?: boolean },
): Promise<string | undefined> {
  return wholeDisk ? await emptyDisk(path) : moveAway(path);
}

async function emptyDisk(root: string): Promise<string | undefined> {
  try {
    for (const name of await readdir(root)) {
      // Of the file system, not of the volume; mkfs makes it anew where it is missing.
      if (name !== "lost+found") await rm(`${root}/${name}`, { recursive: true, force: true });
    }
    return undefined;
  } catch (error) {
    return `Cannot empty the disk "${root}": ${error instanceof Error ? error.message : String(error)}`;
  }
}

/** A role or id that is too long for a file name (NAME_MAX) never had a directory. */
function isThere(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENAMETOOLONG") return false;
    throw error;
  }
}

function moveAway(path: string): string | undefined {
  const trash = `${dirname(dirname(dirname(path)))}/trash`;
  try {
    if (!isThere(path)) return undefined;
    mkdirSync(trash, { recursive: true });
    renameSync(path, `${trash}/${crypto.randomUUID()}`);
  } catch (error) {
    return `Cannot move "${path}" to "${trash}": ${error instanceof Error ? error.message : String(error)}`;
  }
  // A failure costs room only, and the next removal tries again.
  for (const name of readdirSync(trash)) {
    rm(`${trash}/${name}`, { recursive: true, force: true }).catch(() => {});
  }
  return undefined;
}
