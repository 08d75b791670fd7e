/**
 * Wraps comments that stand alone on lines longer than the limit, which the
 * formatter leaves as they are. `bun run format` calls it for everything;
 * with paths it works on those only.
 *
 *   bun scripts/wrap-comments.ts [path…]
 */
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { readFlags } from "./flags.ts";

const ROOT = resolve(import.meta.dir, "..");
const LINE_CHARS_MAX = 110;

const ONE_LINE_DOC = /^(\s*)\/\*\* (.*?) ?\*\/$/;
const INSIDE_DOC = /^(\s*\* )(\s*)(.*)$/;
const LINE_COMMENT = /^(\s*\/\/ )(\s*)(.*)$/;

/** Breaks `words` into lines of at most the limit, each behind `prefix`. */
function wrap(prefix: string, words: string): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of words.split(" ")) {
    if (line !== "" && prefix.length + line.length + 1 + word.length > LINE_CHARS_MAX) {
      lines.push(prefix + line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, prefix + line];
}

function wrapLine(line: string): string[] {
  if (line.length <= LINE_CHARS_MAX || line.includes("://") || line.includes("biome-ignore")) return [line];
  const doc = ONE_LINE_DOC.exec(line);
  if (doc !== null) {
    const indent = doc[1] ?? "";
    return [`${indent}/**`, ...wrap(`${indent} * `, doc[2] ?? ""), `${indent} */`];
  }
  const inside = INSIDE_DOC.exec(line) ?? LINE_COMMENT.exec(line);
  return inside === null ? [line] : wrap(`${inside[1]}${inside[2]}`, inside[3] ?? "");
}

/** The text with its long comment lines wrapped. Lines of code stay as they are. */
export function wrapComments(text: string): string {
  return text.split("\n").flatMap(wrapLine).join("\n");
}

function typeScriptFiles(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts") && !name.includes("node_modules/"))
    .map((name) => join(path, name));
}

if (import.meta.main) {
  const { positionals } = readFlags(import.meta.path, { allowPositionals: true });
  const paths = positionals.length > 0 ? positionals : ["src", "tests", "scripts"];
  for (const file of paths.flatMap((path) => typeScriptFiles(resolve(ROOT, path)))) {
    const text = readFileSync(file, "utf8");
    const wrapped = wrapComments(text);
    if (wrapped !== text) writeFileSync(file, wrapped);
  }
}
