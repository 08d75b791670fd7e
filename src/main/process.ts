/**
 * What every daemon of the binary needs of its process: a clock, chance from
 * the operating system, a log, and an orderly end.
 */
import { resolve } from "node:path";
import type { ApiClock, BuildInfo, Handler } from "../api/context.ts";
import { MeshError } from "../base/errors.ts";
import { Random } from "../base/random.ts";
import type { Instant } from "../base/time.ts";
import { createLogger, type Logger } from "../io/logger.ts";
import { badFlag, type Flags } from "./flags.ts";
import { BUILD } from "./version.ts";

export function now(): Instant {
  return { monotonicMs: performance.now(), wallMs: Date.now() };
}

/** Seeded from the operating system. */
export function systemRandom(): Random {
  const [high = 0, low = 0] = crypto.getRandomValues(new Uint32Array(2));
  // 53 bits: the most that a safe integer holds.
  return new Random((high & 0x1f_ffff) * 0x1_0000_0000 + low);
}

export const apiClock: ApiClock = {
  wallMs: () => Date.now(),
  every(intervalMs, run) {
    const timer = setInterval(run, intervalMs);
    return () => clearInterval(timer);
  },
};

export function buildInfo(): BuildInfo {
  return {
    version: BUILD.version,
    builtAtMs: Date.parse(BUILD.buildDate),
    user: "mesh",
    gitSha: BUILD.gitSha,
  };
}

const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;
type LogLevel = (typeof LOG_LEVELS)[number];
/** As glog, and so Mesos, names them. */
const GLOG_LEVELS: Readonly<Record<string, LogLevel>> = { INFO: "info", WARNING: "warn", ERROR: "error" };

export function logLevel(flags: Flags): LogLevel {
  const text = flags.text("log-level");
  const level = LOG_LEVELS.find((one) => one === text);
  if (level === undefined) throw badFlag("log-level", text, LOG_LEVELS.join(", "));
  const given = flags.optional("logging-level");
  if (given === undefined) return level;
  const glog = GLOG_LEVELS[given.toUpperCase()];
  if (glog === undefined) throw badFlag("logging-level", given, Object.keys(GLOG_LEVELS).join(", "));
  return glog;
}

/** The log of a master or an agent. Throws MeshError. */
export function daemonLogger(flags: Flags, name: "master" | "agent"): Logger {
  const directory = flags.optional("log-dir");
  return createLogger({
    name,
    level: logLevel(flags),
    ...(directory === undefined ? {} : { file: resolve(directory, `mesh-${name}.log`) }),
    toStderr: !flags.switch("quiet"),
  });
}

/** The file that /files shows as the log (LOG-2). */
export function shownLog(flags: Flags, logger: Logger): string | undefined {
  const external = flags.optional("external-log-file");
  return external === undefined ? logger.file : resolve(external);
}

/** Resolves at the first SIGINT or SIGTERM; a second one ends the process at once. */
export function stopSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let stopping = false;
    const onSignal = (signal: NodeJS.Signals): void => {
      if (stopping) process.exit(1);
      stopping = true;
      resolve(signal);
    };
    process.on("SIGINT", onSignal);
    process.on("SIGTERM", onSignal);
  });
}

/** A directory error in words, with the flag that this command has for it; everything else as it is. */
export function directoryError(directory: string, flag: string, error: unknown): unknown {
  if (error instanceof MeshError) {
    // The stores name the flags of a master or agent of its own; `mesh dev` has one for both.
    return new MeshError(error.code, error.message.replace(/--(data|work)-dir/g, flag));
  }
  if (!(error instanceof Error) || !("code" in error)) return error;
  return new MeshError(
    "DIRECTORY_UNUSABLE",
    `Cannot use the directory '${directory}': ${error.message}; choose another with ${flag}`,
  );
}

/** The port opens before what answers on it can be built: until `serve` is called it answers 503. */
export function lateHandler(): {
  readonly handle: (request: Request) => Response | Promise<Response>;
  serve(handler: Handler): void;
} {
  let handler: Handler = () => new Response("Starting", { status: 503 });
  return {
    handle: (request) => handler(request),
    serve: (ready) => {
      handler = ready;
    },
  };
}
