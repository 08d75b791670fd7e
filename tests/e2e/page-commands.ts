/** The commands that a page of the documents shows: `sh` blocks, by section. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

export interface PageCommand {
  /** As the comment above it says: "m1", "any machine". */
  readonly place: string;
  readonly line: string;
}

/** Heading of the section, then its commands in order; sections without commands are left out. */
export function pageCommands(text: string): Map<string, PageCommand[]> {
  const found = new Map<string, PageCommand[]>();
  for (const section of text.split(/^## /m).slice(1)) {
    const heading = section.split("\n")[0] ?? "";
    const blocks = [...section.matchAll(/^```sh\n([\s\S]*?)^```/gm)].map((match) => match[1] ?? "");
    const commands = blocks.flatMap((block) => commandsOf(block, heading));
    if (commands.length > 0) found.set(heading, commands);
  }
  return found;
}

function commandsOf(block: string, heading: string): PageCommand[] {
  let place: string | undefined;
  return block.split("\n").flatMap((line) => {
    const [, named] = /^# on (.+)$/.exec(line) ?? [];
    if (named !== undefined) place = named;
    if (named !== undefined || line === "") return [];
    if (place === undefined) throw new Error(`"${line}" below "${heading}" does not say where it is run`);
    return [{ place, line }];
  });
}

/** A page whose commands are handed out in order, section by section, so that none is left over. */
export class Page {
  readonly #sections: Map<string, PageCommand[]>;

  constructor(path: string) {
    this.#sections = pageCommands(readFileSync(join(import.meta.dir, "../..", path), "utf8"));
  }

  /** The next command of the section, which must begin so. */
  next(heading: string, beginning: string): PageCommand {
    const command = this.#sections.get(heading)?.shift();
    if (command?.line.startsWith(beginning) !== true) {
      throw new Error(`Below "${heading}" a command "${beginning}…" was expected, not "${command?.line}"`);
    }
    return command;
  }

  /** What no test has run. */
  left(): string[] {
    return [...this.#sections].flatMap(([heading, commands]) =>
      commands.map(({ line }) => `${heading}: ${line}`),
    );
  }
}
