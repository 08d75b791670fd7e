/**
 * Structured logging as cores see it: an output without feedback. The driver
 * (src/io/) writes to pino; tests pass `silentLog` or a recorder.
 */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

export const silentLog: Log = {
  debug() {},
  info() {},
  warn() {},
  error() {},
};

/**
 * Verbosity that operators change at run time (SET_LOGGING_LEVEL,
 * /logging/toggle), counted as Mesos does: 0 is normal, 1 and more show debug
 * messages.
 */
export interface LogVerbosity {
  level(): number;
  /** Sets the level, and the starting one again after `durationMs`. */
  set(level: number, durationMs: number): void;
}
