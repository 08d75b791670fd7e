/** Output of several streams as one row of pieces. Holds one piece of each stream at most. */
import type { OutputPiece, ProgramOutput } from "../session.ts";

interface Waiting {
  readonly piece: OutputPiece;
  /** Lets its stream be read on. */
  readonly taken: () => void;
}

export class PieceQueue implements ProgramOutput {
  readonly #waiting: Waiting[] = [];
  #taker: ((piece: OutputPiece | undefined) => void) | undefined;
  #streams = 0;
  #pieces = 0;
  #closed = false;
  readonly #ended = Promise.withResolvers<void>();

  /** Settles when all streams have ended, or nothing more is wanted. */
  readonly ended = this.#ended.promise;

  /** Reads the stream to its end; an error of it counts as its end. */
  add(stream: OutputPiece["stream"], source: ReadableStream<Uint8Array>): void {
    this.#streams++;
    void this.#copy(stream, source).finally(() => {
      this.#streams--;
      if (this.#streams === 0) this.#end();
    });
  }

  async #copy(stream: OutputPiece["stream"], source: ReadableStream<Uint8Array>): Promise<void> {
    const reader = source.getReader();
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done || this.#closed) return;
        if (value.length > 0) await this.#put({ stream, bytes: value });
      }
    } catch {
      // A terminal ends with EIO once no program has it open.
    } finally {
      await reader.cancel().catch(() => {});
    }
  }

  /** Pieces that came so far. */
  get pieces(): number {
    return this.#pieces;
  }

  /** Everything that came was taken. */
  get empty(): boolean {
    return this.#waiting.length === 0;
  }

  async #put(piece: OutputPiece): Promise<void> {
    this.#pieces++;
    const taker = this.#taker;
    if (taker !== undefined) {
      this.#taker = undefined;
      taker(piece);
      return;
    }
    await new Promise<void>((taken) => this.#waiting.push({ piece, taken }));
  }

  async next(): Promise<OutputPiece | undefined> {
    const first = this.#waiting.shift();
    if (first !== undefined) {
      first.taken();
      return first.piece;
    }
    if (this.#closed || this.#streams === 0) return undefined;
    return await new Promise((take) => {
      this.#taker = take;
    });
  }

  close(): void {
    this.#closed = true;
    for (const { taken } of this.#waiting.splice(0)) taken();
    this.#end();
  }

  #end(): void {
    const taker = this.#taker;
    this.#taker = undefined;
    taker?.(undefined);
    this.#ended.resolve();
  }
}
