/** Clients' commands: each takes effect at most once, and none that was acknowledged is lost. */
import type { LogEntry, PeerId } from "../../../src/raft/types.ts";
import { decodeKvCommand, type KvCommand, KvMachine } from "../kv-machine.ts";
import { Violation } from "../violation.ts";

interface Acknowledged {
  readonly command: KvCommand;
  readonly found: number;
}

export class Commands {
  /** Index at which a command took effect, by session and number. */
  readonly #effectiveAt = new Map<string, number>();
  readonly #acknowledged: Acknowledged[] = [];

  get acknowledged(): number {
    return this.#acknowledged.length;
  }

  /** A member's state machine let the command of an entry take effect. */
  tookEffect(member: PeerId, entry: LogEntry): void {
    const command = decodeKvCommand(entry.data);
    const before = this.#effectiveAt.get(nameOf(command));
    if (before !== undefined && before !== entry.index) {
      throw new Violation(
        `Once only: ${member} lets command ${nameOf(command)} take effect at ${entry.index}, it did at ${before}`,
      );
    }
    this.#effectiveAt.set(nameOf(command), entry.index);
  }

  /** A client was told that its command took effect. */
  acknowledge(command: KvCommand, found: number): void {
    if (!this.#effectiveAt.has(nameOf(command))) {
      throw new Violation(`Acknowledgement: command ${nameOf(command)} was acknowledged, nobody applied it`);
    }
    this.#acknowledged.push({ command, found });
  }

  /** At the end: replays what was committed and looks for each acknowledged command. */
  allKept(committed: readonly LogEntry[]): void {
    const machine = new KvMachine();
    const results = new Map<string, number>();
    for (const entry of committed) {
      const outcome = machine.apply(entry);
      if (outcome?.effective) results.set(nameOf(decodeKvCommand(entry.data)), outcome.found);
    }
    for (const { command, found } of this.#acknowledged) {
      const result = results.get(nameOf(command));
      if (result === found) continue;
      const what = result === undefined ? "is lost" : `found ${result}, its client was told ${found}`;
      throw new Violation(`Acknowledgement: command ${nameOf(command)} ${what}`);
    }
  }
}

function nameOf({ session, number }: KvCommand): string {
  return `${session}#${number}`;
}
