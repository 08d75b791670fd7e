import { encodeCommands } from "../registry/codec.ts";
import type { Command } from "../registry/commands.ts";
import type { AnswerRef } from "./types.ts";

/**
 * Requests of operators by the command that each led to: they are answered once it is applied, or
 * once it is certain that it never will be. Equal commands are answered in the order proposed.
 */
export class OperatorRequests {
  readonly #waiting = new Map<string, AnswerRef[]>();

  add(command: Command, ref: AnswerRef): void {
    const key = keyOf(command);
    const refs = this.#waiting.get(key);
    if (refs === undefined) this.#waiting.set(key, [ref]);
    else refs.push(ref);
  }

  /** The request that waits for the command; undefined when nobody does. */
  take(command: Command): AnswerRef | undefined {
    if (this.#waiting.size === 0) return undefined;
    const key = keyOf(command);
    const refs = this.#waiting.get(key);
    const ref = refs?.shift();
    if (refs?.length === 0) this.#waiting.delete(key);
    return ref;
  }

  /** As {@link take}, and it goes on waiting. */
  of(command: Command): AnswerRef | undefined {
    return this.#waiting.size === 0 ? undefined : this.#waiting.get(keyOf(command))?.[0];
  }

  *all(): Iterable<AnswerRef> {
    for (const refs of this.#waiting.values()) yield* refs;
  }
}

/** A command that was applied is a decoded copy of the one proposed: its bytes tell. */
function keyOf(command: Command): string {
  return String.fromCharCode(...encodeCommands([command]).subarray(0, KEY_MAX_BYTES));
}

/** Two schedules that begin alike and were asked for in one millisecond may be answered for each other. */
const KEY_MAX_BYTES = 4_096;
