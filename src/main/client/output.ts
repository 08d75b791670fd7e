/**
 * Writes to standard output or error as fast as they are read, no faster: what
 * a slow reader has not taken yet is waited for and does not pile up in memory.
 */
export class Output {
  readonly #to: NodeJS.WritableStream;
  #failure: NodeJS.ErrnoException | undefined;

  constructor(to: NodeJS.WritableStream) {
    this.#to = to;
    // Without a listener the stream throws what the write below reports as well.
    to.on("error", (error: NodeJS.ErrnoException) => {
      this.#failure ??= error;
    });
  }

  /** Set once writing failed, by EPIPE when nobody reads any more (`| head`); writing then does nothing. */
  get failure(): NodeJS.ErrnoException | undefined {
    return this.#failure;
  }

  /** Resolves when there is room for more. */
  write(chunk: Uint8Array | string): Promise<void> {
    if (this.#failure !== undefined || chunk.length === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#to.write(chunk, (error?: Error | null) => {
        if (error) this.#failure ??= error;
        resolve();
      });
    });
  }
}

/** A command's result could not be written where it was to go. */
export class OutputFailed extends Error {
  readonly failure: NodeJS.ErrnoException;

  constructor(failure: NodeJS.ErrnoException) {
    super(failure.message);
    this.failure = failure;
  }
}

/**
 * Lines of a command's result, on standard output. Throws {@link OutputFailed}, but when nobody reads any
 * more (`| head`): who has gone has seen enough.
 */
export async function print(text: string): Promise<void> {
  standardOutput ??= new Output(process.stdout);
  await standardOutput.write(`${text}\n`);
  const { failure } = standardOutput;
  if (failure !== undefined && failure.code !== "EPIPE") throw new OutputFailed(failure);
}

let standardOutput: Output | undefined;

/**
 * Exit status for an output that failed: as of a program that SIGPIPE ended
 * when nobody reads; otherwise 1, and a line that says why.
 */
export function outputStatus(failure: NodeJS.ErrnoException): number {
  if (failure.code === "EPIPE") return 128 + 13;
  process.stderr.write(`mesh: Cannot write the output: ${failure.message}; check where it goes\n`);
  return 1;
}
