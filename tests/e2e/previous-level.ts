/** The program with the feature level before: what a rolling upgrade starts from. */
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { FEATURE_LEVEL } from "../../src/registry/command-level.ts";

const ROOT = resolve(import.meta.dir, "../..");
const PARTS = ["src", "scripts", "package.json", "bun.lock", "tsconfig.json"];
const LEVEL_FILE = "src/registry/command-level.ts";

/** Builds it below the directory; the path of the binary. */
export function oldBinary(directory: string): string {
  const place = join(directory, "previous");
  mkdirSync(place);
  for (const part of PARTS) cpSync(join(ROOT, part), join(place, part), { recursive: true });
  symlinkSync(join(ROOT, "node_modules"), join(place, "node_modules"));
  const path = join(place, LEVEL_FILE);
  const line = `export const FEATURE_LEVEL = ${FEATURE_LEVEL};`;
  const text = readFileSync(path, "utf8");
  if (!text.includes(line)) throw new Error(`${LEVEL_FILE} has no line "${line}"`);
  writeFileSync(path, text.replace(line, `export const FEATURE_LEVEL = ${FEATURE_LEVEL - 1};`));
  const built = Bun.spawnSync([process.execPath, "scripts/build.ts"], { cwd: place, stderr: "pipe" });
  if (!built.success) throw new Error(`Cannot build the previous level: ${built.stderr.toString()}`);
  return join(place, "dist/mesh");
}
