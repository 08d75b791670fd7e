/**
 * What an agent process that was killed left in containers that live on: sessions, and commands that check
 * them. Nobody waits for these, and nobody knows any more when they take too long.
 */
import { readlinkSync } from "node:fs";
import { LEFT_BEHIND_DELAY_MS } from "../../base/limits.ts";
import { cgroupChildren, ownProcesses } from "./cgroup.ts";
import type { Checker } from "./check.ts";
import { patiently } from "./exhaustion.ts";
import { killCgroupAndRemove } from "./kill.ts";
import { descendants, type ProcessTable, sendSignal } from "./process-table.ts";
import type { Records } from "./records.ts";
import { SESSION_CGROUP_PREFIX, type Sessions } from "./session.ts";
import type { Tracked } from "./tracked.ts";

/** Ends them once the agent is up, one container a turn: hundreds would hold up its first answers. */
export class LeftBehind {
  readonly #table: ProcessTable;
  readonly #records: Records;
  /** What this process runs in the same containers is left alone. */
  readonly #checker: Checker;
  readonly #sessions: Sessions;
  #waiting: Tracked[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #pidNamespace: string | undefined;

  constructor(table: ProcessTable, records: Records, checker: Checker, sessions: Sessions) {
    this.#table = table;
    this.#records = records;
    this.#checker = checker;
    this.#sessions = sessions;
  }

  /** @param tracked a container that an earlier process started, and that runs */
  add(tracked: Tracked): void {
    if (tracked.record.cgroup === undefined) return;
    this.#waiting.push(tracked);
    this.#timer ??= setTimeout(() => void this.#endAll(), LEFT_BEHIND_DELAY_MS);
  }

  close(): void {
    this.#waiting = [];
    clearTimeout(this.#timer);
  }

  async #endAll(): Promise<void> {
    this.#pidNamespace = pidNamespace("self");
    for (let next = this.#waiting.pop(); next !== undefined; next = this.#waiting.pop()) {
      const tracked = next;
      await patiently(() => this.#end(tracked));
      await new Promise((resolve) => setImmediate(resolve));
    }
    this.#timer = undefined;
  }

  async #end({ record }: Tracked): Promise<void> {
    const { cgroup, containerId, namespaces } = record;
    if (cgroup === undefined) return;
    if (namespaces.includes("pid")) this.#endChecks(cgroup);
    for (const name of cgroupChildren(cgroup)) {
      const path = `${cgroup}/${name}`;
      // A container inside may have such a name.
      if (!name.startsWith(SESSION_CGROUP_PREFIX) || this.#records.exists(`${containerId}.${name}`)) continue;
      if (!this.#sessions.holds(path)) await killCgroupAndRemove(path);
    }
  }

  /** Of a container's processes nsenter(1) alone is in the agent's pid namespace, and waits for its child. */
  #endChecks(cgroup: string): void {
    const own = this.#pidNamespace;
    const entering = ownProcesses(cgroup).filter(
      (pid) => pidNamespace(pid) === own && !this.#checker.runs(pid),
    );
    if (own === undefined || entering.length === 0) return;
    const all = this.#table.all();
    for (const pid of entering) {
      for (const each of descendants(all, pid)) sendSignal(each.pid, "SIGKILL");
      sendSignal(pid, "SIGKILL");
      // It was made the leader of a group, which keeps what lost its parent.
      sendSignal(-pid, "SIGKILL");
    }
  }
}

function pidNamespace(pid: number | "self"): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`);
  } catch {
    return undefined; // It has ended.
  }
}
