/**
 * Profiles of system calls in Docker's form, which Mesos takes too (ISO-28,
 * Mesos' src/linux/seccomp/seccomp_parser.cpp), read into rules for this
 * machine. Names that the processor does not have are passed over: profiles
 * name the calls of several. Parts for other processors are, too.
 */
import { fail, ok, type Result } from "../base/result.ts";
import { capabilityNumbers } from "../model/linux-capabilities.ts";
import type { CapabilityInfo } from "../model/v1/containers.ts";
import type { Processor } from "./seccomp-processor.ts";

/** What the kernel does with a call: SECCOMP_RET_* of include/uapi/linux/seccomp.h. */
export type SeccompAction = number;

export const ALLOW: SeccompAction = 0x7fff0000;
const KILL_PROCESS: SeccompAction = 0x80000000;
const KILL_THREAD: SeccompAction = 0;
const TRAP: SeccompAction = 0x00030000;
const LOG: SeccompAction = 0x7ffc0000;
const ERRNO = 0x00050000;
export const EPERM = 1;
export const ENOSYS = 38;

export function errno(number: number): SeccompAction {
  return ERRNO | number;
}

export const COMPARISONS = ["NE", "LT", "LE", "EQ", "GE", "GT", "MASKED_EQ"] as const;

/** A condition on one argument; for MASKED_EQ `value` is the mask and `other` what is left under it. */
export interface ArgumentRule {
  readonly index: number;
  readonly comparison: (typeof COMPARISONS)[number];
  readonly value: bigint;
  readonly other: bigint;
}

/** All conditions hold: the action is taken. */
export interface SyscallRule {
  readonly number: number;
  readonly conditions: readonly ArgumentRule[];
  readonly action: SeccompAction;
}

export interface SeccompProfile {
  readonly otherwise: SeccompAction;
  /** In order: of one call the first whose conditions hold counts. */
  readonly rules: readonly SyscallRule[];
}

/** What the `includes` and `excludes` of a profile ask about. */
export interface ProfileContext {
  /** Undefined: all. */
  readonly capabilities: readonly number[] | undefined;
  /** As in uname -r. */
  readonly kernel: string;
  readonly processor: Processor;
}

type Fields = Readonly<Record<string, unknown>>;

export function parseSeccompProfile(text: string, context: ProfileContext): Result<SeccompProfile> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return fail(`it is not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (!isFields(value)) return fail("it is not a JSON object");
  const otherwise = actionOf(value["defaultAction"], value["defaultErrnoRet"]);
  if (!otherwise.ok) return fail(`defaultAction: ${otherwise.error}`);
  const rules: SyscallRule[] = [];
  for (const [at, entry] of list(value["syscalls"]).entries()) {
    const parsed = isFields(entry) ? rulesOf(entry, context) : fail("it is not an object");
    if (!parsed.ok) return fail(`syscalls[${at}]: ${parsed.error}`);
    rules.push(...parsed.value);
  }
  return ok({ otherwise: otherwise.value, rules });
}

function rulesOf(entry: Fields, context: ProfileContext): Result<readonly SyscallRule[]> {
  const action = actionOf(entry["action"], entry["errnoRet"]);
  if (!action.ok) return action;
  if (!matches(entry["includes"], context, true) || matches(entry["excludes"], context, false)) return ok([]);
  const names = [...list(entry["names"]), ...(entry["name"] === undefined ? [] : [entry["name"]])];
  if (names.length === 0) return fail("it names no system call");
  const conditions: ArgumentRule[] = [];
  for (const argument of list(entry["args"])) {
    const parsed = isFields(argument) ? argumentOf(argument) : undefined;
    if (parsed === undefined) return fail(`the argument ${JSON.stringify(argument)} is not understood`);
    conditions.push(parsed);
  }
  const numbers = names
    .map((name) => context.processor.calls.get(String(name)))
    .filter((each) => each !== undefined);
  return ok(numbers.map((number) => ({ number, conditions, action: action.value })));
}

function actionOf(name: unknown, number: unknown): Result<SeccompAction> {
  switch (name) {
    case "SCMP_ACT_ALLOW":
      return ok(ALLOW);
    case "SCMP_ACT_ERRNO":
      if (
        number !== undefined &&
        !(Number.isInteger(number) && Number(number) >= 0 && Number(number) < 4096)
      ) {
        return fail(`the errno ${JSON.stringify(number)} is none`);
      }
      return ok(errno(typeof number === "number" ? number : EPERM));
    case "SCMP_ACT_KILL_PROCESS":
      return ok(KILL_PROCESS);
    case "SCMP_ACT_KILL":
    case "SCMP_ACT_KILL_THREAD":
      return ok(KILL_THREAD);
    case "SCMP_ACT_TRAP":
      return ok(TRAP);
    case "SCMP_ACT_LOG":
      return ok(LOG);
    default:
      return fail(`the action ${JSON.stringify(name)} is not known here`);
  }
}

function argumentOf(argument: Fields): ArgumentRule | undefined {
  const { index, value, valueTwo, op } = argument;
  const comparison = COMPARISONS.find((each) => op === `SCMP_CMP_${each}`);
  const [one, two] = [unsigned(value), unsigned(valueTwo ?? 0)];
  if (comparison === undefined || one === undefined || two === undefined) return undefined;
  if (typeof index !== "number" || !Number.isInteger(index) || index < 0 || index > 5) return undefined;
  return { index, comparison, value: one, other: two };
}

function unsigned(value: unknown): bigint | undefined {
  return typeof value === "number" && Number.isInteger(value) && value >= 0
    ? BigInt.asUintN(64, BigInt(value))
    : undefined;
}

/** `every`: includes hold when all of their parts do, excludes when one does; empty ones say nothing. */
function matches(
  given: unknown,
  { capabilities, kernel, processor }: ProfileContext,
  every: boolean,
): boolean {
  if (!isFields(given)) return every;
  const parts: boolean[] = [];
  const names = list(given["caps"]).map((name) => String(name).replace(/^CAP_/, ""));
  if (names.length > 0) {
    const wanted = capabilityNumbers({ capabilities: names } as CapabilityInfo);
    const has = (each: number): boolean => capabilities?.includes(each) ?? true;
    parts.push(wanted.length === names.length && (every ? wanted.every(has) : wanted.some(has)));
  }
  const arches = list(given["arches"]);
  if (arches.length > 0) parts.push(arches.some((arch) => processor.names.includes(String(arch))));
  const least = given["minKernel"];
  if (typeof least === "string") parts.push(versionNumber(kernel) >= versionNumber(least));
  return every ? parts.every((part) => part) : parts.some((part) => part);
}

/** "6.1.0-56-cloud" is above "5.12". */
function versionNumber(text: string): number {
  const [, major = "0", minor = "0"] = /^(\d+)\.(\d+)/.exec(text) ?? [];
  return Number(major) * 100_000 + Number(minor);
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
