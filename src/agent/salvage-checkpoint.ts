/**
 * What can still be used of a damaged checkpoint (AGT-7, --no-strict). A
 * record that cannot be read goes, and with it what makes no sense without it;
 * containers of what went belong to no task any more and are ended.
 */
import { decodeBlob } from "../wire/blob.ts";
import {
  AGENT_KEY,
  type CheckpointEntry,
  EXECUTOR_PREFIX,
  FRAMEWORK_PREFIX,
  STREAM_PREFIX,
  TASK_PREFIX,
  VOLUMES_KEY,
} from "./checkpoint.ts";
import { decodeExecutorRecord, decodeFrameworkRecord, decodeTaskRecord } from "./records.ts";
import { type DamagedRecord, type Recorded, readRecords } from "./recovery.ts";

export interface Salvaged {
  readonly recorded: Recorded;
  /** Every record that is left out, with the reason. */
  readonly dropped: readonly DamagedRecord[];
}

export function salvageCheckpoint(entries: readonly CheckpointEntry[]): Salvaged {
  const dropped: DamagedRecord[] = [];
  let left = dropStreams(dropUnreadable(entries, dropped), dropped);
  for (;;) {
    const read = readRecords(left);
    if (read.ok) return { recorded: read.value, dropped };
    left = drop(left, read.error, dropped);
  }
}

/** Every round leaves out one record at least. */
function drop(
  entries: readonly CheckpointEntry[],
  damaged: DamagedRecord,
  dropped: DamagedRecord[],
): readonly CheckpointEntry[] {
  const leaveOut = (goes: (entry: CheckpointEntry) => boolean, reason: string): void => {
    for (const { key } of left)
      if (key !== damaged.key && goes({ key, value: NONE })) dropped.push({ key, reason });
    left = left.filter((entry) => entry.key !== damaged.key && !goes(entry));
  };
  let left = entries;
  dropped.push(damaged);
  const { key } = damaged;
  // Tasks and their sandboxes belong to the agent's id. Old data of volumes must not be taken for new.
  if (key === AGENT_KEY) leaveOut((entry) => entry.key !== VOLUMES_KEY, "the agent's own record is gone");
  else if (key.startsWith(TASK_PREFIX)) {
    const stream = STREAM_PREFIX + key.slice(TASK_PREFIX.length);
    leaveOut((entry) => entry.key === stream, "its task's record is gone");
  } else if (key.startsWith(EXECUTOR_PREFIX)) {
    const tasks = tasksOfExecutor(left, key.slice(EXECUTOR_PREFIX.length));
    leaveOut((entry) => tasks.has(entry.key), "its executor's record is gone");
  } else leaveOut(() => false, "");
  return left;
}

const NONE = new Uint8Array(0);

/** Keys of the tasks of an executor, named as its record is, and of their streams. */
function tasksOfExecutor(entries: readonly CheckpointEntry[], executor: string): ReadonlySet<string> {
  const keys = new Set<string>();
  for (const { key, value } of entries) {
    if (!key.startsWith(TASK_PREFIX)) continue;
    const record = decodeTaskRecord(value);
    if (!record.ok) continue;
    const { executor: named } = decodeBlob("TaskInfo", record.value.info);
    if (`${record.value.frameworkId}/${named?.executor_id.value}` !== executor) continue;
    keys.add(key);
    keys.add(STREAM_PREFIX + key.slice(TASK_PREFIX.length));
  }
  return keys;
}

/** Records that are whole themselves and hold a message that cannot be read. */
function dropUnreadable(
  entries: readonly CheckpointEntry[],
  dropped: DamagedRecord[],
): readonly CheckpointEntry[] {
  return entries.filter(({ key, value }) => {
    const reason = unreadable(key, value);
    if (reason !== undefined) dropped.push({ key, reason });
    return reason === undefined;
  });
}

function unreadable(key: string, value: Uint8Array): string | undefined {
  try {
    if (key.startsWith(TASK_PREFIX)) {
      const task = decodeTaskRecord(value);
      if (task.ok) decodeBlob("TaskInfo", task.value.info);
    } else if (key.startsWith(EXECUTOR_PREFIX)) {
      const executor = decodeExecutorRecord(value);
      if (executor.ok) decodeBlob("ExecutorInfo", executor.value.info);
    } else if (key.startsWith(FRAMEWORK_PREFIX)) {
      const framework = decodeFrameworkRecord(value);
      if (framework.ok) decodeBlob("FrameworkInfo", framework.value);
    }
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Streams without a task: nobody would ever delete them. */
function dropStreams(
  entries: readonly CheckpointEntry[],
  dropped: DamagedRecord[],
): readonly CheckpointEntry[] {
  const keys = new Set(entries.map(({ key }) => key));
  return entries.filter(({ key }) => {
    if (!key.startsWith(STREAM_PREFIX) || keys.has(TASK_PREFIX + key.slice(STREAM_PREFIX.length)))
      return true;
    dropped.push({ key, reason: "its task's record is gone" });
    return false;
  });
}
