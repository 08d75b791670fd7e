/**
 * What an agent keeps on disk, and the port of the store that keeps it. The
 * store knows keys and bytes only: this file gives them meaning. Records are
 * append-only in their fields; one written by an older version must always
 * load.
 *
 *     agent                        identity, term fence, boot
 *     framework/<FID>              FrameworkInfo of a framework with tasks
 *     task/<FID>/<TID>/<RID>       one run: what was asked for; written before the launch
 *     stream/<FID>/<TID>/<RID>     state and unacknowledged updates of that run
 *     executor/<FID>/<EID>         a framework's executor whose container may live
 *     nested/<container>           a container inside another that somebody asked for
 *     volumes                      persistent volumes whose data may be on disk
 *
 * Tasks of versions that had no run ids end their keys with <TID>.
 *
 * A task's keys go in the batch that records the acknowledgement of its
 * terminal update; its framework's key goes with its last task
 * and executor.
 */

export const AGENT_KEY = "agent";
export const FRAMEWORK_PREFIX = "framework/";
export const VOLUMES_KEY = "volumes";
export const TASK_PREFIX = "task/";
export const STREAM_PREFIX = "stream/";
export const EXECUTOR_PREFIX = "executor/";
export const NESTED_PREFIX = "nested/";

/** A key to write, or to delete when `value` is undefined. */
export interface CheckpointChange {
  readonly key: string;
  readonly value: Uint8Array | undefined;
}

/**
 * Implementations: src/io/checkpoint-store.ts (level under
 * `<work_dir>/meta`) and tests/support/memory-checkpoint-store.ts;
 * tests/conformance/checkpoint-store.ts holds both to what is written here.
 */
export interface CheckpointStore {
  /** All entries, sorted by key. Rejects with a MeshError when the store is damaged. */
  readAll(): Promise<readonly CheckpointEntry[]>;
  /**
   * Applies the changes in order, all or none, and resolves once they would
   * survive a power cut. Writes are applied in the order of the calls.
   */
  write(changes: readonly CheckpointChange[]): Promise<void>;
  close(): Promise<void>;
}

export interface CheckpointEntry {
  readonly key: string;
  readonly value: Uint8Array;
}
