import { assert } from "../base/assert.ts";
import { ARGUMENT_MAX_BYTES, FILE_NAME_MAX_BYTES } from "../base/limits.ts";
import { checkIdText } from "../model/validate-ids.ts";
import type { ContainerSpec } from "./container.ts";
import { networkProblem } from "./network-script.ts";
import type { Host } from "./tools.ts";

/** Says what is wrong with a container that could not be started as it stands, or nothing. */
export function invalidSpec(spec: ContainerSpec, host: Host): string | undefined {
  return (
    invalidNames(spec) ??
    invalidCommand(spec, host) ??
    invalidTerminal(spec, host) ??
    invalidMounts(spec, host) ??
    invalidEnvironment(spec.environment) ??
    invalidStrings(spec) ??
    networkProblem(spec, host)
  );
}

function invalidNames(spec: ContainerSpec): string | undefined {
  const { containerId, sandbox } = spec;
  if (containerId.startsWith(".") || containerId.includes(" ") || checkIdText(containerId) !== undefined) {
    return `Container id ${JSON.stringify(containerId)} cannot be a file name; use letters, digits, "-" and "_"`;
  }
  const bytes = new TextEncoder().encode(containerId).length;
  if (bytes > FILE_NAME_MAX_BYTES) {
    return `Container id "${containerId}" has ${bytes} bytes, with those of the containers around it, and may have ${FILE_NAME_MAX_BYTES}; use a shorter one`;
  }
  if (containerId === "supervisors") return `Container id "${containerId}" is reserved; use another one`;
  if (!sandbox.startsWith("/"))
    return `Sandbox "${sandbox}" is not an absolute path; give one that begins with "/"`;
  for (const name of [spec.stdoutName, spec.stderrName]) {
    if (name === "" || name === "." || name === ".." || name.includes("/")) {
      return `Output file "${name}" is not a plain file name; use one such as "stdout"`;
    }
  }
  return undefined;
}

function invalidCommand(spec: ContainerSpec, host: Host): string | undefined {
  const { command } = spec;
  if (command.kind === "shell") return undefined;
  if (command.kind === "image")
    return "The image that the command belongs to is not here; give images to this agent";
  if (command.file === "") return "The command is empty; set its value to the program to execute";
  const argv0 = command.argv[0];
  const renamed = argv0 !== undefined && argv0 !== command.file && spec.root === undefined;
  if (renamed && host.tools.bash === undefined) {
    return `Cannot execute "${command.file}" under the name "${argv0}": that needs bash on the agent's machine; install it, or make the first argument equal to the value`;
  }
  return undefined;
}

function invalidMounts({ mounts = [], secrets = [] }: ContainerSpec, { tools }: Host): string | undefined {
  const image = mounts.find((mount) => mount.kind === "image");
  if (image?.kind === "image") {
    return `Cannot mount the image "${image.image.name}" at "${image.target}": this agent is set up without images; see its --image-providers`;
  }
  const wanted = mounts.filter((mount) => mount.kind === "secret");
  assert(wanted.length === secrets.length, "Each mounted secret has its bytes");
  if (wanted.length === 0) return undefined;
  const missing = tools.dd === undefined ? "dd" : tools.chown === undefined ? "chown" : undefined;
  if (missing === undefined) return undefined;
  return `Cannot mount a secret at "${wanted[0]?.target}": that needs ${missing} (coreutils) on the agent's machine; install it`;
}

function invalidTerminal({ terminal }: ContainerSpec, { tools, procfs }: Host): string | undefined {
  if (terminal === undefined) return undefined;
  if (!procfs) return "Terminals need Linux with /proc; ask for no terminal";
  const missing =
    tools.setsid === undefined
      ? "setsid (util-linux)"
      : tools.cat === undefined
        ? "cat (coreutils)"
        : undefined;
  if (missing === undefined) return undefined;
  return `A terminal needs the program ${missing} on the agent's machine; install it, or ask for no terminal`;
}

function invalidEnvironment(variables: ContainerSpec["environment"]): string | undefined {
  const names = new Set<string>();
  for (const [name] of variables) {
    if (name === "" || name.includes("=")) {
      return `Environment variable name "${name}" is not possible; it must have a character and no "="`;
    }
    if (names.has(name)) return `Environment variable "${name}" is given twice; keep one of them`;
    names.add(name);
  }
  return undefined;
}

/** The kernel ends strings at NUL and bounds each of them (execve(2)). */
function invalidStrings(spec: ContainerSpec): string | undefined {
  const { command } = spec;
  const words = wordsOf(command);
  for (const word of words) {
    if (word.includes("\0")) return `Argument ${JSON.stringify(word.slice(0, 80))} has a NUL; remove it`;
    if (tooLong(word)) return `An argument is longer than ${ARGUMENT_MAX_BYTES} bytes; put it into a file`;
  }
  for (const [name, value] of spec.environment) {
    if (`${name}${value}`.includes("\0"))
      return `Environment variable ${JSON.stringify(name)} has a NUL; remove it`;
    // The numbered name goes in front of it, see plan.ts.
    if (tooLong(`mesh_env_${"_".repeat(24)}=${name}=${value}`)) {
      return `Environment variable "${name}" is longer than ${ARGUMENT_MAX_BYTES} bytes; put it into a file`;
    }
  }
  return undefined;
}

function wordsOf(command: ContainerSpec["command"]): readonly string[] {
  switch (command.kind) {
    case "shell":
      return [command.script];
    case "exec":
      return [command.file, ...command.argv];
    case "image":
      return [command.value ?? "", ...command.arguments];
  }
}

function tooLong(text: string): boolean {
  // UTF-8 takes at most three bytes for a UTF-16 unit.
  if (text.length * 3 <= ARGUMENT_MAX_BYTES) return false;
  return new TextEncoder().encode(text).length > ARGUMENT_MAX_BYTES;
}
