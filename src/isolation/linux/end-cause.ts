/** Why a container ended, beyond its exit status. */
import type { Log } from "../../base/log.ts";
import { withLimitation } from "../cgroup-memory.ts";
import type { Exit } from "../container.ts";
import { LIMITATION_MARK } from "../supervisor-script.ts";
import { memoryLimitationOf } from "./cgroup.ts";
import type { Records } from "./records.ts";
import type { Tracked } from "./tracked.ts";

/** The exit with what the cgroup tells of it, which is noted down, since the cgroup goes next. */
export function endCause(records: Records, log: Log, { record }: Tracked, exit: Exit): Exit {
  const { cgroup, containerId } = record;
  if (exit.limitation !== undefined || cgroup === undefined) return exit;
  const limitation = memoryLimitationOf(cgroup);
  if (limitation === undefined) return exit;
  try {
    records.note(containerId, LIMITATION_MARK, limitation);
  } catch (error) {
    log.error("Cannot note the cause of a container's end", { containerId, reason: String(error) });
  }
  return withLimitation(exit, limitation);
}
