/** Variables of CommandInfo.environment, plain and secret (TSK-27; Mesos: isolator environment_secret). */
import { fail, ok, type Result } from "../base/result.ts";
import type { CommandInfo, Secret } from "../model/v1/tasks.ts";

/** Fails on a secret that is not given by value, and on one that no program could be handed. */
export function userVariables(command: CommandInfo): Result<readonly (readonly [string, string])[]> {
  const variables: (readonly [string, string])[] = [];
  for (const { name, type, value, secret } of command.environment?.variables ?? []) {
    if (type !== "SECRET") {
      variables.push([name, value ?? ""]);
      continue;
    }
    const content = secretText(secret);
    if (!content.ok) return fail(`the environment variable "${name}" is a secret ${content.error}`);
    variables.push([name, content.value]);
  }
  return ok(variables);
}

/** Errors go on after "is a secret". */
function secretText(secret: Secret | undefined): Result<string> {
  if (secret?.value === undefined) {
    return fail("by reference, which needs a store of secrets that agents do not have: give it by value");
  }
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(secret.value.data);
    return text.includes("\0") ? fail("with a zero byte, which no environment holds") : ok(text);
  } catch {
    return fail("that is not UTF-8 text, which environments of tasks are");
  }
}
