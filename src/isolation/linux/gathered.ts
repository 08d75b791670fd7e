/** What a program says, also when something that it left behind keeps its output open. */
export class Gathered {
  /** Settled at the end of the output. */
  readonly ended: Promise<void>;
  /** Nothing is read any more. */
  readonly stop: () => void;
  readonly #pieces: Uint8Array[] = [];

  constructor(stream: ReadableStream<Uint8Array>) {
    const reader = stream.getReader();
    const read = async (): Promise<void> => {
      for (;;) {
        const { value, done } = await reader.read();
        if (done) return;
        this.#pieces.push(value);
      }
    };
    this.ended = read().catch(() => {});
    this.stop = () => void reader.cancel().catch(() => {});
  }

  get pieces(): number {
    return this.#pieces.length;
  }

  /** So far. */
  text(): string {
    return Buffer.concat(this.#pieces).toString();
  }
}

/** For a program that has ended: until all of it has ended, or nothing came for so long. */
export async function restOf(outputs: readonly Gathered[], silenceMs: number): Promise<void> {
  const pieces = (): number => outputs.reduce((sum, output) => sum + output.pieces, 0);
  let isOver = false;
  const ended = Promise.all(outputs.map((output) => output.ended)).then(() => {
    isOver = true;
  });
  for (let seen = -1; !isOver && seen !== pieces(); ) {
    seen = pieces();
    const silence = Promise.withResolvers<void>();
    const timer = setTimeout(silence.resolve, silenceMs);
    await Promise.race([ended, silence.promise]);
    clearTimeout(timer);
  }
  for (const output of outputs) output.stop();
}
