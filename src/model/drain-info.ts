/** An agent's draining as GetAgents.Agent tells it. */
import { nanosFromMs } from "../base/time.ts";
import type { DrainInfo } from "./v1/frameworks.ts";
import type { TimeInfo } from "./v1/ids.ts";

export interface Drain {
  readonly drained: boolean;
  readonly maxGraceMs: number | undefined;
  readonly markGone: boolean;
  readonly startedAtMs: number;
}

export function drainInfo({ drained, maxGraceMs, markGone }: Drain): DrainInfo {
  return {
    state: drained ? "DRAINED" : "DRAINING",
    config: {
      ...(maxGraceMs === undefined ? {} : { max_grace_period: { nanoseconds: nanosFromMs(maxGraceMs) } }),
      mark_gone: markGone,
    },
  };
}

/** Nothing for an agent that does not drain. */
export function drainMembers(
  drain: Drain | undefined,
): { drain_info: DrainInfo; estimated_drain_start_time: TimeInfo } | undefined {
  if (drain === undefined) return undefined;
  const estimated_drain_start_time = { nanoseconds: nanosFromMs(drain.startedAtMs) };
  return { drain_info: drainInfo(drain), estimated_drain_start_time };
}
