/**
 * The whiteouts of a layer as overlayfs reads them: a device 0/0 in place of
 * a name, an attribute on a directory that hides all below it.
 */
import { lstatSync, mkdirSync } from "node:fs";
import { fail, ok, type Result } from "../base/result.ts";
import type { OverlayMarks } from "../isolation/images.ts";
import type { Whiteouts } from "./tar-scan.ts";

export function markLayer(
  layer: string,
  { removed, opaque }: Whiteouts,
  marks: OverlayMarks | undefined,
): Result<void> {
  try {
    for (const path of opaque) {
      const directory = enter(layer, path);
      if (!directory.ok) return directory;
      marks?.opaque(directory.value);
    }
    for (const path of removed) {
      const slash = path.lastIndexOf("/");
      const directory = enter(layer, path.slice(0, Math.max(slash, 0)));
      if (!directory.ok) return directory;
      const name = `${directory.value}/${path.slice(slash + 1)}`;
      // Made anew here, it hides the old one; but for a directory, which would be joined with it.
      const there = lstatSync(name, { throwIfNoEntry: false });
      if (there === undefined) marks?.remove(name);
      else if (there.isDirectory()) marks?.opaque(name);
    }
    return ok(undefined);
  } catch (error) {
    return fail(`cannot mark what it hides: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** The real directory, made when missing; a link on the way could lead out of the layer. */
function enter(layer: string, path: string): Result<string> {
  let directory = layer;
  for (const name of path.split("/").filter((part) => part !== "")) {
    directory = `${directory}/${name}`;
    const found = lstatSync(directory, { throwIfNoEntry: false });
    if (found === undefined) mkdirSync(directory, { mode: 0o755 });
    else if (!found.isDirectory()) return fail(`a whiteout is below "${path}", which is no directory`);
  }
  return ok(directory);
}
