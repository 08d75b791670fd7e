/** Calls that masters and agents answer alike: health, flags, version, metrics, logging, files. */

import type { LogVerbosity } from "../base/log.ts";
import type { Result } from "../base/result.ts";
import { msFromNanos, nanosFromMs } from "../base/time.ts";
import type { FileInfo, Flag, Metric } from "../model/v1/frameworks.ts";
import type {
  MasterCallListFiles,
  MasterCallReadFile,
  MasterCallSetLoggingLevel,
} from "../model/v1/master.ts";
import type { MasterResponseListFiles, MasterResponseReadFile } from "../model/v1/master-responses.ts";
import { type FileError, listDirectory, readPart } from "./file-access.ts";
import { readOwnerNames } from "./file-owner.ts";
import type { FileSpace } from "./file-space.ts";
import { text } from "./respond.ts";

export function flagList(flags: Readonly<Record<string, string>>): Flag[] {
  return Object.entries(flags).map(([name, value]) => ({ name, value }));
}

export function metricList(metrics: Readonly<Record<string, number>>): Metric[] {
  return Object.entries(metrics).map(([name, value]) => ({ name, value }));
}

/** Levels are those of glog's verbosity: 0 to 9. */
const LEVEL_MAX = 9;

export function setLoggingLevel(verbosity: LogVerbosity, call: MasterCallSetLoggingLevel): Response {
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

export async function listFiles(
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

export async function readFilePart(
  space: FileSpace,
  call: MasterCallReadFile,
): Promise<MasterResponseReadFile | Response> {
  const part = await readPart(space, call.path, call.offset, call.length);
  return part.ok ? { size: part.value.sizeBytes, data: part.value.data } : refuse(part);
}

function refuse(result: Extract<Result<never, FileError>, { ok: false }>): Response {
  return text(result.error.status, result.error.message);
}
