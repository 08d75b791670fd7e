/**
 * Bun plugin that puts classic-level's native addon into the executable.
 * The package looks its addon up by path when it is loaded, and finds none
 * beside a binary that was moved; here that look-up (its binding.js) becomes
 * a static require of the one prebuilt file that fits the target.
 */
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type { BunPlugin } from "bun";

/**
 * The prebuilt file of each target, below prebuilds/. There is none for musl
 * on arm64: the glibc one needs only symbols that musl has too.
 */
const ADDONS: Readonly<Record<string, string>> = {
  "linux-x64": "linux-x64/classic-level.node",
  "linux-x64-musl": "linux-x64/classic-level.musl.node",
  "linux-arm64": "linux-arm64/classic-level.armv8.node",
  "linux-arm64-musl": "linux-arm64/classic-level.armv8.node",
  "darwin-x64": "darwin-x64+arm64/classic-level.node",
  "darwin-arm64": "darwin-x64+arm64/classic-level.node",
};

/** `target` is a name of build.ts, such as "linux-x64". Throws for one that has no addon. */
export function levelPlugin(target: string): BunPlugin {
  const folder = dirname(createRequire(import.meta.url).resolve("classic-level/package.json"));
  const name = ADDONS[target];
  const addon = join(folder, "prebuilds", name ?? "");
  if (name === undefined || !existsSync(addon)) {
    const missing = name === undefined ? "it knows none" : `"${addon}" is missing; run bun install`;
    throw new Error(`Cannot embed classic-level's addon for "${target}": ${missing}`);
  }
  return {
    name: "level-addon",
    setup(build) {
      build.onLoad({ filter: /[\\/]classic-level[\\/]binding\.js$/ }, () => ({
        contents: `module.exports = require(${JSON.stringify(addon)});`,
        loader: "js",
      }));
    },
  };
}
