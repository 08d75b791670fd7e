/**
 * A backup of the registry as a file or HTTP body: frames (wire/frame.ts) of
 * crc32 u32 and msgpack. First what it is a backup of, then pieces of the
 * state as [key, value, …], last the number of keys. A backup without its
 * last frame is not whole.
 */
import { fail, ok, type Result } from "../base/result.ts";
import type { StateReader } from "../raft/store.ts";
import type { StateRecord } from "../raft/types.ts";
import { encodeFrame, FrameDecoder } from "../wire/frame.ts";
import { decodeMsgpack, encodeMsgpack } from "../wire/msgpack.ts";

const FORMAT = 1;
const PIECE_BYTES = 1024 * 1024;
const CHECKSUM_BYTES = 4;

export interface BackupHeader {
  readonly cluster: string;
  /** The state shows the effect of log entries up to here. */
  readonly index: number;
  readonly featureLevel: number;
  readonly takenAtMs: number;
  /** Of the master that gave it; 0 in a backup of before it was noted. */
  readonly term: number;
}

/** Reads on as its own reader does; lets the state go at the end, or when it is cancelled. */
export function backupStream(
  header: Omit<BackupHeader, "index">,
  reader: StateReader,
): ReadableStream<Uint8Array> {
  const pieces = writeBackup(header, reader);
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { value, done } = await pieces.next();
      if (done === true) controller.close();
      else controller.enqueue(value);
    },
    async cancel() {
      await pieces.return(undefined);
      await reader.close();
    },
  });
}

async function* writeBackup(
  header: Omit<BackupHeader, "index">,
  reader: StateReader,
): AsyncGenerator<Uint8Array> {
  const { cluster, featureLevel, takenAtMs, term } = header;
  try {
    yield piece(["mesh-backup", FORMAT, cluster, reader.appliedIndex, featureLevel, takenAtMs, term]);
    let keys = 0;
    for (let done = false; !done; ) {
      const chunk = await reader.next(PIECE_BYTES);
      done = chunk.done;
      keys += chunk.records.length;
      if (chunk.records.length > 0) yield piece(["state", ...chunk.records.flat()]);
    }
    yield piece(["end", keys]);
  } finally {
    await reader.close();
  }
}

/** Takes a backup apart, piece by piece as its bytes come. */
export class BackupReader {
  header: BackupHeader | null = null;
  keys = 0;
  /** The last frame came, and says as many keys as there were. */
  whole = false;
  readonly #decoder = new FrameDecoder();

  /** The records in these bytes; the error says what is wrong with the file. */
  push(bytes: Uint8Array): Result<StateRecord[]> {
    const frames = this.#decoder.push(bytes);
    if (!frames.ok) return fail("it is no backup of mesh, or damaged");
    const records: StateRecord[] = [];
    for (const frame of frames.value) {
      const error = this.#take(frame, records);
      if (error !== null) return fail(error);
    }
    return ok(records);
  }

  #take(frame: Uint8Array, records: StateRecord[]): string | null {
    const body = frame.subarray(CHECKSUM_BYTES);
    const checksum =
      frame.length < CHECKSUM_BYTES ? -1 : new DataView(frame.buffer, frame.byteOffset).getUint32(0);
    if (Bun.hash.crc32(body) !== checksum) return `it is damaged after ${this.keys} keys`;
    const decoded = decodeMsgpack(body);
    if (!decoded.ok || !Array.isArray(decoded.value)) return "it is no backup of mesh";
    // The checksum fits, so this program wrote it.
    const [kind, ...fields] = decoded.value as unknown[];
    if (this.header === null) return kind === "mesh-backup" ? this.#begin(fields) : "it is no backup of mesh";
    if (this.whole) return "it goes on after its end";
    if (kind === "end") {
      this.whole = fields[0] === this.keys;
      return this.whole ? null : `it should have ${String(fields[0])} keys and has ${this.keys}`;
    }
    const state = fields as Uint8Array[];
    for (let at = 0; at + 1 < state.length; at += 2) {
      records.push([Uint8Array.from(state[at] as Uint8Array), Uint8Array.from(state[at + 1] as Uint8Array)]);
      this.keys++;
    }
    return null;
  }

  #begin([format, cluster, index, featureLevel, takenAtMs, term = 0]: unknown[]): string | null {
    if (format !== FORMAT) return `its format ${String(format)} is of another version of mesh`;
    if (typeof cluster !== "string" || typeof index !== "number") return "its first frame lacks a field";
    if (typeof featureLevel !== "number" || typeof takenAtMs !== "number" || typeof term !== "number")
      return "its first frame lacks a field";
    this.header = { cluster, index, featureLevel, takenAtMs, term };
    return null;
  }
}

function piece(value: readonly unknown[]): Uint8Array {
  const body = encodeMsgpack(value);
  const out = new Uint8Array(CHECKSUM_BYTES + body.length);
  new DataView(out.buffer).setUint32(0, Bun.hash.crc32(body));
  out.set(body, CHECKSUM_BYTES);
  return encodeFrame(out);
}
