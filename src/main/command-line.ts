/**
 * From words to a command: which one is meant, its flags and arguments, its
 * exit status. Help texts are the caller's (src/cli.ts), who has cac.
 */
import { MeshError } from "../base/errors.ts";
import { OutputFailed, outputStatus } from "./client/output.ts";
import { type CommandSpec, refuseMore } from "./command-spec.ts";
import { COMMANDS } from "./command-table.ts";
import { type FlagSpec, Flags } from "./flags.ts";
import { showVersion } from "./version.ts";

/** Exit status for a command line that cannot be understood. */
const USAGE_STATUS = 2;

const NO_ZOOKEEPER = "; mesh needs no ZooKeeper: name the masters with --peers, or one to --join";
/** Flags of Mesos whose place another one takes. */
const REPLACED: Readonly<Record<string, string>> = { "--zk": NO_ZOOKEEPER, "--quorum": NO_ZOOKEEPER };

/** Prints help: of all commands, or of one. */
export type ShowHelp = (command: CommandSpec | undefined) => void;

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
  run: async () => 0,
};

export const ALL_COMMANDS: readonly CommandSpec[] = [...COMMANDS, VERSION_COMMAND, HELP_COMMAND];

/**
 * Runs the command line to its end; resolves with the exit status. Errors of the catalogue are one line on
 * stderr.
 */
export async function runCommandLine(argv: readonly string[], showHelp: ShowHelp): Promise<number> {
  try {
    return await dispatch(argv, showHelp);
  } catch (error) {
    if (error instanceof OutputFailed) return outputStatus(error.failure);
    if (!(error instanceof MeshError)) throw error;
    process.stderr.write(`mesh: ${error.message}\n`);
    return error.code === "BAD_FLAG" ? USAGE_STATUS : 1;
  }
}

async function dispatch(argv: readonly string[], showHelp: ShowHelp): Promise<number> {
  const [name, ...words] = argv;
  if (name === undefined || name === "--help" || name === "-h") return help(undefined, showHelp);
  if (name === "--version" || name === "-v") return showVersion(false);
  if (name === "help") return help(words[0], showHelp);
  const spec = commandNamed(name);
  const end = words.indexOf("--");
  const own = end < 0 ? words : words.slice(0, end);
  const rest = end < 0 ? [] : words.slice(end + 1);
  if (own.includes("--help") || own.includes("-h")) return help(name, showHelp);
  const parsed = parseWords(spec, own);
  return spec.run(new Flags(spec.flags, parsed.given, process.env), parsed.args, rest);
}

function help(name: string | undefined, showHelp: ShowHelp): number {
  showHelp(name === undefined ? undefined : commandNamed(name));
  return 0;
}

function commandNamed(name: string): CommandSpec {
  const spec = ALL_COMMANDS.find((one) => one.name === name);
  if (spec !== undefined) return spec;
  const names = ALL_COMMANDS.map((one) => one.name).join(", ");
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
  const all = words.flatMap((word) => separate(spec, word));
  for (let i = 0; i < all.length; i++) {
    const word = all[i] as string;
    if (!word.startsWith("-") || word === "-") {
      args.push(word);
      continue;
    }
    const { flag, inline } = flagOf(spec, word);
    let value = inline ?? (flag.value === undefined ? "true" : undefined);
    if (value === undefined) {
      value = all[++i];
      if (value === undefined)
        throw new MeshError("BAD_FLAG", `Flag --${flag.name} needs a value: --${flag.name} ${flag.value}`);
    }
    const values = given.get(flag.name) ?? [];
    given.set(flag.name, [...values, value]);
  }
  const most = TAKES_COMMAND.has(spec.name) ? args.length : (spec.args.match(/[<[]/g) ?? []).length;
  refuseMore(args.slice(most), spec.name);
  return { given, args };
}

/** Commands whose last arguments are a command to run. */
const TAKES_COMMAND: ReadonlySet<string> = new Set(["run", "exec"]);

/** `-it` as `-i -t`, where all are flags without values. */
function separate(spec: CommandSpec, word: string): string[] {
  if (!/^-[a-z]{2,}$/.test(word)) return [word];
  const letters = [...word.slice(1)];
  const known = letters.every((letter) => spec.flags.some((flag) => flag.short === letter && !flag.value));
  return known ? letters.map((letter) => `-${letter}`) : [word];
}

/** True or false, said or not. */
function isSwitch({ value }: FlagSpec): boolean {
  return value === undefined || value === "<bool>" || value === "<true|false>";
}

function flagOf(spec: CommandSpec, word: string): { flag: FlagSpec; inline: string | undefined } {
  const at = word.indexOf("=");
  const name = (at < 0 ? word : word.slice(0, at)).replaceAll("_", "-");
  const inline = at < 0 ? undefined : word.slice(at + 1);
  const flag = spec.flags.find((one) => name === `--${one.name}` || name === `-${one.short ?? ""}`);
  if (flag !== undefined) return { flag, inline };
  const negated = spec.flags.find((one) => name === `--no-${one.name}` && isSwitch(one));
  if (negated !== undefined) return { flag: negated, inline: "false" };
  const hint = TAKES_COMMAND.has(spec.name) ? "; put -- before the command to run" : (REPLACED[name] ?? "");
  const message = `Unknown flag '${word}' of 'mesh ${spec.name}': see 'mesh help ${spec.name}'${hint}`;
  throw new MeshError("BAD_FLAG", message);
}
