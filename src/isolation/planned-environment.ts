/** The environment of a program on its way through the shells that start it, see plan.ts. */
import type { ContainerSpec } from "./container.ts";

/** How the table travels through the shells. */
export interface PlannedEnvironment {
  /** Prefix of the numbered variables; no name of the table begins with it. */
  readonly prefix: string;
  readonly variables: readonly (readonly [name: string, value: string])[];
  /** Indexes of variables that a shell cannot hold (`a.b`) or must not change (`PWD`); env(1) sets these. */
  readonly byEnv: readonly number[];
}

/** Names that POSIX shells, bash or dash set, check or protect themselves. */
const SHELL_OWNED = new Set(
  (
    "PWD OLDPWD SHLVL _ IFS PPID OPTIND OPTARG LINENO UID EUID GROUPS SHELLOPTS BASHOPTS BASH_VERSINFO " +
    "FUNCNAME DIRSTACK RANDOM SECONDS HISTCMD POSIXLY_CORRECT"
  ).split(" "),
);

export function planEnvironment(variables: ContainerSpec["environment"]): PlannedEnvironment {
  let prefix = "mesh_env_";
  while (variables.some(([name]) => name.startsWith(prefix))) prefix += "_";
  const byEnv: number[] = [];
  variables.forEach(([name], index) => {
    if (SHELL_OWNED.has(name) || !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) byEnv.push(index);
  });
  return { prefix, variables, byEnv };
}
