/** Flags of `mesh agent` about executors; names and defaults are those of Mesos. */
import type { ExecutorTimes } from "../agent/types.ts";
import { textOrFile } from "./flag-files.ts";
import { badFlag, type FlagSpec, type Flags } from "./flags.ts";

const VARIABLES = "executor-environment-variables";
const EXAMPLE = '{"LANG": "C.UTF-8"}';

export const EXECUTOR_FLAGS: readonly FlagSpec[] = [
  {
    name: "executor-registration-timeout",
    value: "<duration>",
    description: "How long an executor that a framework brought may take from its launch to its subscription",
    default: "1mins",
  },
  {
    name: "executor-reregistration-timeout",
    value: "<duration>",
    description: "How long it may take to subscribe again after the agent was restarted",
    default: "15secs",
  },
  {
    name: "executor-shutdown-grace-period",
    value: "<duration>",
    description: "How long it may take to end after SHUTDOWN, when it has no period of its own",
    default: "5secs",
  },
  {
    name: VARIABLES,
    value: "<json>",
    description: `Variables of every executor and task, such as '${EXAMPLE}'; or file:///path`,
  },
];

export function readExecutorTimes(flags: Flags): ExecutorTimes {
  return {
    registrationMs: flags.duration("executor-registration-timeout"),
    reregistrationMs: flags.duration("executor-reregistration-timeout"),
    shutdownGraceMs: flags.duration("executor-shutdown-grace-period"),
  };
}

/** EXE-10. */
export function readExecutorVariables(flags: Flags): readonly (readonly [name: string, value: string])[] {
  const text = textOrFile(VARIABLES, flags.optional(VARIABLES));
  if (text === undefined) return [];
  const given = parse(text);
  if (typeof given !== "object" || given === null || Array.isArray(given)) throw bad(text);
  return Object.entries(given).map(([name, value]: [string, unknown]) => {
    if (typeof value !== "string" || name === "" || /[=\0]/.test(name) || value.includes("\0"))
      throw bad(text);
    return [name, value];
  });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw bad(text);
  }
}

function bad(text: string): Error {
  return badFlag(VARIABLES, text, `a JSON object of texts like ${EXAMPLE}`);
}
