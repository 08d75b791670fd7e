/**
 * Logging by pino, one JSON line an entry. pino writes synchronously to a
 * file descriptor: its worker transports are files of their own, which a
 * compiled binary does not have.
 */
import pino from "pino";
import { MeshError } from "../base/errors.ts";
import type { Log, LogFields, LogVerbosity } from "../base/log.ts";

export interface LoggerOptions {
  /** Names the process in every line: `master`, `agent`. */
  readonly name: string;
  /** Lines below it are not written. */
  readonly level?: "debug" | "info" | "warn" | "error";
  /** Appends to this file. */
  readonly file?: string;
  /** Writes to stderr. Left out: only without a file. */
  readonly toStderr?: boolean;
}

export interface Logger {
  readonly log: Log;
  readonly verbosity: LogVerbosity;
  /** Where it writes besides stderr. */
  readonly file: string | undefined;
  /** Stops the timer that takes a changed level back. */
  close(): void;
}

const STDERR_FD = 2;

/** Throws a MeshError when the file cannot be written. */
export function createLogger(options: LoggerOptions): Logger {
  const { name, level = "info", file, toStderr = file === undefined } = options;
  const streams: pino.DestinationStream[] = [];
  if (file !== undefined) streams.push(fileDestination(file));
  if (toStderr) streams.push(pino.destination({ dest: STDERR_FD, sync: true }));
  // The level is the logger's alone.
  const base = pino({ name, level }, pino.multistream(streams.map((stream) => ({ stream, level: "trace" }))));
  const verbosity = new Verbosity((debug) => {
    base.level = debug ? "debug" : level;
  }, level === "debug");
  return { log: new PinoLog(base), verbosity, file, close: () => verbosity.close() };
}

function fileDestination(file: string): pino.DestinationStream {
  try {
    const destination = pino.destination({ dest: file, append: true, mkdir: true, sync: true });
    // A full disk costs lines of the log, and nothing else.
    destination.on("error", () => {});
    return destination;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new MeshError(
      "DIRECTORY_UNUSABLE",
      `Failed to write the log to '${file}': ${reason}; choose another`,
    );
  }
}

class PinoLog implements Log {
  readonly #pino: pino.Logger;

  constructor(base: pino.Logger) {
    this.#pino = base;
  }

  debug(message: string, fields: LogFields = {}): void {
    this.#pino.debug(fields, message);
  }

  info(message: string, fields: LogFields = {}): void {
    this.#pino.info(fields, message);
  }

  warn(message: string, fields: LogFields = {}): void {
    this.#pino.warn(fields, message);
  }

  error(message: string, fields: LogFields = {}): void {
    this.#pino.error(fields, message);
  }
}

/** Mesos' verbosity on top of pino's levels: 0 as started, 1 and more show debug lines. */
class Verbosity implements LogVerbosity {
  readonly #show: (debug: boolean) => void;
  readonly #startLevel: number;
  #level: number;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(show: (debug: boolean) => void, startsAtDebug: boolean) {
    this.#show = show;
    this.#startLevel = startsAtDebug ? 1 : 0;
    this.#level = this.#startLevel;
  }

  level(): number {
    return this.#level;
  }

  set(level: number, durationMs: number): void {
    this.#apply(level);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#apply(this.#startLevel), Math.min(durationMs, TIMER_MAX_MS));
    this.#timer.unref();
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  #apply(level: number): void {
    this.#level = level;
    this.#show(level > 0);
  }
}

/** Longest delay a timer can count. */
const TIMER_MAX_MS = 2 ** 31 - 1;
