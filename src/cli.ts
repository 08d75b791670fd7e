#!/usr/bin/env bun
/**
 * The command line: turns arguments into flags by cac and hands them to the
 * command's file in src/main/. Nothing else happens here.
 */
import cac from "cac";
import { MeshError } from "./base/errors.ts";
import { COMMANDS, type CommandSpec } from "./main/command-table.ts";
import { type FlagSpec, Flags } from "./main/flags.ts";
import { showVersion } from "./main/version.ts";

/** Exit status for a command line that cannot be understood. */
const USAGE_STATUS = 2;

const VERSION_COMMAND: CommandSpec = {
  name: "version",
  args: "",
  summary: "Show the version and what it was built from",
  flags: [{ name: "json", description: "Print JSON" }],
  examples: ["mesh version"],
  run: async (flags) => showVersion(flags.switch("json")),
};

const HELP_COMMAND: CommandSpec = {
  name: "help",
  args: "[command]",
  summary: "Show help, for one command with all flags and examples",
  flags: [],
  examples: ["mesh help run"],
  run: async (_flags, args) => showHelp(args[0]),
};

const ALL: readonly CommandSpec[] = [...COMMANDS, VERSION_COMMAND, HELP_COMMAND];

/** cac's notation: `-f, --follow`, `--port <port>`. */
function optionText(flag: FlagSpec): string {
  const short = flag.short === undefined ? "" : `-${flag.short}, `;
  return `${short}--${flag.name}${flag.value === undefined ? "" : ` ${flag.value}`}`;
}

function describe(flag: FlagSpec): string {
  const many = flag.many === true ? " (may be repeated)" : "";
  const byDefault = flag.default === undefined ? "" : ` (default: ${flag.default})`;
  return flag.description + many + byDefault;
}

const MORE_HELP = { title: "More", body: "  $ mesh help <command>   flags and examples of one command" };

function buildCli(): ReturnType<typeof cac> {
  const cli = cac("mesh");
  for (const spec of ALL) {
    const command = cli.command(`${spec.name} ${spec.args}`.trim(), spec.summary);
    if (spec.name === "run") command.usage("run [flags] -- command [arguments…]");
    for (const flag of spec.flags) command.option(optionText(flag), describe(flag));
    for (const example of spec.examples) command.example(`  ${example}`);
  }
  cli.help((sections) => [
    ...sections.filter((section) => !(section.title ?? "").startsWith("For more info")),
    ...(sections.some((section) => section.title === "Commands") ? [MORE_HELP] : []),
  ]);
  return cli;
}

function showHelp(name: string | undefined): number {
  const argv = ["bun", "mesh", ...(name === undefined ? [] : [commandNamed(name).name]), "--help"];
  buildCli().parse(argv, { run: false });
  return 0;
}

function commandNamed(name: string): CommandSpec {
  const spec = ALL.find((one) => one.name === name);
  if (spec !== undefined) return spec;
  const names = ALL.map((one) => one.name).join(", ");
  throw new MeshError("BAD_FLAG", `Unknown command '${name}': there are ${names}. See 'mesh --help'`);
}

interface Parsed {
  readonly given: ReadonlyMap<string, readonly string[]>;
  readonly args: readonly string[];
}

/**
 * Splits the words after the command into flags and arguments by the
 * command's own table, so that a value such as `007` stays text and Mesos'
 * spelling (`--work_dir=…`) is taken too. cac keeps names, help and examples.
 */
function parseWords(spec: CommandSpec, words: readonly string[]): Parsed {
  const given = new Map<string, string[]>();
  const args: string[] = [];
  for (let i = 0; i < words.length; i++) {
    const word = words[i] as string;
    if (!word.startsWith("-") || word === "-") {
      args.push(word);
      continue;
    }
    const { flag, inline } = flagOf(spec, word);
    let value = inline ?? (flag.value === undefined ? "true" : undefined);
    if (value === undefined) {
      value = words[++i];
      if (value === undefined)
        throw new MeshError("BAD_FLAG", `Flag --${flag.name} needs a value: --${flag.name} ${flag.value}`);
    }
    const values = given.get(flag.name) ?? [];
    given.set(flag.name, [...values, value]);
  }
  return { given, args };
}

function flagOf(spec: CommandSpec, word: string): { flag: FlagSpec; inline: string | undefined } {
  const at = word.indexOf("=");
  const name = (at < 0 ? word : word.slice(0, at)).replaceAll("_", "-");
  const inline = at < 0 ? undefined : word.slice(at + 1);
  const flag = spec.flags.find((one) => name === `--${one.name}` || name === `-${one.short ?? ""}`);
  if (flag !== undefined) return { flag, inline };
  const negated = spec.flags.find((one) => name === `--no-${one.name}` && one.value === undefined);
  if (negated !== undefined) return { flag: negated, inline: "false" };
  throw new MeshError(
    "BAD_FLAG",
    `Unknown flag '${word}' of 'mesh ${spec.name}': see 'mesh help ${spec.name}'`,
  );
}

async function main(argv: readonly string[]): Promise<number> {
  const [name, ...words] = argv;
  if (name === undefined || name === "--help" || name === "-h") return showHelp(undefined);
  if (name === "--version" || name === "-v") return showVersion(false);
  const spec = commandNamed(name);
  const end = words.indexOf("--");
  const own = end < 0 ? words : words.slice(0, end);
  const rest = end < 0 ? [] : words.slice(end + 1);
  if (own.includes("--help") || own.includes("-h")) return showHelp(name);
  const parsed = parseWords(spec, own);
  return spec.run(new Flags(spec.flags, parsed.given, process.env), parsed.args, rest);
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof MeshError)) throw error;
  process.stderr.write(`mesh: ${error.message}\n`);
  process.exitCode = error.code === "BAD_FLAG" ? USAGE_STATUS : 1;
}
