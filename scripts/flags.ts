/** Command lines of scripts: `--help` prints the comment that opens one, what is wrong ends it in a line. */
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { type ParseArgsConfig, parseArgs } from "node:util";

/** @param script its path; @param config of util.parseArgs, without `--help` */
export function readFlags<T extends ParseArgsConfig>(
  script: string,
  config: T,
): ReturnType<typeof parseArgs<T>> {
  const words = process.argv.slice(2);
  if (words.includes("--help") || words.includes("-h")) {
    console.log(openingComment(script));
    process.exit(0);
  }
  try {
    return parseArgs(config);
  } catch (error) {
    const text = error instanceof Error ? (error.message.split(". ")[0] ?? "") : String(error);
    return refuse(script, text);
  }
}

export function refuse(script: string, why: string): never {
  const name = basename(script);
  console.error(`Cannot run scripts/${name}: ${why}; see bun scripts/${name} --help`);
  process.exit(2);
}

/** Ends the script when more than one of the flags is given. */
export function refuseBoth(
  script: string,
  values: Readonly<Record<string, unknown>>,
  ...names: string[]
): void {
  const [one, other] = names.filter((name) => values[name] !== undefined);
  if (other !== undefined) refuse(script, `--${one} and --${other} contradict each other`);
}

/** Without its stars. */
function openingComment(script: string): string {
  const [, text = ""] = /^\/\*\*\n(.*?)\n \*\//s.exec(readFileSync(script, "utf8")) ?? [];
  return text.replaceAll(/^ \* ?/gm, "");
}
