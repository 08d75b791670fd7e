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

function buildCli(): ReturnType<typeof cac> {
  const cli = cac("mesh");
  for (const spec of ALL_COMMANDS) {
    const command = cli.command(`${spec.name} ${spec.args}`.trim(), spec.summary);
    if (spec.name === "run") command.usage("run [flags] -- command [arguments…]");
    if (spec.name === "exec") command.usage("exec [flags] <task> -- command [arguments…]");
    for (const flag of spec.flags) command.option(optionText(flag), describe(flag));
    for (const example of spec.examples) command.example(`  ${example}`);
  }
  cli.help((sections) => [
    ...sections.filter((section) => !(section.title ?? "").startsWith("For more info")),
    ...(sections.some((section) => section.title === "Commands") ? [MORE_HELP] : []),
  ]);
  return cli;
}

function showHelp(command: CommandSpec | undefined): void {
  const argv = ["bun", "mesh", ...(command === undefined ? [] : [command.name]), "--help"];
  buildCli().parse(argv, { run: false });
}

const words = process.argv.slice(2);
enterRootIfAsked(words);
process.exitCode = await runCommandLine(words, showHelp);
