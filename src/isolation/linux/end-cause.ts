/** Why a container ended, beyond its exit status. */
import { constants } from "node:os";
import { dirname } from "node:path";
import type { Log } from "../../base/log.ts";
import { withLimitation } from "../cgroup-memory.ts";
import type { Exit } from "../container.ts";
import { LIMITATION_MARK } from "../supervisor-script.ts";
import { memoryLimitationOf } from "./cgroup.ts";
import type { Records } from "./records.ts";
import type { Tracked } from "./tracked.ts";

/** The exit with what the cgroup tells of it, which is noted down, since the cgroup goes next. */
export function endCause(records: Records, log: Log, { record }: Tracked, exit: Exit): Exit {
  const { cgroup, containerId, pod } = record;
  if (exit.limitation !== undefined || cgroup === undefined) return exit;
  let limitation = memoryLimitationOf(cgroup);
  // The pod's limit ends all of its containers at once.
  if (pod !== undefined && wasKilled(exit)) limitation ??= memoryLimitationOf(dirname(cgroup));
  if (limitation === undefined) return exit;
  const noted = records.note(containerId, LIMITATION_MARK, limitation);
  if (!noted.ok)
    log.error("Cannot note the cause of a container's end", { containerId, reason: noted.error });
  return withLimitation(exit, limitation);
}

function wasKilled(exit: Exit): boolean {
  return exit.kind === "signaled" && exit.signal === constants.signals.SIGKILL;
}
