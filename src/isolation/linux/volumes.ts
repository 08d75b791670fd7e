/** Persistent volumes in a sandbox: directories outside it, and links to them (Mesos filesystem/posix). */
import { lchownSync, lstatSync, readlinkSync, symlinkSync } from "node:fs";
import { fail, ok, type Result } from "../../base/result.ts";
import type { ContainerVolume } from "../container.ts";
import type { Owner } from "../runtime.ts";
import { makeDirectory } from "./directory.ts";
import { makeDirectories } from "./mount-points.ts";

export function linkVolumes(
  sandbox: string,
  volumes: readonly ContainerVolume[],
  owner: Owner | undefined,
): Result<void> {
  makeVolumes(volumes, owner);
  for (const { source, target } of volumes) {
    if (target.startsWith("/")) continue;
    const problem = linkAt(sandbox, target, source);
    if (problem !== undefined) return fail(`Cannot link the volume "${source}" at "${target}": ${problem}`);
  }
  return ok(undefined);
}

export function makeVolumes(volumes: readonly ContainerVolume[], owner: Owner | undefined): void {
  for (const { source } of volumes) {
    makeDirectory(source);
    if (owner !== undefined) lchownSync(source, owner.uid, owner.gid);
  }
}

/** Every directory on the way is a real one: a link could lead out of the sandbox. */
function linkAt(sandbox: string, target: string, source: string): string | undefined {
  const problem = makeDirectories(sandbox, target.split("/").slice(0, -1).join("/"));
  if (problem !== undefined) return problem;
  const link = `${sandbox}/${target}`;
  const found = lstatSync(link, { throwIfNoEntry: false });
  if (found === undefined) symlinkSync(source, link);
  else if (!found.isSymbolicLink() || readlinkSync(link) !== source) return `"${link}" exists already`;
  return undefined;
}
