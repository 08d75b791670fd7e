/** A master and an agent never share a directory: each takes what the other keeps there for its own. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { checkpointDirectory } from "../agent/paths.ts";
import { MeshError } from "../base/errors.ts";

/** In each database of LevelDB. */
const CURRENT = "CURRENT";

/** Throws MeshError DIRECTORY_UNUSABLE. */
export function refuseWorkDirectory(dataDir: string, flag: string): void {
  if (existsSync(join(checkpointDirectory(dataDir), CURRENT))) {
    throw foreign(dataDir, "it is the work directory of an agent", flag);
  }
}

/** Throws MeshError DIRECTORY_UNUSABLE. */
export function refuseDataDirectory(workDir: string, flag: string): void {
  if (existsSync(join(workDir, CURRENT))) throw foreign(workDir, "it holds the database of a master", flag);
}

function foreign(directory: string, what: string, flag: string): MeshError {
  return new MeshError(
    "DIRECTORY_UNUSABLE",
    `Cannot use the directory '${directory}': ${what}; choose another with ${flag}`,
  );
}
