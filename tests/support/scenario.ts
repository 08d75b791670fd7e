/**
 * Golden scenarios: a text file of commands, each with the output it must
 * give. MESH_REWRITE=1 writes the present output into the files; commit only
 * what you can explain.
 *
 *   # comment
 *   command argument name=value
 *   ----
 *   output, up to the next empty line
 */
import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";

export interface Command {
  readonly name: string;
  /** Words without "=". */
  readonly words: readonly string[];
  readonly options: Readonly<Record<string, string>>;
}

/** Runs one command and returns its output, line by line. */
export type Interpreter = (command: Command) => readonly string[];

const REWRITE = process.env["MESH_REWRITE"] === "1";
const SEPARATOR = "----";

/** Makes one test of each `*.txt` in the folder; each gets an interpreter of its own. */
export function scenarioTests(folder: string, makeInterpreter: () => Interpreter): void {
  describe(`scenarios in ${basename(folder)}`, () => {
    for (const name of readdirSync(folder).sort()) {
      if (!name.endsWith(".txt")) continue;
      test(name.slice(0, -".txt".length), () => runScenario(join(folder, name), makeInterpreter()));
    }
  });
}

export function runScenario(path: string, interpret: Interpreter): void {
  const text = readFileSync(path, "utf8");
  const actual = playScenario(text, interpret);
  if (REWRITE) writeFileSync(path, actual);
  else expect(actual).toBe(text);
}

/** The scenario with the outputs that its commands give now. */
export function playScenario(text: string, interpret: Interpreter): string {
  const out: string[] = [];
  const lines = text.replace(/\n+$/, "").split("\n");
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at] ?? "";
    out.push(line);
    if (line === "" || line.startsWith("#")) continue;
    out.push(SEPARATOR, ...runLine(line, interpret));
    // Skip what the file says; the empty line that ends it is written again.
    if (lines[at + 1] === SEPARATOR) {
      at++;
      while (at + 1 < lines.length && lines[at + 1] !== "") at++;
    } else if (at + 1 < lines.length && lines[at + 1] !== "") out.push("");
  }
  return `${out.join("\n")}\n`;
}

function runLine(line: string, interpret: Interpreter): readonly string[] {
  const [name = "", ...rest] = line.split(/\s+/);
  const words = rest.filter((word) => !word.includes("="));
  const options = Object.fromEntries(
    rest.filter((word) => word.includes("=")).map((word) => word.split("=", 2)),
  );
  const output = interpret({ name, words, options });
  return output.length === 0 ? ["ok"] : output;
}
