/** Calls that masters and agents answer alike: health, flags, version, metrics, logging, files. */

import { present } from "../base/assert.ts";
import type { LogVerbosity } from "../base/log.ts";
import type { Result } from "../base/result.ts";
import { msFromNanos, nanosFromMs } from "../base/time.ts";
import type { FileInfo, Flag, Metric } from "../model/v1/frameworks.ts";
import type {
  MasterCall,
  MasterCallListFiles,
  MasterCallReadFile,
  MasterCallSetLoggingLevel,
} from "../model/v1/master.ts";
import type { MasterResponseListFiles, MasterResponseReadFile } from "../model/v1/master-responses.ts";
import type { BuildInfo } from "./context.ts";
import { type FileError, listDirectory, readPart } from "./file-access.ts";
import { readOwnerNames } from "./file-owner.ts";
import type { FileSpace } from "./file-space.ts";
import { text } from "./respond.ts";
import { versionMessage } from "./version.ts";

/** What these calls need of a master's or an agent's context. */
interface Context {
  readonly build: BuildInfo;
  readonly verbosity: LogVerbosity;
  readonly port: { flags(): Readonly<Record<string, string>> };
}

export type MetricValues = Readonly<Record<string, number>>;

/** The bodies of these calls; agents' calls have the same. */
type Bodies = Pick<MasterCall, "set_logging_level" | "list_files" | "read_file">;

/**
 * Handlers of calls that passed validation, by type. `filesOf`: what is below the process's `/files`;
 * `metricsOf`: the values of its `/metrics/snapshot`.
 */
export function sharedCalls<C extends Context>(
  filesOf: (context: C) => FileSpace,
  metricsOf: (context: C) => MetricValues | Promise<MetricValues>,
) {
  return {
    GET_HEALTH: () => ({ type: "GET_HEALTH" as const, get_health: { healthy: true } }),
    GET_FLAGS: ({ port }: C) => ({
      type: "GET_FLAGS" as const,
      get_flags: { flags: flagList(port.flags()) },
    }),
    GET_VERSION: ({ build }: C) => ({
      type: "GET_VERSION" as const,
      get_version: { version_info: versionMessage(build) },
    }),
    GET_METRICS: async (context: C) => ({
      type: "GET_METRICS" as const,
      get_metrics: { metrics: metricList(await metricsOf(context)) },
    }),
    GET_LOGGING_LEVEL: ({ verbosity }: C) => ({
      type: "GET_LOGGING_LEVEL" as const,
      get_logging_level: { level: verbosity.level() },
    }),
    SET_LOGGING_LEVEL: ({ verbosity }: C, call: Bodies) =>
      setLoggingLevel(verbosity, present(call.set_logging_level, "validated")),
    LIST_FILES: async (context: C, call: Bodies) => {
      const answer = await listFiles(filesOf(context), present(call.list_files, "validated"));
      return answer instanceof Response ? answer : { type: "LIST_FILES" as const, list_files: answer };
    },
    READ_FILE: async (context: C, call: Bodies) => {
      const answer = await readFilePart(filesOf(context), present(call.read_file, "validated"));
      return answer instanceof Response ? answer : { type: "READ_FILE" as const, read_file: answer };
    },
  };
}

function flagList(flags: Readonly<Record<string, string>>): Flag[] {
  return Object.entries(flags).map(([name, value]) => ({ name, value }));
}

function metricList(metrics: MetricValues): Metric[] {
  return Object.entries(metrics).map(([name, value]) => ({ name, value }));
}

/** Levels are those of glog's verbosity: 0 to 9. */
const LEVEL_MAX = 9;

function setLoggingLevel(verbosity: LogVerbosity, call: MasterCallSetLoggingLevel): Response {
  const problem = changeLevel(verbosity, call.level, msFromNanos(call.duration.nanoseconds));
  return problem === undefined ? text(200, "") : text(400, problem);
}

/** Undefined, or why the level was not changed. */
export function changeLevel(verbosity: LogVerbosity, level: number, durationMs: number): string | undefined {
  if (!Number.isInteger(level) || level < 0 || level > LEVEL_MAX) {
    return `Invalid level '${level}': give a whole number from 0 to ${LEVEL_MAX}.`;
  }
  if (!(durationMs > 0)) return `Invalid duration of ${durationMs} ms: give more than 0.`;
  verbosity.set(level, durationMs);
  return undefined;
}

async function listFiles(
  space: FileSpace,
  call: MasterCallListFiles,
): Promise<MasterResponseListFiles | Response> {
  const entries = await listDirectory(space, call.path);
  if (!entries.ok) return refuse(entries);
  const owners = await readOwnerNames();
  const infos = entries.value.map(
    (entry): FileInfo => ({
      path: entry.path,
      nlink: entry.nlink,
      size: entry.sizeBytes,
      mtime: { nanoseconds: nanosFromMs(Math.floor(entry.mtimeMs)) },
      mode: entry.mode,
      uid: owners.user(entry.uid),
      gid: owners.group(entry.gid),
    }),
  );
  return { file_infos: infos };
}

async function readFilePart(
  space: FileSpace,
  call: MasterCallReadFile,
): Promise<MasterResponseReadFile | Response> {
  const part = await readPart(space, call.path, call.offset, call.length);
  return part.ok ? { size: part.value.sizeBytes, data: part.value.data } : refuse(part);
}

function refuse(result: Extract<Result<never, FileError>, { ok: false }>): Response {
  return text(result.error.status, result.error.message);
}
