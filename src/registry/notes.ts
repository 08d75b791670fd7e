/**
 * Notes: small values that frameworks and operators keep in the registry
 * under names of their choice, as they would in ZooKeeper. Each stored value
 * gets a version that no other value of any note ever had, so that "change it
 * if it is still what I read" is safe even after a removal.
 */
export interface Note {
  readonly value: Uint8Array;
  readonly version: number;
}

/** The notes in memory, with what they take. */
export class Notes {
  /** The newest version given to any note. */
  version = 0;
  /** Keys (as UTF-16 units) and values together. */
  bytes = 0;
  readonly #notes = new Map<string, Note>();

  get count(): number {
    return this.#notes.size;
  }

  get(key: string): Note | undefined {
    return this.#notes.get(key);
  }

  set(key: string, note: Note): void {
    this.bytes += sizeOf(key, note) - sizeOf(key, this.#notes.get(key));
    this.#notes.set(key, note);
  }

  delete(key: string): void {
    this.bytes -= sizeOf(key, this.#notes.get(key));
    this.#notes.delete(key);
  }

  /** Keys that begin with `prefix`, sorted. */
  keys(prefix: string): string[] {
    return [...this.#notes.keys()].filter((key) => key.startsWith(prefix)).sort();
  }
}

/** What a note adds to {@link Notes.bytes}. */
export function sizeOf(key: string, note: Pick<Note, "value"> | undefined): number {
  return note === undefined ? 0 : 2 * key.length + note.value.length;
}
