/** The sandbox directory of a container: made, given output files, handed to its user. */
import {
  closeSync,
  constants,
  lchownSync,
  lstatSync,
  openSync,
  readlinkSync,
  symlinkSync,
  unlinkSync,
} from "node:fs";
import { readdir } from "node:fs/promises";
import type { Owner } from "../runtime.ts";
import { makeDirectory } from "./directory.ts";

const { O_APPEND, O_CREAT, O_NOFOLLOW, O_WRONLY } = constants;

/** Mesos makes sandboxes 0755 and lets tasks' users in. */
export function makeSandbox(path: string): void {
  makeDirectory(path);
}

/** A link to a sandbox; one of the same name is replaced. */
export function linkSandbox(directory: string, name: string, target: string): void {
  makeDirectory(directory);
  const link = `${directory}/${name}`;
  const found = lstatSync(link, { throwIfNoEntry: false });
  if (found?.isSymbolicLink() === true) {
    if (readlinkSync(link) === target) return;
    unlinkSync(link);
  }
  symlinkSync(target, link);
}

/** Opens an output file for appending. Refuses a symbolic link: the task may have put one there. */
export function openOutput(path: string): number {
  return openSync(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW, 0o644);
}

export function createOutputs(paths: readonly string[]): void {
  for (const path of paths) closeSync(openOutput(path));
}

/**
 * Gives the sandbox and everything in it to the user. Links are given, not
 * followed. A directory comes after its content: once it is the user's, another
 * of his tasks can put links to other places into it.
 */
export async function ownSandbox(path: string, owner: Owner): Promise<void> {
  for (const entry of await readdir(path, { withFileTypes: true })) {
    const child = `${path}/${entry.name}`;
    if (entry.isDirectory()) await ownSandbox(child, owner);
    else lchownSync(child, owner.uid, owner.gid);
  }
  lchownSync(path, owner.uid, owner.gid);
}
