/** A container's root by copying the layers of its image, the lowest first (Mesos' copy backend). */
import { lstatSync } from "node:fs";
import { readdir, rm } from "node:fs/promises";
import { fail, ok, type Result } from "../base/result.ts";
import type { Whiteouts } from "./tar-scan.ts";

const TOOL_PATH = "/usr/bin:/bin";

export interface CopiedLayer {
  readonly path: string;
  readonly whiteouts: Whiteouts;
}

export async function copyRoot(layers: readonly CopiedLayer[], root: string): Promise<Result<void>> {
  const cp = Bun.which("cp", { PATH: TOOL_PATH });
  if (cp === null) return fail("cp (coreutils) is not installed on the agent's machine");
  for (const { path, whiteouts } of layers) {
    await hide(root, whiteouts);
    // --remove-destination: a link of a lower layer is replaced and not written through.
    const words = [cp, "--archive", "--remove-destination", "--reflink=auto", "--", `${path}/.`, root];
    const child = Bun.spawn(words, { stdio: ["ignore", "ignore", "pipe"], env: { LC_ALL: "C" } });
    const complaint = (await new Response(child.stderr).text()).trim();
    if ((await child.exited) !== 0) return fail(`cannot copy a layer: ${complaint.slice(0, 1_000)}`);
    await dropMarks(root, whiteouts);
  }
  return ok(undefined);
}

async function hide(root: string, { removed, opaque }: Whiteouts): Promise<void> {
  for (const path of opaque) {
    if (!isReal(root, path)) continue;
    const directory = path === "" ? root : `${root}/${path}`;
    for (const name of await readdir(directory))
      await rm(`${directory}/${name}`, { recursive: true, force: true });
  }
  for (const path of removed) {
    const slash = path.lastIndexOf("/");
    if (isReal(root, path.slice(0, Math.max(slash, 0))))
      await rm(`${root}/${path}`, { recursive: true, force: true });
  }
}

/** The layer has marks for overlayfs, which are nothing in a copy. */
async function dropMarks(root: string, { removed }: Whiteouts): Promise<void> {
  for (const path of removed) {
    const slash = path.lastIndexOf("/");
    if (!isReal(root, path.slice(0, Math.max(slash, 0)))) continue;
    const mark = lstatSync(`${root}/${path}`, { throwIfNoEntry: false });
    if (mark?.isCharacterDevice() === true) await rm(`${root}/${path}`);
  }
}

/** A directory that no link leads to. */
function isReal(root: string, path: string): boolean {
  let directory = root;
  for (const name of path.split("/").filter((part) => part !== "")) {
    directory = `${directory}/${name}`;
    if (lstatSync(directory, { throwIfNoEntry: false })?.isDirectory() !== true) return false;
  }
  return true;
}
