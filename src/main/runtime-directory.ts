import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  rmdirSync,
  rmSync,
  statfsSync,
} from "node:fs";
import { runtimeDirectory } from "../agent/paths.ts";
import { sharedDirectory } from "../isolation/linux/confinement-files.ts";
import { ownerFile } from "./runtime-owner.ts";

/** File systems that a reboot empties; records of live containers are of no use after one. */
const VOLATILE = ["/run", "/dev/shm"];
/** f_type of statfs(2). */
const TMPFS_MAGIC = 0x01021994;

/**
 * Where an agent keeps the records of its containers: in memory below
 * `/run/mesh` (or `/dev/shm/mesh`) for root, else in its work directory, and
 * there too while the work directory still holds some. The name is made from
 * the work directory, so that a new process finds what an earlier one left,
 * also when somebody deleted the work directory meanwhile.
 *
 * @param workDir must exist
 */
export function chooseRuntimeDirectory(workDir: string): string {
  const inWorkDir = runtimeDirectory(workDir);
  if (process.platform !== "linux" || process.getuid?.() !== 0 || hasRecords(inWorkDir)) return inWorkDir;
  const name = Bun.hash.xxHash64(realpathSync(workDir)).toString(36);
  const parent = VOLATILE.filter(isTmpfs)
    .map((mount) => `${mount}/mesh`)
    .find(isPrivateDirectory);
  return parent === undefined ? inWorkDir : `${parent}/${name}`;
}

/** Leaves nothing behind of a stopped agent when no container lives on. */
export function removeUnusedRuntimeDirectory(directory: string): void {
  const gone = (path: string): void => {
    try {
      rmdirSync(path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
  };
  try {
    gone(`${directory}/networks`);
    gone(`${directory}/containers`);
    // What it makes anew at each start.
    rmSync(sharedDirectory(directory), { recursive: true, force: true });
    rmSync(ownerFile(directory), { force: true });
    gone(directory);
  } catch {
    // In use.
  }
}

function hasRecords(directory: string): boolean {
  const containers = `${directory}/containers`;
  return existsSync(containers) && readdirSync(containers).length > 0;
}

function isTmpfs(path: string): boolean {
  try {
    return statfsSync(path).type === TMPFS_MAGIC;
  } catch {
    return false;
  }
}

/** Makes it if need be. Anybody may write to /dev/shm: what is not root's alone is not used. */
function isPrivateDirectory(path: string): boolean {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch {
    // It may be there already.
  }
  const stat = lstatSync(path, { throwIfNoEntry: false });
  return stat?.isDirectory() === true && stat.uid === 0 && (stat.mode & 0o077) === 0;
}
