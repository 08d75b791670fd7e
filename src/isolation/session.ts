/**
 * A session: one more program in a container that is there, for somebody who
 * watches it over a connection (Mesos' DEBUG containers). Nobody remembers
 * one: it ends with its owner, with its container, and with the agent process.
 *
 * Output is taken piece by piece and input given so: what is not taken waits
 * in the kernel's pipe or terminal, so that a slow reader slows the program
 * down instead of filling the agent's memory.
 */
import type { Exit, WindowSize } from "./container.ts";

/** With a terminal everything is `stdout`. */
export interface OutputPiece {
  readonly stream: "stdout" | "stderr";
  readonly bytes: Uint8Array;
}

export interface ProgramOutput {
  /** The next piece; undefined when no more will come. Never rejects. One call at a time. */
  next(): Promise<OutputPiece | undefined>;
  /** Nothing more is wanted. */
  close(): void;
}

export interface ProgramInput {
  readonly terminal: boolean;
  /** Resolves when there is room for more; false: nobody reads it any more. */
  write(bytes: Uint8Array): Promise<boolean>;
  /** End of input; of no effect on a terminal, where that is a character. */
  end(): void;
  /** False: there is no terminal, or none any more. */
  resize(size: WindowSize): boolean;
  /** This giver is done; the program's input stays open. */
  release(): void;
}

export interface Session {
  readonly output: ProgramOutput;
  readonly input: ProgramInput;
  /** Settles once the program and all that it started have ended. */
  readonly exit: Promise<Exit>;
  signal(signal: number): void;
  /** Ends the program with all that it started. */
  kill(): void;
}
