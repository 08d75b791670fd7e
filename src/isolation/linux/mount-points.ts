/** What mounts of a container need inside its sandbox: directories, and files to mount files on. */
import {
  chmodSync,
  closeSync,
  constants,
  fchownSync,
  lstatSync,
  mkdirSync,
  openSync,
  statSync,
} from "node:fs";
import { fail, ok, type Result } from "../../base/result.ts";
import type { ContainerMount } from "../container.ts";
import type { Owner } from "../runtime.ts";
import { makeDirectory } from "./directory.ts";

const { O_CREAT, O_DIRECTORY, O_NOFOLLOW, O_RDONLY, O_WRONLY } = constants;

/** Into the sandbox before anything else is in it; what is there already may be there. */
export function makeMountPoints(
  sandbox: string,
  mounts: readonly ContainerMount[],
  owner: Owner | undefined,
): Result<void> {
  for (const mount of mounts) {
    const problem = makeSource(sandbox, mount, owner) ?? makeTarget(sandbox, mount);
    if (problem !== undefined) return fail(`Cannot make the mount point "${mount.target}": ${problem}`);
  }
  return ok(undefined);
}

function makeSource(sandbox: string, mount: ContainerMount, owner: Owner | undefined): string | undefined {
  if (mount.kind === "file-system") return undefined;
  const { source, sourceBase, sourceMode, create } = mount;
  if (source.startsWith("/")) {
    if (create === true) makeDirectory(source);
    return undefined;
  }
  const problem = makeDirectories(sourceBase ?? sandbox, source);
  if (problem !== undefined) return problem;
  // As Mesos' volume/sandbox_path does it; what is in the container's own sandbox is given with that.
  if (sourceBase !== undefined && owner !== undefined) giveDirectory(sourceBase, source, owner);
  if (sourceMode === undefined) return undefined;
  chmodSync(`${sourceBase ?? sandbox}/${source}`, sourceMode);
  return undefined;
}

function makeTarget(sandbox: string, mount: ContainerMount): string | undefined {
  const { target } = mount;
  if (target.startsWith("/")) return undefined;
  if (mount.kind === "file-system" || !mount.source.startsWith("/")) return makeDirectories(sandbox, target);
  const source = statSync(mount.source, { throwIfNoEntry: false });
  if (source === undefined) return `the host has no "${mount.source}"`;
  if (source.isDirectory()) return makeDirectories(sandbox, target);
  const problem = makeDirectories(sandbox, target.split("/").slice(0, -1).join("/"));
  if (problem !== undefined) return problem;
  closeSync(openSync(`${sandbox}/${target}`, O_WRONLY | O_CREAT | O_NOFOLLOW, 0o644));
  return undefined;
}

/** Every directory on the way is a real one: a link could lead out of the sandbox. */
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

/** Other containers of the pod may put links there at any time: each name is opened for itself. */
function giveDirectory(base: string, path: string, { uid, gid }: Owner): void {
  let file = openSync(base, O_RDONLY | O_DIRECTORY);
  try {
    for (const name of path.split("/").filter((each) => each !== "")) {
      const next = openSync(`/proc/self/fd/${file}/${name}`, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
      closeSync(file);
      file = next;
    }
    fchownSync(file, uid, gid);
  } finally {
    closeSync(file);
  }
}
