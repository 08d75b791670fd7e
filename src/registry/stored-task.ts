/**
 * Tasks as they come from disk. A registry may hold a million of them, and
 * most are not looked at before they change: ids and states are read at once,
 * the rest stays as it was stored, many tasks to one piece of memory, and is
 * read when it is asked for. A change of the rest gives the task values of
 * its own. A piece is given back when all of its tasks have changed or gone.
 */
import { assert } from "../base/assert.ts";
import { STORED_TASKS_PIECE_BYTES } from "../base/limits.ts";
import type { TaskState } from "../model/v1/tasks.ts";
import { MsgpackCursor, TextPool } from "../wire/msgpack-cursor.ts";
import type { TaskRecord } from "./records.ts";
import { derivedRunId } from "./run-ids.ts";

/** Place of the first field of the stored rest, as writeTask orders them. */
const INFO_FIELD = 4;
/** Place of `runId`, which older records do not have. */
const RUN_ID_FIELD = 12;

type Rest = Pick<
  TaskRecord,
  "info" | "launchedAtMs" | "updateState" | "updateUuid" | "statuses" | "lastStatusState" | "runId"
>;

const cursor = new MsgpackCursor();

/** Where something begins that tells its own length. */
export interface BytesPlace {
  readonly bytes: Uint8Array;
  readonly at: number;
}

/** blob TaskInfo of a task, to be read and not kept. */
export function infoPlaceOf(task: TaskRecord): BytesPlace {
  return (task instanceof StoredTask ? task.infoPlace : undefined) ?? { bytes: task.info, at: 0 };
}

export class StoredTask implements TaskRecord {
  readonly taskId: string;
  readonly frameworkId: string;
  readonly agentId: string;
  readonly role: string;
  state: TaskState;
  stateBeforeUnreachable: TaskState | undefined;
  /** The piece of memory with the stored rest; once that is changed, undefined. */
  #piece: Uint8Array | undefined;
  readonly #at: number;
  #rest: { -readonly [K in keyof Rest]: Rest[K] } | undefined;

  constructor(ids: Ids, states: States, piece: Uint8Array, at: number) {
    this.taskId = ids.taskId;
    this.frameworkId = ids.frameworkId;
    this.agentId = ids.agentId;
    this.role = ids.role;
    this.state = states.state;
    this.stateBeforeUnreachable = states.stateBeforeUnreachable;
    this.#piece = piece;
    this.#at = at;
    this.#rest = undefined;
  }

  get info(): Uint8Array {
    return this.#rest === undefined ? this.#reader().binary() : this.#rest.info;
  }
  /** The info without a copy, while it is as stored. */
  get infoPlace(): BytesPlace | undefined {
    if (this.#piece === undefined) return undefined;
    const reader = this.#reader();
    reader.binaryLength();
    return { bytes: this.#piece, at: reader.at };
  }
  get launchedAtMs(): number {
    return this.#read().launchedAtMs;
  }
  get updateState(): TaskState | undefined {
    return this.#read().updateState;
  }
  set updateState(state: TaskState | undefined) {
    this.#own().updateState = state;
  }
  get updateUuid(): Uint8Array | undefined {
    return this.#read().updateUuid;
  }
  set updateUuid(uuid: Uint8Array | undefined) {
    this.#own().updateUuid = uuid;
  }
  get statuses(): readonly Uint8Array[] {
    return this.#read().statuses;
  }
  set statuses(statuses: readonly Uint8Array[]) {
    this.#own().statuses = statuses;
  }
  get lastStatusState(): TaskState | undefined {
    return this.#read().lastStatusState;
  }
  set lastStatusState(state: TaskState | undefined) {
    this.#own().lastStatusState = state;
  }
  get runId(): string {
    if (this.#rest !== undefined) return this.#rest.runId;
    const reader = this.#reader();
    for (let field = INFO_FIELD; field < RUN_ID_FIELD; field++) reader.skip();
    return this.#runId(reader);
  }

  #own(): { -readonly [K in keyof Rest]: Rest[K] } {
    this.#rest ??= this.#read();
    this.#piece = undefined;
    return this.#rest;
  }

  #reader(): MsgpackCursor {
    assert(this.#piece !== undefined, "A task without values of its own has stored ones");
    // Before the rest stands the number of all fields.
    return cursor.moveTo(this.#piece, this.#at + 1);
  }

  #read(): Rest {
    if (this.#rest !== undefined) return this.#rest;
    const reader = this.#reader();
    const info = reader.binary();
    const launchedAtMs = reader.number();
    // state, stateBeforeUnreachable
    reader.skip();
    reader.skip();
    const updateState = optionalState(reader);
    const updateUuid = reader.nil() ? undefined : reader.binary();
    const statuses = Array.from({ length: reader.arrayLength() }, () => reader.binary());
    const lastStatusState = optionalState(reader);
    const runId = this.#runId(reader);
    return { info, launchedAtMs, updateState, updateUuid, statuses, lastStatusState, runId };
  }

  #runId(reader: MsgpackCursor): string {
    const fields = this.#piece?.[this.#at] ?? 0;
    const stored = fields > RUN_ID_FIELD && !reader.nil();
    return stored ? reader.text() : derivedRunId(this.frameworkId, this.taskId);
  }
}

type Ids = Pick<TaskRecord, "taskId" | "frameworkId" | "agentId" | "role">;
type States = Pick<TaskRecord, "state" | "stateBeforeUnreachable">;

/** Makes {@link StoredTask}s of the bytes of writeTask's arrays. */
export class TaskLoader {
  readonly #pool = new TextPool();
  readonly #cursor = new MsgpackCursor();
  /** Filled from its end, so that a whole record can be put there: the next covers what is not kept of it. */
  #piece = new Uint8Array(0);
  #free = 0;

  /** Copies what it keeps of `bytes`. */
  load(bytes: Uint8Array): StoredTask {
    const reader = this.#cursor.moveTo(bytes, 0);
    const fields = reader.arrayLength();
    assert(fields >= RUN_ID_FIELD && fields <= 0xff, `A stored task has ${fields} fields`);
    const taskId = reader.text();
    const ids: Ids = {
      taskId,
      frameworkId: this.#text(bytes),
      agentId: this.#text(bytes),
      role: this.#text(bytes),
    };
    const restAt = reader.at;
    // info, launchedAtMs
    reader.skip();
    reader.skip();
    const state = this.#text(bytes) as TaskState;
    const stateBeforeUnreachable = reader.nil() ? undefined : (this.#text(bytes) as TaskState);
    const at = this.#store(fields, bytes, restAt);
    return new StoredTask(ids, { state, stateBeforeUnreachable }, this.#piece, at);
  }

  #text(bytes: Uint8Array): string {
    return this.#pool.read(this.#cursor, bytes);
  }

  #store(fields: number, bytes: Uint8Array, from: number): number {
    if (bytes.length > this.#free) {
      this.#piece = new Uint8Array(Math.max(STORED_TASKS_PIECE_BYTES, bytes.length));
      this.#free = this.#piece.length;
    }
    const begin = this.#free - bytes.length;
    this.#piece.set(bytes, begin);
    // In the place of a byte of the ids.
    const at = begin + from - 1;
    this.#piece[at] = fields;
    this.#free = at;
    return at;
  }
}

function optionalState(reader: MsgpackCursor): TaskState | undefined {
  return reader.nil() ? undefined : (reader.text() as TaskState);
}
