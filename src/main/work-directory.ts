/** The directory of an agent or of `mesh dev`, and how a start that fails takes it back. */
import { existsSync, mkdirSync, readdirSync, rmdirSync, rmSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { checkpointDirectory } from "../agent/paths.ts";
import { destroyDatabase } from "../io/level.ts";
import { programDirectory } from "./agent-runtime.ts";
import { refuseDataDirectory } from "./foreign-directory.ts";
import { directoryError } from "./process.ts";
import { chooseRuntimeDirectory, removeUnusedRuntimeDirectory } from "./runtime-directory.ts";

export interface WorkDirectory {
  /** Absolute. */
  readonly path: string;
  /** The topmost directory that was made for it; undefined: it was there before. */
  readonly made: string | undefined;
}

/** Throws MeshError. */
export function makeWorkDirectory(directory: string, flag: string): WorkDirectory {
  const path = resolve(directory);
  refuseDataDirectory(path, flag);
  try {
    return { path, made: mkdirSync(path, { recursive: true }) };
  } catch (error) {
    throw directoryError(path, flag, error);
  }
}

/** After a start that failed: what it made is removed, but nothing that another has put there. */
export async function removeNewWorkDirectory(directory: WorkDirectory): Promise<void> {
  const { path, made } = directory;
  if (made === undefined) return;
  removeUnusedRuntimeDirectory(chooseRuntimeDirectory(path));
  await removeNewDirectory(directory, checkpointDirectory(path), programDirectory(path));
}

/** @param database at most this is in it, and `anew`, which each start makes */
export async function removeNewDirectory(
  { path, made }: WorkDirectory,
  database: string,
  anew?: string,
): Promise<void> {
  if (made === undefined) return;
  await destroyDatabase(database);
  if (existsSync(database)) return;
  try {
    if (anew !== undefined) rmSync(anew, { recursive: true, force: true });
    removeEmpty(path);
    for (let above = dirname(path); above.length >= made.length; above = dirname(above)) rmdirSync(above);
  } catch {
    // Something is in it.
  }
}

/** Throws when it holds more than directories; does not follow links out of it. */
function removeEmpty(directory: string): void {
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    if (!entry.isDirectory()) throw new Error(`${entry.name} is no directory`);
    removeEmpty(join(directory, entry.name));
  }
  rmdirSync(directory);
}
