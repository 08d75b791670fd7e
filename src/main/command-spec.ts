/** What a command of the binary is, and what several of them share. */
import { MeshError } from "../base/errors.ts";
import { DEFAULT_MASTER } from "./client/master-client.ts";
import type { FlagSpec, Flags } from "./flags.ts";

export interface CommandSpec {
  readonly name: string;
  /** Arguments as help shows them, in cac's notation. */
  readonly args: string;
  readonly summary: string;
  /** Of a command with actions: each with its arguments, and what it does. */
  readonly actions?: readonly (readonly [usage: string, text: string])[];
  readonly flags: readonly FlagSpec[];
  readonly examples: readonly string[];
  /** Not shown in `mesh --help`. */
  readonly hidden?: boolean;
  /** Resolves with the exit status of the process. */
  run(flags: Flags, args: readonly string[], rest: readonly string[]): Promise<number>;
}

export const MASTER_FLAG: FlagSpec = {
  name: "master",
  value: "<host:port,…>",
  description: "Masters to ask; any of them leads to the leader",
  default: DEFAULT_MASTER,
};
export const JSON_FLAG: FlagSpec = { name: "json", description: "Print JSON instead of a table" };
export const FRAMEWORK_FLAG: FlagSpec = {
  name: "framework",
  value: "<id>",
  description: "Framework of the task, when several frameworks use the same task id",
};
/** The first argument. */
export function required(args: readonly string[], what: string, command: string): string {
  const value = args[0];
  if (value === undefined) throw new MeshError("BAD_FLAG", `Missing ${what}: see 'mesh help ${command}'`);
  return value;
}

/** A word too many is refused: it is most often a flag without its dashes, or a value with a blank in it. */
export function refuseMore([extra]: readonly string[], command: string): void {
  if (extra === undefined) return;
  const help = `see 'mesh help ${command.split(" ")[0]}'`;
  throw new MeshError("BAD_FLAG", `Unexpected argument '${extra}' of 'mesh ${command}': ${help}`);
}
