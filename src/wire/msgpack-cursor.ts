/**
 * Reads single values out of msgpack bytes that {@link encodeMsgpack} made and
 * a checksum guards: nothing is looked over first and nothing is built that is
 * not asked for. Never for bytes of a peer, a client or an unchecked file.
 */
import { AssertionError, assert } from "../base/assert.ts";

const decoder = new TextDecoder();

const NIL = 0xc0;
/** Of texts kept by {@link TextPool}; a power of two. */
const POOL_SLOTS = 32_768;
/** Longer texts are not kept. */
const POOLED_TEXT_MAX_BYTES = 128;

export class MsgpackCursor {
  #bytes: Uint8Array = new Uint8Array(0);
  /** Where the next value begins. */
  at = 0;

  moveTo(bytes: Uint8Array, at: number): this {
    this.#bytes = bytes;
    this.at = at;
    return this;
  }

  /** Goes into an array; its members come next. */
  arrayLength(): number {
    const head = this.#byte();
    if (head >= 0x90 && head <= 0x9f) return head - 0x90;
    if (head === 0xdc) return this.#unsigned(2);
    if (head === 0xdd) return this.#unsigned(4);
    return this.#wrong("an array", head);
  }

  /** Steps over nil and says true, or stays. */
  nil(): boolean {
    if (this.#bytes[this.at] !== NIL) return false;
    this.at++;
    return true;
  }

  text(): string {
    const length = this.textLength();
    const from = this.at;
    this.at += length;
    return decoder.decode(this.#bytes.subarray(from, this.at));
  }

  /** Goes to the first byte of a text and tells how many there are. */
  textLength(): number {
    const head = this.#byte();
    if (head >= 0xa0 && head <= 0xbf) return head - 0xa0;
    if (head >= 0xd9 && head <= 0xdb) return this.#unsigned(1 << (head - 0xd9));
    return this.#wrong("text", head);
  }

  /** A copy. */
  binary(): Uint8Array {
    const length = this.binaryLength();
    const from = this.at;
    this.at += length;
    return this.#bytes.slice(from, this.at);
  }

  number(): number {
    const head = this.#byte();
    if (head <= 0x7f) return head;
    if (head >= 0xe0) return head - 0x100;
    if (head >= 0xcc && head <= 0xcf) return this.#unsigned(1 << (head - 0xcc));
    const { buffer, byteOffset, byteLength } = this.#bytes;
    const view = new DataView(buffer, byteOffset, byteLength);
    const from = this.at;
    switch (head) {
      case 0xca:
        this.at += 4;
        return view.getFloat32(from);
      case 0xcb:
        this.at += 8;
        return view.getFloat64(from);
      case 0xd0:
        this.at += 1;
        return view.getInt8(from);
      case 0xd1:
        this.at += 2;
        return view.getInt16(from);
      case 0xd2:
        this.at += 4;
        return view.getInt32(from);
      case 0xd3:
        this.at += 8;
        return Number(view.getBigInt64(from));
      default:
        return this.#wrong("a number", head);
    }
  }

  /** Goes into a map; as many pairs of key and value come next. */
  mapLength(): number {
    const head = this.#byte();
    if (head >= 0x80 && head <= 0x8f) return head - 0x80;
    if (head === 0xde) return this.#unsigned(2);
    if (head === 0xdf) return this.#unsigned(4);
    return this.#wrong("a map", head);
  }

  /** Steps over one value. */
  skip(): void {
    const head = this.#bytes[this.at] as number;
    if (head <= 0x7f || head >= 0xe0 || (head >= NIL && head <= 0xc3)) this.at++;
    else if (head <= 0x8f || head === 0xde || head === 0xdf) this.#skipMany(2 * this.mapLength());
    else if (head <= 0x9f || head === 0xdc || head === 0xdd) this.#skipMany(this.arrayLength());
    else if (head >= 0xca && head <= 0xcb) this.at += 1 + (4 << (head - 0xca));
    else if (head >= 0xcc && head <= 0xcf) this.at += 1 + (1 << (head - 0xcc));
    else if (head >= 0xd0 && head <= 0xd3) this.at += 1 + (1 << (head - 0xd0));
    else if (head >= 0xc4 && head <= 0xc6) {
      const length = this.binaryLength();
      this.at += length;
    } else {
      const length = this.textLength();
      this.at += length;
    }
  }

  #skipMany(count: number): void {
    for (let i = 0; i < count; i++) this.skip();
  }

  /** Goes to the first of some bytes and tells how many there are. */
  binaryLength(): number {
    const head = this.#byte();
    if (head >= 0xc4 && head <= 0xc6) return this.#unsigned(1 << (head - 0xc4));
    return this.#wrong("bytes", head);
  }

  #byte(): number {
    assert(this.at < this.#bytes.length, "A stored value goes on beyond its end");
    return this.#bytes[this.at++] as number;
  }

  #unsigned(width: number): number {
    let value = 0;
    for (let i = 0; i < width; i++) value = value * 256 + this.#byte();
    return value;
  }

  #wrong(what: string, head: number): never {
    throw new AssertionError(`A stored value holds byte 0x${head.toString(16)} where ${what} must begin`);
  }
}

/** One string for equal texts that come again and again: ids of agents, roles, states. */
export class TextPool {
  readonly #slots: (string | undefined)[] = new Array(POOL_SLOTS).fill(undefined);

  read(cursor: MsgpackCursor, bytes: Uint8Array): string {
    const start = cursor.at;
    const length = cursor.textLength();
    if (length > POOLED_TEXT_MAX_BYTES) return cursor.moveTo(bytes, start).text();
    const from = cursor.at;
    let hash = length;
    for (let i = 0; i < length; i++) hash = (Math.imul(hash, 31) + (bytes[from + i] as number)) | 0;
    const slot = (hash ^ (hash >>> 15)) & (POOL_SLOTS - 1);
    const known = this.#slots[slot];
    if (known !== undefined && sameText(known, bytes, from, length)) {
      cursor.at = from + length;
      return known;
    }
    const text = cursor.moveTo(bytes, start).text();
    this.#slots[slot] = text;
    return text;
  }
}

/** Only for ASCII; other texts are taken as different. */
function sameText(text: string, bytes: Uint8Array, from: number, length: number): boolean {
  if (text.length !== length) return false;
  for (let i = 0; i < length; i++) {
    const byte = bytes[from + i] as number;
    if (byte >= 0x80 || text.charCodeAt(i) !== byte) return false;
  }
  return true;
}
