/** Persistent volumes in a sandbox: directories outside it, and links to them (Mesos filesystem/posix). */
import { lchownSync, lstatSync, mkdirSync, readlinkSync, symlinkSync } from "node:fs";
import { fail, ok, type Result } from "../../base/result.ts";
import type { ContainerVolume } from "../container.ts";
import type { Owner } from "../runtime.ts";
import { makeDirectory } from "./directory.ts";

export function linkVolumes(
  sandbox: string,
  volumes: readonly ContainerVolume[],
  owner: Owner | undefined,
): Result<void> {
  for (const { source, target } of volumes) {
    makeDirectory(source);
    if (owner !== undefined) lchownSync(source, owner.uid, owner.gid);
    const problem = linkAt(sandbox, target, source);
    if (problem !== undefined) return fail(`Cannot link the volume "${source}" at "${target}": ${problem}`);
  }
  return ok(undefined);
}

/** Every directory on the way is a real one: a link could lead out of the sandbox. */
function linkAt(sandbox: string, target: string, source: string): string | undefined {
  const names = target.split("/");
  const last = names.pop() ?? "";
  let directory = sandbox;
  for (const name of names) {
    directory = `${directory}/${name}`;
    const found = lstatSync(directory, { throwIfNoEntry: false });
    if (found === undefined) mkdirSync(directory);
    else if (!found.isDirectory()) return `"${directory}" is no directory`;
  }
  const link = `${directory}/${last}`;
  const found = lstatSync(link, { throwIfNoEntry: false });
  if (found === undefined) symlinkSync(source, link);
  else if (!found.isSymbolicLink() || readlinkSync(link) !== source) return `"${link}" exists already`;
  return undefined;
}
