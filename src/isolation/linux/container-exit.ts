/** How a container ended, by its record, and for a child of this process by that too. */
import { constants } from "node:os";
import { withLimitation } from "../cgroup-memory.ts";
import type { Exit } from "../container.ts";
import type { ContainerState } from "../runtime.ts";
import { exitFromStatus } from "./exit-status.ts";
import type { ProcessTable } from "./process-table.ts";
import type { Records } from "./records.ts";
import { initByCommandLine, supervisorAlive, type Tracked } from "./tracked.ts";

/** Undefined: nothing recorded it, or not yet. */
export function recordedExit(records: Records, containerId: string): Exit | undefined {
  const log = records.read(containerId);
  if (log?.status === undefined) return undefined;
  return withLimitation(exitFromStatus(log.status, log.messages), log.limitation);
}

/** Undefined while it runs. */
export function stateWhenOver(
  records: Records,
  table: ProcessTable,
  tracked: Tracked,
  bootId: string,
): ContainerState | undefined {
  const { containerId, bootId: recordedBoot } = tracked.record;
  const exit = recordedExit(records, containerId);
  if (exit !== undefined) return { state: "ended", exit };
  if (recordedBoot === bootId && supervisorAlive(table, tracked)) return undefined;
  // It may have written its last record between the two looks.
  const late = recordedExit(records, containerId);
  return late === undefined ? { state: "gone" } : { state: "ended", exit: late };
}

/** @param child its supervisor, which has ended */
export function exitOfChild(
  records: Records,
  table: ProcessTable,
  tracked: Tracked,
  child: Bun.Subprocess,
): Exit {
  const { containerId, namespaces } = tracked.record;
  const pidNamespace = namespaces.includes("pid");
  const log = records.read(containerId);
  const status = log?.status ?? (pidNamespace ? null : child.exitCode);
  if (status !== null) return withLimitation(exitFromStatus(status, log?.messages ?? ""), log?.limitation);
  // init ends without a record only by SIGKILL from outside; unshare(1) then ends too, one way or another.
  if (pidNamespace && initByCommandLine(table, tracked) === undefined) {
    return withLimitation({ kind: "signaled", signal: constants.signals.SIGKILL }, log?.limitation);
  }
  return { kind: "unknown", reason: `its supervisor was ended by ${child.signalCode ?? child.exitCode}` };
}

export function stateOfExit(exit: Exit): ContainerState {
  return exit.kind === "unknown" ? { state: "gone" } : { state: "ended", exit };
}
