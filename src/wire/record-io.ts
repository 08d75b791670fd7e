/**
 * RecordIO, the framing of Mesos' event streams: the payload's length in
 * bytes as decimal digits, a newline, the payload.
 */
import { assert } from "../base/assert.ts";
import { RECORD_MAX_BYTES } from "../base/limits.ts";
import { fail, ok, type Result } from "../base/result.ts";

const NEWLINE = 0x0a;
const DIGIT_0 = 0x30;
const DIGIT_9 = 0x39;
/** Digits of the largest length that can be announced. */
const HEADER_MAX_DIGITS = 20;

const encoder = new TextEncoder();

/** One record. Text is sent as UTF-8; writers never send an empty record. */
export function encodeRecord(payload: string | Uint8Array): Uint8Array {
  const bytes = typeof payload === "string" ? encoder.encode(payload) : payload;
  assert(bytes.length > 0, "A record has at least one byte");
  const header = encoder.encode(`${bytes.length}\n`);
  const record = new Uint8Array(header.length + bytes.length);
  record.set(header);
  record.set(bytes, header.length);
  return record;
}

/** One record whose payload is at hand in parts, at least one; only the first of them is copied. */
export function encodeRecordParts(parts: readonly Uint8Array[]): Uint8Array[] {
  const [first, ...rest] = parts;
  assert(first, "A record has at least one part");
  const header = encoder.encode(`${parts.reduce((bytes, part) => bytes + part.length, 0)}\n`);
  const begin = new Uint8Array(header.length + first.length);
  begin.set(header);
  begin.set(first, header.length);
  return [begin, ...rest];
}

/** Cuts a byte stream into records. After an error the stream must be closed. */
export class RecordDecoder {
  readonly #maxBytes: number;
  #length = 0;
  #digits = 0;
  /** The record being filled, present once its header is complete. */
  #payload: Uint8Array | undefined;
  #filled = 0;

  /** `maxBytes`: largest record taken. */
  constructor(maxBytes: number = RECORD_MAX_BYTES) {
    this.#maxBytes = maxBytes;
  }

  /** The payloads that `chunk` completes, each in memory of its own. */
  push(chunk: Uint8Array): Result<Uint8Array[]> {
    const records: Uint8Array[] = [];
    let at = 0;
    while (at < chunk.length) {
      if (this.#payload === undefined) {
        const error = this.#header(chunk[at++] as number);
        if (error !== undefined) return fail(error);
      } else {
        const size = Math.min(chunk.length - at, this.#length - this.#filled);
        this.#payload.set(chunk.subarray(at, at + size), this.#filled);
        this.#filled += size;
        at += size;
      }
      if (this.#payload !== undefined && this.#filled === this.#length) {
        records.push(this.#payload);
        this.#payload = undefined;
        this.#length = this.#digits = this.#filled = 0;
      }
    }
    return ok(records);
  }

  /** True between records: the stream may end here without loss. */
  get idle(): boolean {
    return this.#payload === undefined && this.#digits === 0;
  }

  #header(byte: number): string | undefined {
    if (byte === NEWLINE && this.#digits > 0) {
      if (this.#length > this.#maxBytes) {
        return `Cannot read a record of ${this.#length} bytes: at most ${this.#maxBytes} are taken`;
      }
      this.#payload = new Uint8Array(this.#length);
      return undefined;
    }
    if (byte < DIGIT_0 || byte > DIGIT_9 || this.#digits === HEADER_MAX_DIGITS) {
      const shown = JSON.stringify(String.fromCharCode(byte));
      return `Cannot read the length of a record: expected digits and a newline, got ${shown}`;
    }
    this.#length = this.#length * 10 + (byte - DIGIT_0);
    this.#digits++;
    return undefined;
  }
}
