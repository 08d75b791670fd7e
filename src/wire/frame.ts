/**
 * Frames on the TCP links between masters, and between master and agent: a
 * length of 4 bytes, big-endian, then that many bytes.
 */
import { AssertionError } from "../base/assert.ts";
import { FRAME_MAX_BYTES } from "../base/limits.ts";
import { fail, ok, type Result } from "../base/result.ts";

const HEADER_BYTES = 4;

/** Header and payload in one array. The payload must have 1 to FRAME_MAX_BYTES bytes. */
export function encodeFrame(payload: Uint8Array): Uint8Array {
  const length = payload.length;
  if (length === 0 || length > FRAME_MAX_BYTES) {
    throw new AssertionError(`A frame has 1 to ${FRAME_MAX_BYTES} bytes, got ${length}`);
  }
  const frame = new Uint8Array(HEADER_BYTES + length);
  // Not by a DataView, which costs more than the rest.
  for (let i = 0; i < HEADER_BYTES; i++) frame[i] = length >>> (8 * (HEADER_BYTES - 1 - i));
  frame.set(payload, HEADER_BYTES);
  return frame;
}

/**
 * Cuts a byte stream into frames. After an error the stream is out of step and
 * must be closed.
 */
export class FrameDecoder {
  /** Longest payload of the frames to come. */
  maxBytes = FRAME_MAX_BYTES;
  /** Bytes of the header seen so far, read as a number. */
  #length = 0;
  #headerBytes = 0;
  /** The frame being filled, present once its header is complete. */
  #payload: Uint8Array | undefined;
  #filled = 0;

  /** The payloads that `chunk` completes; one that lies whole in `chunk` shares its memory. */
  push(chunk: Uint8Array): Result<Uint8Array[]> {
    const frames: Uint8Array[] = [];
    const fault = this.take(chunk, frames);
    return fault === undefined ? ok(frames) : fail(fault);
  }

  /** Adds them to `frames`; a text says why the stream must be closed. */
  take(chunk: Uint8Array, frames: Uint8Array[]): string | undefined {
    let at = 0;
    while (at < chunk.length) {
      if (this.#payload === undefined && this.#headerBytes < HEADER_BYTES) {
        this.#length = this.#length * 256 + (chunk[at++] as number);
        this.#headerBytes++;
        if (this.#headerBytes < HEADER_BYTES) continue;
        if (this.#length === 0) return "Received a frame of 0 bytes: the peer does not speak mesh's protocol";
        if (this.#length > this.maxBytes) {
          return `Received a frame header of ${this.#length} bytes, more than ${this.maxBytes}: the peer does not speak mesh's protocol`;
        }
        continue;
      }
      at = this.#take(chunk, at, frames);
    }
    return undefined;
  }

  /** True between frames: the stream may end here without loss. */
  get idle(): boolean {
    return this.#headerBytes === 0;
  }

  #take(chunk: Uint8Array, at: number, frames: Uint8Array[]): number {
    const available = chunk.length - at;
    if (this.#payload === undefined && available >= this.#length) {
      const end = at + this.#length;
      frames.push(chunk.subarray(at, end));
      this.#reset();
      return end;
    }
    this.#payload ??= new Uint8Array(this.#length);
    const size = Math.min(available, this.#length - this.#filled);
    this.#payload.set(chunk.subarray(at, at + size), this.#filled);
    this.#filled += size;
    if (this.#filled === this.#length) {
      frames.push(this.#payload);
      this.#reset();
    }
    return at + size;
  }

  #reset(): void {
    this.#length = 0;
    this.#headerBytes = 0;
    this.#payload = undefined;
    this.#filled = 0;
  }
}
