/**
 * Destroying a persistent volume: one rename takes its directory out of the
 * way at once, then what is in it is deleted in the background. What a crash
 * leaves in the trash goes with the next removal.
 */
import { lstatSync, mkdirSync, readdirSync, renameSync } from "node:fs";
import { rm } from "node:fs/promises";
import { dirname } from "node:path";

/** `path`: `<root>/volumes/roles/<role>/<id>`. Says why the directory is still there. */
export function removeVolume(path: string): string | undefined {
  const trash = `${dirname(dirname(dirname(path)))}/trash`;
  try {
    if (lstatSync(path, { throwIfNoEntry: false }) === undefined) return undefined;
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
