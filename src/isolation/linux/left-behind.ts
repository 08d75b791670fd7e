/** What an agent process that was killed left in a container that lives on: nobody waits for it. */
import { readlinkSync } from "node:fs";
import { cgroupChildren, ownProcesses } from "./cgroup.ts";
import { killCgroupAndRemove } from "./kill.ts";
import { descendants, type ProcessTable, sendSignal } from "./process-table.ts";
import type { Records } from "./records.ts";
import { SESSION_CGROUP_PREFIX } from "./session.ts";
import type { Tracked } from "./tracked.ts";

/** Ends its sessions, and commands that check it: nobody knows any more when these take too long. */
export async function endLeftBehind(table: ProcessTable, records: Records, tracked: Tracked): Promise<void> {
  const { cgroup, containerId, namespaces } = tracked.record;
  if (cgroup === undefined) return;
  if (namespaces.includes("pid")) endChecks(table, cgroup);
  for (const name of cgroupChildren(cgroup)) {
    // A container inside may have such a name.
    if (!name.startsWith(SESSION_CGROUP_PREFIX) || records.exists(`${containerId}.${name}`)) continue;
    await killCgroupAndRemove(`${cgroup}/${name}`);
  }
}

/** Of a container's processes nsenter(1) alone is in the agent's pid namespace; it waits for its program. */
function endChecks(table: ProcessTable, cgroup: string): void {
  const own = pidNamespace("self");
  const entering = ownProcesses(cgroup).filter((pid) => pidNamespace(pid) === own);
  if (own === undefined || entering.length === 0) return;
  const all = table.all();
  for (const pid of entering) {
    for (const each of descendants(all, pid)) sendSignal(each.pid, "SIGKILL");
    sendSignal(pid, "SIGKILL");
    // It was made the leader of a group, which keeps what lost its parent.
    sendSignal(-pid, "SIGKILL");
  }
}

function pidNamespace(pid: number | "self"): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`);
  } catch {
    return undefined; // It has ended.
  }
}
