/** Flags of `mesh agent` about executors that prove who they are (Mesos --authenticate_http_executors). */
import { readFileSync, statSync } from "node:fs";
import type { AgentConfig } from "../agent/types.ts";
import type { AgentContext } from "../api/context.ts";
import { MeshError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { ExecutorTokens } from "../io/executor-tokens.ts";
import { badFlag, type FlagSpec, type Flags } from "./flags.ts";

const KEY = "jwt-secret-key";
/** Its name before Mesos 1.4. */
const OLD_KEY = "executor-secret-key";
/** Permissions of those who are neither its owner nor of its group. */
const OTHERS = 0o007;

export const EXECUTOR_AUTHENTICATION_FLAGS: readonly FlagSpec[] = [
  {
    name: "authenticate-http-executors",
    description: "Executors of frameworks must prove who they are with the token that they were given",
  },
  {
    name: KEY,
    value: "<file>",
    description: "Its content signs the tokens of executors (HS256); without it they are given none",
  },
  { name: OLD_KEY, value: "<file>", description: `Older name of --${KEY}` },
];

export interface ExecutorAuthentication {
  readonly tokens: ExecutorTokens;
  readonly required: boolean;
  /** Whether users of the machine can read the key. */
  readonly exposed: boolean;
  readonly path: string;
}

/** Undefined: there are no tokens. Throws MeshError BAD_FLAG. */
export function readExecutorAuthentication(flags: Flags): ExecutorAuthentication | undefined {
  const required = flags.switch("authenticate-http-executors");
  const name = flags.optional(KEY) === undefined ? OLD_KEY : KEY;
  const given = flags.optional(name);
  if (given === undefined) {
    if (!required) return undefined;
    const message = `Flag --authenticate-http-executors needs a key that signs tokens: give --${KEY} <file>`;
    throw new MeshError("BAD_FLAG", message);
  }
  const path = given.replace(/^file:\/\//, "");
  try {
    const key = readFileSync(path);
    if (key.length === 0) throw new Error("it is empty");
    const exposed = (statSync(path).mode & OTHERS) !== 0;
    return { tokens: new ExecutorTokens(key), required, exposed, path };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw badFlag(name, given, `the path of a file with a key that can be read (${reason})`);
  }
}

export function warnOfExposedKey(authentication: ExecutorAuthentication | undefined, log: Log): void {
  if (authentication?.exposed !== true) return;
  const { path } = authentication;
  log.warn("Other users can read the key of executors' tokens, and forge some", { path, way: "chmod o= it" });
}

/** For the configuration of the core. */
export function executorToken(
  authentication: ExecutorAuthentication | undefined,
): Pick<AgentConfig, "executorToken"> {
  if (authentication === undefined) return {};
  return { executorToken: (claims) => authentication.tokens.issue(claims) };
}

/** For the HTTP edge. */
export function executorCheck(
  authentication: ExecutorAuthentication | undefined,
): Pick<AgentContext, "checkExecutorToken"> {
  if (authentication?.required !== true) return {};
  return { checkExecutorToken: (token, nowMs) => authentication.tokens.check(token, nowMs) };
}
