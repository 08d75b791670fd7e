/**
 * Reads TypeScript source as text for the tests that check the repository
 * itself: what a file imports, and its code without comments and strings.
 * A small scanner is enough (no parser package) because the formatter keeps
 * the source in one form.
 */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join, posix, relative, resolve } from "node:path";

/** Root of the repository. */
export const ROOT = resolve(import.meta.dir, "../..");

/** A source file: its path from the root of the repository, and its text. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

/** One import, in any form: static, type-only, re-export, dynamic, `import("…").Type`, `require`. */
export interface Import {
  /** As written. */
  readonly specifier: string;
  /** Path from the root for a relative import, else undefined. */
  readonly target: string | undefined;
  /** Starts with `import type` or `export type`. */
  readonly typeOnly: boolean;
  /** 1-based. */
  readonly line: number;
}

/** Every file below `folder` (from the root) with one of the endings, sorted; none without the folder. */
export function listFiles(folder: string, endings: readonly string[]): SourceFile[] {
  const base = join(ROOT, folder);
  if (statSync(base, { throwIfNoEntry: false })?.isDirectory() !== true) return [];
  return readdirSync(base, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && endings.some((ending) => entry.name.endsWith(ending)))
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)))
    .filter((path) => !path.includes("node_modules/"))
    .sort()
    .map((path) => ({ path, text: readFileSync(join(ROOT, path), "utf8") }));
}

/** The text with everything but code replaced by blanks; positions and lines stay as they are. */
export interface Masked {
  /** Comments blank. */
  readonly withStrings: string;
  /** Comments, strings, template text and regular expressions blank. */
  readonly code: string;
}

const REGEX_MAY_FOLLOW =
  /(?:^|[=(,;:!&|?{}[+\-*%<>~^]|=>|\b(?:return|typeof|case|in|of|delete|void|throw|do|else))\s*$/;
const STRING = /"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'/y;
const COMMENT = /\/\/[^\n]*|\/\*[\s\S]*?(?:\*\/|$)/y;
const REGEX = /\/(?:[^/\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*/y;
const TEMPLATE_TEXT = /(?:[^`\\$]|\\[\s\S]|\$(?!\{))*/y;

/** Blanks comments and literals of TypeScript source. */
export function mask(text: string): Masked {
  return new Masker(text).run();
}

class Masker {
  readonly #text: string;
  readonly #withStrings: string[] = [];
  readonly #code: string[] = [];
  /** Depth of `{` inside each open `${`. */
  readonly #templates: number[] = [];
  #at = 0;
  /** The last code on the way, which tells a division from a regular expression. */
  #tail = "";

  constructor(text: string) {
    this.#text = text;
  }

  run(): Masked {
    while (this.#at < this.#text.length) this.#step();
    return { withStrings: this.#withStrings.join(""), code: this.#code.join("") };
  }

  #step(): void {
    const char = this.#text[this.#at] ?? "";
    if (char === "/") this.#slash();
    else if (char === '"' || char === "'") this.#literal(this.#match(STRING) ?? char);
    else if (char === "`") this.#openTemplate("`");
    else if (char === "}" && this.#templates.at(-1) === 0) {
      this.#templates.pop();
      this.#openTemplate("}");
    } else this.#plain(char);
  }

  #plain(char: string): void {
    const depth = this.#templates.at(-1);
    if (depth !== undefined && (char === "{" || char === "}")) {
      this.#templates[this.#templates.length - 1] = depth + (char === "{" ? 1 : -1);
    }
    this.#emit(char, char, char);
    this.#tail = (this.#tail + char).slice(-12);
  }

  #slash(): void {
    const comment = this.#match(COMMENT);
    const regex = REGEX_MAY_FOLLOW.test(this.#tail) ? this.#match(REGEX) : undefined;
    if (comment !== undefined) this.#emit(comment, blank(comment), blank(comment));
    else if (regex !== undefined) this.#literal(regex);
    else this.#plain("/");
  }

  #literal(literal: string): void {
    const inside = blank(literal.slice(1, -1));
    this.#emit(literal, literal, literal.length > 1 ? `"${inside}"` : '"');
    this.#tail = '"';
  }

  /** The text after "`" or after the "}" of a placeholder, up to the next placeholder or the end. */
  #openTemplate(opener: string): void {
    this.#emit(opener, opener, opener);
    const words = this.#match(TEMPLATE_TEXT) ?? "";
    this.#emit(words, words, blank(words));
    if (this.#text.startsWith("${", this.#at)) {
      this.#templates.push(0);
      this.#emit("${", "${", "${");
      this.#tail = "{";
    } else if (this.#at < this.#text.length) {
      this.#emit("`", "`", "`");
      this.#tail = '"';
    }
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    return pattern.exec(this.#text)?.[0];
  }

  #emit(read: string, withStrings: string, code: string): void {
    this.#at += read.length;
    this.#withStrings.push(withStrings);
    this.#code.push(code);
  }
}

function blank(text: string): string {
  return text.replace(/[^\n]/g, " ");
}

const IMPORT_FORMS = [
  /\b(?:import|export)\b[^;"'`]*?\bfrom\s*(["'])([^"'\n]+)\1/g,
  /\bimport\s*(["'])([^"'\n]+)\1/g,
  /\b(?:import|require|require\.resolve)\s*\(\s*(["'])([^"'\n]+)\1/g,
];

/** Every import of a file, in the order of its lines. */
export function importsOf(file: SourceFile): Import[] {
  const masked = mask(file.text);
  const found: Import[] = [];
  for (const form of IMPORT_FORMS) {
    for (const match of masked.withStrings.matchAll(form)) {
      const specifier = match[2] ?? "";
      // A keyword inside a string is text, not an import.
      if (/^\s*$/.test(masked.code.slice(match.index, match.index + 6))) continue;
      found.push({
        specifier,
        target: targetOf(file.path, specifier),
        typeOnly: /^(?:import|export)\s+type\b/.test(match[0]),
        line: lineAt(file.text, match.index),
      });
    }
  }
  return found.sort((a, b) => a.line - b.line);
}

function targetOf(from: string, specifier: string): string | undefined {
  if (!specifier.startsWith(".")) return undefined;
  return posix.normalize(posix.join(posix.dirname(from), specifier));
}

/** 1-based line of a position. */
export function lineAt(text: string, index: number): number {
  let line = 1;
  for (let at = text.indexOf("\n"); at !== -1 && at < index; at = text.indexOf("\n", at + 1)) line++;
  return line;
}

/** The package of an import that is not relative: `level`, `@scope/name`, `bun`, `node:fs`. */
export function packageOf(specifier: string): string {
  const [scope = "", name = ""] = specifier.split("/");
  return scope.startsWith("@") ? `${scope}/${name}` : scope;
}
