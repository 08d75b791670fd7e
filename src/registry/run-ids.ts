/**
 * A run id names one run of a task: a framework may use a task id again once
 * the old task was acknowledged as ended, and nothing of the old run may then
 * be taken for the new one. The leader draws a random (version 4) UUID for
 * each launch. A launch that was logged before there were run ids gets the one
 * made here of its names, equal on every master; its version digit 8 (RFC
 * 9562 section 5.8, free form) tells the two apart for ever.
 */

const FNV_PRIME = 0x01000193;
const SEEDS = [0x811c9dc5, 0x9e3779b9, 0x85ebca6b, 0xc2b2ae35] as const;
/** Where the text form of a UUID holds its version. */
const VERSION_AT = 14;

/** The run id of a launch whose log entry or record names none. */
export function derivedRunId(frameworkId: string, taskId: string): string {
  const name = `${frameworkId}/${taskId}`;
  const hex = SEEDS.map((seed) => hashText(name, seed).toString(16).padStart(8, "0")).join("");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20)}`;
}

/** Whether {@link derivedRunId} made it. */
export function isDerivedRunId(runId: string): boolean {
  return runId[VERSION_AT] === "8";
}

/** Length of the text before the last part of a UUID. */
const GROUP_CHARS = 24;

/**
 * Run ids of the tasks of one group, out of one that was drawn: they differ in
 * their last part, which counts from 1. So a group is known again by its tasks.
 */
export function groupRunIds(drawn: string, size: number): string[] {
  const group = drawn.slice(0, GROUP_CHARS);
  return Array.from({ length: size }, (_, index) => group + (index + 1).toString(16).padStart(12, "0"));
}

/** What the run ids of one group have in common; undefined for a task that was launched by itself. */
export function groupOfRun(runId: string): string | undefined {
  return /-00000000[0-9a-f]{4}$/.test(runId) ? runId.slice(0, GROUP_CHARS) : undefined;
}

/** FNV-1a over UTF-16 code units, with a final mix so that near names differ in every digit. */
function hashText(text: string, seed: number): number {
  let hash = seed;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), FNV_PRIME);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return (hash ^ (hash >>> 13)) >>> 0;
}
