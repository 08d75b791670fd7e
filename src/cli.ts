#!/usr/bin/env bun
/**
 * The binary's entry: the help texts by cac, everything else in src/main/.
 */
import cac from "cac";
import { ALL_COMMANDS, runCommandLine } from "./main/command-line.ts";
import type { CommandSpec } from "./main/command-spec.ts";
import { enterRootIfAsked } from "./main/enter-root.ts";
import type { FlagSpec } from "./main/flags.ts";

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

function buildCli(shown: CommandSpec | undefined): ReturnType<typeof cac> {
  const cli = cac("mesh");
  for (const spec of ALL_COMMANDS) {
    const command = cli.command(`${spec.name} ${spec.args}`.trim(), spec.summary);
    if (spec.name === "run") command.usage("run [flags] -- command [arguments…]");
    if (spec.name === "exec") command.usage("exec [flags] <task> -- command [arguments…]");
    for (const flag of spec.flags) command.option(optionText(flag), describe(flag));
    for (const example of spec.examples) command.example(`  ${example}`);
  }
  cli.help((sections) => [
    ...about(shown),
    // cac's first section is the bare name.
    ...sections.slice(1).filter((section) => !(section.title ?? "").startsWith("For more info")),
    ...(shown === undefined ? [MORE_HELP] : []),
  ]);
  return cli;
}

/** What the program, or the command, does. */
function about(command: CommandSpec | undefined): { title?: string; body: string }[] {
  if (command === undefined)
    return [{ body: "mesh: a cluster manager that takes the place of Apache Mesos" }];
  const { name, summary, actions = [] } = command;
  const longest = Math.max(0, ...actions.map(([usage]) => usage.length));
  const lines = actions.map(([usage, text]) => `  ${usage.padEnd(longest)}  ${text}`);
  const body = `mesh ${name}: ${summary}`;
  return [{ body }, ...(lines.length === 0 ? [] : [{ title: "Actions", body: lines.join("\n") }])];
}

function showHelp(command: CommandSpec | undefined): void {
  const argv = ["bun", "mesh", ...(command === undefined ? [] : [command.name]), "--help"];
  buildCli(command).parse(argv, { run: false });
}

const words = process.argv.slice(2);
enterRootIfAsked(words);
process.exitCode = await runCommandLine(words, showHelp);
