/**
 * How large the log files `stdout` and `stderr` of a container may become, and
 * how many earlier parts of each are kept (LOG-4). Defaults are the agent's; a
 * container changes them by its environment, with the variables of Mesos'
 * logrotate module.
 */
import { OUTPUT_PARTS_MAX, OUTPUT_SIZE_MIN_BYTES } from "../base/limits.ts";
import { fail, ok, type Result } from "../base/result.ts";
import { parseBytes } from "../model/byte-text.ts";

export interface OutputSettings {
  /** Beyond this size the file begins anew. */
  readonly maxBytes: number;
  /** Earlier parts that are kept: `stdout.1` is the newest of them. */
  readonly parts: number;
}

export interface ContainerOutputs {
  readonly stdout: OutputSettings;
  readonly stderr: OutputSettings;
}

const DEFAULT_OUTPUT: OutputSettings = { maxBytes: 10 * 1024 ** 2, parts: 9 };
export const DEFAULT_OUTPUTS: ContainerOutputs = { stdout: DEFAULT_OUTPUT, stderr: DEFAULT_OUTPUT };

/** Of all variables that set something here. */
export const LOGGER_PREFIX = "CONTAINER_LOGGER_";

type Variables = readonly (readonly [name: string, value: string])[];

/** The error says which variable cannot be used, and what it may be. */
export function containerOutputs(
  defaults: ContainerOutputs | undefined,
  variables: Variables,
): Result<ContainerOutputs | undefined> {
  // Output that is not rotated, has no settings.
  if (defaults === undefined) return ok(undefined);
  let outputs = defaults;
  for (const [name, value] of variables) {
    if (!name.startsWith(LOGGER_PREFIX)) continue;
    const [stream, setting] = VARIABLES[name] ?? [];
    if (stream === undefined) {
      const known = Object.keys(VARIABLES).join(", ");
      return fail(
        `the environment variable "${name}" is no setting of the container's logs; there are ${known}`,
      );
    }
    const read = setting === "size" ? readSize(value) : readOptions(value);
    if (!read.ok)
      return fail(`the environment variable "${name}" has the value "${value}": expected ${read.error}`);
    outputs = { ...outputs, [stream]: { ...outputs[stream], ...read.value } };
  }
  return ok(outputs);
}

const VARIABLES: Readonly<Record<string, readonly [keyof ContainerOutputs, "size" | "options"]>> = {
  CONTAINER_LOGGER_MAX_STDOUT_SIZE: ["stdout", "size"],
  CONTAINER_LOGGER_LOGROTATE_STDOUT_OPTIONS: ["stdout", "options"],
  CONTAINER_LOGGER_MAX_STDERR_SIZE: ["stderr", "size"],
  CONTAINER_LOGGER_LOGROTATE_STDERR_OPTIONS: ["stderr", "options"],
};

export function readSize(text: string): Result<Pick<OutputSettings, "maxBytes">> {
  const bytes = parseBytes(text);
  if (!bytes.ok || bytes.value < OUTPUT_SIZE_MIN_BYTES) return fail("a size of 4KB or more, such as 10MB");
  return ok({ maxBytes: bytes.value });
}

/** Options as of logrotate(8), of which there is one: how many old parts to keep. */
export function readOptions(text: string): Result<Pick<OutputSettings, "parts">> {
  const words = text.trim().split(/\s+/);
  const parts = Number(words[1]);
  if (
    words.length !== 2 ||
    words[0] !== "rotate" ||
    !/^\d+$/.test(words[1] ?? "") ||
    parts > OUTPUT_PARTS_MAX
  ) {
    return fail(`"rotate <n>" with n from 0 to ${OUTPUT_PARTS_MAX}; there are no other options`);
  }
  return ok({ parts });
}
