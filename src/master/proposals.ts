import { ENTRY_MAX_BYTES, ENTRY_MAX_CHANGES } from "../base/limits.ts";
import type { Command } from "../registry/commands.ts";
import { splitCommands } from "./split-commands.ts";

/**
 * Entries under way beyond which commands wait for the next one: one on its way to the disks and one queued
 * behind it. Measured at 64 and 256 clients: a single one costs throughput, more cost processor time.
 */
const UNDER_WAY_MAX_ENTRIES = 2;
/** As many commands do not wait. */
const HELD_MAX_COMMANDS = 4_096;

/** What decides whether commands go into the log now, and in how large parts. */
interface Log {
  readonly uncommittedEntries: number;
  readonly eligible: boolean;
  readonly featureLevel: number;
}

const NOTHING: readonly (readonly Command[])[] = [];

/** A leader's commands on their way into the log. */
export class Proposals {
  /** Proposed while enough entries were under way; goes together, so that load makes larger entries. */
  #waiting: Command[] = [];
  /** Given to raft, by its reference. */
  readonly #proposed = new Map<number, readonly Command[]>();

  add(commands: readonly Command[]): void {
    for (const command of commands) this.#waiting.push(command);
  }

  /** Parts, each for an entry, that go now. `share`: of the changes of an entry. */
  take({ uncommittedEntries, eligible, featureLevel }: Log, share: number): readonly (readonly Command[])[] {
    // What is under way is committed in a later turn, or this master stops leading.
    const busy = uncommittedEntries >= UNDER_WAY_MAX_ENTRIES;
    const held = busy && eligible && this.#waiting.length < HELD_MAX_COMMANDS;
    if (this.#waiting.length === 0 || held) return NOTHING;
    const waiting = this.#waiting;
    this.#waiting = [];
    return splitCommands(waiting, ENTRY_MAX_BYTES, featureLevel, ENTRY_MAX_CHANGES * share);
  }

  given(ref: number, commands: readonly Command[]): void {
    this.#proposed.set(ref, commands);
  }

  /** Raft took them, or refused. Undefined if `ref` is another's. */
  end(ref: number): readonly Command[] | undefined {
    const commands = this.#proposed.get(ref);
    this.#proposed.delete(ref);
    return commands;
  }

  /** This master no longer leads. */
  clear(): void {
    this.#waiting = [];
    this.#proposed.clear();
  }
}
