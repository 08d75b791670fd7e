/** Flags of `mesh master` about frameworks and their offers, and the settings they make. */
import { HISTORY_FRAMEWORKS_MAX, HISTORY_TASKS_PER_FRAMEWORK_MAX } from "../base/limits.ts";
import type { MasterSettings } from "../master/types.ts";
import type { RateLimits } from "../model/v1/tasks.ts";
import { decodeJson } from "../wire/json-decode.ts";
import { bytesOf } from "./byte-flags.ts";
import { textOrFile } from "./flag-files.ts";
import { badFlag, type FlagSpec, type Flags } from "./flags.ts";

export const FRAMEWORK_FLAGS: readonly FlagSpec[] = [
  {
    name: "offer-constraints-re2-max-mem",
    value: "<bytes>",
    description: "Memory that one regular expression of a framework's offer constraints may take, as 4KB",
    default: "4KB",
  },
  {
    name: "offer-constraints-re2-max-program-size",
    value: "<n>",
    description: "Instructions of the program of one such expression",
    default: "100",
  },
  {
    name: "rate-limits",
    value: "<json>",
    description: "Calls a second of schedulers by principal, as Mesos' RateLimits, or file:///path of them",
  },
  {
    name: "max-completed-frameworks",
    value: "<n>",
    description: "Removed frameworks that are remembered",
    default: "50",
  },
  {
    name: "max-completed-tasks-per-framework",
    value: "<n>",
    description: "Ended tasks of each framework that are remembered",
    default: "1000",
  },
  {
    name: "max-unreachable-tasks-per-framework",
    value: "<n>",
    description: "Unreachable tasks of each framework that are shown",
    default: "1000",
  },
  {
    name: "root-submissions",
    value: "<bool>",
    description: "Whether frameworks may run as root",
    default: "true",
  },
];

export type FrameworkSettings = Pick<
  MasterSettings,
  "constraintLimits" | "history" | "rateLimits" | "rootSubmissions" | "unreachableTasksShown"
>;

export function readFrameworkFlags(flags: Flags): FrameworkSettings {
  const maxProgramSize = flags.number("offer-constraints-re2-max-program-size", {
    min: 1,
    max: 1e6,
    integer: true,
  });
  const bound = (name: string, max: number, min = 0) => flags.number(name, { min, max, integer: true });
  return {
    constraintLimits: { maxMemBytes: bytesOf(flags, "offer-constraints-re2-max-mem"), maxProgramSize },
    history: {
      completedFrameworks: bound("max-completed-frameworks", HISTORY_FRAMEWORKS_MAX),
      completedTasksPerFramework: bound(
        "max-completed-tasks-per-framework",
        HISTORY_TASKS_PER_FRAMEWORK_MAX,
        1,
      ),
    },
    unreachableTasksShown: bound("max-unreachable-tasks-per-framework", HISTORY_TASKS_PER_FRAMEWORK_MAX),
    rateLimits: rateLimitsOf(flags),
    rootSubmissions: flags.switch("root-submissions"),
  };
}

/** mesos.v1.RateLimits as JSON, or a file that holds it. */
function rateLimitsOf(flags: Flags): RateLimits | undefined {
  const given = flags.optional("rate-limits");
  const text = textOrFile("rate-limits", given);
  if (given === undefined || text === undefined) return undefined;
  const limits = decodeJson("RateLimits", text);
  if (!limits.ok) throw badFlag("rate-limits", given, `RateLimits as JSON: ${limits.error.message}`);
  const { limits: named = [], aggregate_default_qps } = limits.value;
  const rates = [...named.map(({ qps }) => qps), aggregate_default_qps];
  const principals = new Set(named.map(({ principal }) => principal));
  if (rates.some((qps) => qps !== undefined && !(qps > 0 && Number.isFinite(qps)))) {
    throw badFlag("rate-limits", given, "each qps above 0");
  }
  if (principals.size < named.length) throw badFlag("rate-limits", given, "each principal once");
  return limits.value;
}
