/**
 * What mounts of a container need in sandboxes: directories, and files to
 * mount files on. The sandbox of a pod has tasks that live, and that may put a
 * link in the place of any directory at any time. Each directory is therefore
 * opened for itself, and what is made is named below the open file.
 */
import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  lstatSync,
  mkdirSync,
  openSync,
  statSync,
} from "node:fs";
import { fail, ok, type Result } from "../../base/result.ts";
import type { ReadyMount } from "../container.ts";
import type { Owner } from "../runtime.ts";
import { makeDirectory } from "./directory.ts";

const { O_CREAT, O_DIRECTORY, O_NOFOLLOW, O_RDONLY, O_WRONLY } = constants;

/** What is there already may be there. Linux. */
export function makeMountPoints(
  sandbox: string,
  mounts: readonly ReadyMount[],
  owner: Owner | undefined,
): Result<void> {
  for (const mount of mounts) {
    const problem = makeSource(sandbox, mount, owner) ?? makeTarget(sandbox, mount, owner);
    if (problem !== undefined) return fail(`Cannot make the mount point "${mount.target}": ${problem}`);
  }
  return ok(undefined);
}

function makeSource(sandbox: string, mount: ReadyMount, owner: Owner | undefined): string | undefined {
  if (mount.kind !== "bind") return undefined;
  const { source, sourceBase, sourceMode, create } = mount;
  if (!source.startsWith("/")) {
    return inDirectory(sourceBase ?? sandbox, source, owner, (file) => {
      // As Mesos' volume/sandbox_path does it; what is in the container's own sandbox is given with that.
      if (sourceBase !== undefined && owner !== undefined) fchownSync(file, owner.uid, owner.gid);
      if (sourceMode !== undefined) fchmodSync(file, sourceMode);
    });
  }
  if (create === true) makeDirectory(source);
  return statSync(source, { throwIfNoEntry: false }) === undefined
    ? `the host has no "${source}"`
    : undefined;
}

function makeTarget(sandbox: string, mount: ReadyMount, owner: Owner | undefined): string | undefined {
  const { target } = mount;
  if (target.startsWith("/")) return undefined;
  const nothing = (): void => {};
  if (mount.kind === "secret") return makeFile(sandbox, target, owner);
  if (mount.kind !== "bind" || !mount.source.startsWith("/")) {
    return inDirectory(sandbox, target, owner, nothing);
  }
  return statSync(mount.source).isDirectory()
    ? inDirectory(sandbox, target, owner, nothing)
    : makeFile(sandbox, target, owner);
}

function makeFile(sandbox: string, target: string, owner: Owner | undefined): string | undefined {
  const names = target.split("/");
  const last = names.pop() ?? "";
  return inDirectory(sandbox, names.join("/"), owner, (file) => {
    closeSync(openSync(`/proc/self/fd/${file}/${last}`, O_WRONLY | O_CREAT | O_NOFOLLOW, 0o644));
  });
}

/** Goes to the directory, which with its parents is made when missing, and uses it while it is open. */
function inDirectory(
  base: string,
  path: string,
  owner: Owner | undefined,
  use: (file: number) => void,
): string | undefined {
  let file = openSync(base, O_RDONLY | O_DIRECTORY);
  try {
    for (const name of path.split("/").filter((each) => each !== "")) {
      const below = `/proc/self/fd/${file}/${name}`;
      const made = makeOne(below);
      let next: number;
      try {
        next = openSync(below, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
      } catch {
        return `"${name}" of the path "${path}" is a link or no directory`;
      }
      closeSync(file);
      file = next;
      if (made && owner !== undefined) fchownSync(file, owner.uid, owner.gid);
    }
    use(file);
    return undefined;
  } finally {
    closeSync(file);
  }
}

/** Whether it was missing. */
function makeOne(path: string): boolean {
  try {
    mkdirSync(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

/** In a sandbox in which nothing runs yet. */
export function makeDirectories(sandbox: string, path: string): string | undefined {
  let directory = sandbox;
  for (const name of path.split("/").filter((each) => each !== "")) {
    directory = `${directory}/${name}`;
    const found = lstatSync(directory, { throwIfNoEntry: false });
    if (found === undefined) mkdirSync(directory);
    else if (!found.isDirectory()) return `"${directory}" is no directory`;
  }
  return undefined;
}
