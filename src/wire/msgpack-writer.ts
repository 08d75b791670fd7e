/**
 * The quick way to msgpack. Masters write each record and message as msgpack, and msgpackr, which can do much
 * more, takes five times as long for it. This writes what nearly all of them are made of, byte for byte as
 * msgpackr does, and leaves everything else to it (msgpack.ts).
 */

const FIRST_BYTES = 64 * 1024;
/** After a larger value memory begins small again. */
const KEPT_MAX_BYTES = 1024 * 1024;
/** Of a value beside its text or bytes: a tag and a length, or a number. */
const HEAD_MAX_BYTES = 9;
/** Shorter text is quicker written here than by a call of the runtime. */
const SHORT_TEXT_CHARS = 64;
const ASCII_MAX = 0x7f;

const encoder = new TextEncoder();
let bytes = new Uint8Array(FIRST_BYTES);
let view = new DataView(bytes.buffer);
let at = 0;

/** The bytes of `value`, to be copied or written at once; undefined if it is none for the quick way. */
export function quickMsgpack(value: unknown): Uint8Array | undefined {
  if (bytes.length > KEPT_MAX_BYTES) replaceMemory(new Uint8Array(FIRST_BYTES));
  at = 0;
  return put(value) ? bytes.subarray(0, at) : undefined;
}

/** False for what only msgpackr writes. */
function put(value: unknown): boolean {
  switch (typeof value) {
    case "string":
      return putText(value);
    case "number":
      putNumber(value);
      return true;
    case "boolean":
      reserve(HEAD_MAX_BYTES);
      bytes[at++] = value ? 0xc3 : 0xc2;
      return true;
    case "undefined":
      reserve(HEAD_MAX_BYTES);
      bytes[at++] = 0xc0;
      return true;
    case "object":
      return putObject(value);
    default:
      return false;
  }
}

function putObject(value: object | null): boolean {
  if (value === null) {
    reserve(HEAD_MAX_BYTES);
    bytes[at++] = 0xc0;
    return true;
  }
  if (Array.isArray(value)) return putArray(value);
  switch (value.constructor) {
    case Uint8Array:
      putBinary(value as Uint8Array);
      return true;
    case Object:
      return putMap(value as Readonly<Record<string, unknown>>);
    default:
      return false;
  }
}

function putArray(values: readonly unknown[]): boolean {
  putSize(values.length, 0x90, 0xdc);
  for (let i = 0; i < values.length; i++) if (!put(values[i])) return false;
  return true;
}

/** Undefined properties are left out. */
function putMap(value: Readonly<Record<string, unknown>>): boolean {
  let size = 0;
  for (const key in value) if (value[key] !== undefined) size++;
  putSize(size, 0x80, 0xde);
  for (const key in value) {
    const property = value[key];
    if (property !== undefined && !(putText(key) && put(property))) return false;
  }
  return true;
}

/** `small`: the tag that holds sizes below 16; `large`: that of 16 bits, followed by that of 32. */
function putSize(size: number, small: number, large: number): void {
  reserve(HEAD_MAX_BYTES);
  if (size < 0x10) {
    bytes[at++] = small | size;
  } else if (size < 0x10000) {
    bytes[at++] = large;
    put16(size);
  } else {
    bytes[at++] = large + 1;
    put32(size);
  }
}

function putNumber(value: number): void {
  reserve(HEAD_MAX_BYTES);
  if (value >>> 0 === value) {
    if (value < 0x80) {
      bytes[at++] = value;
    } else if (value < 0x100) {
      bytes[at++] = 0xcc;
      bytes[at++] = value;
    } else if (value < 0x10000) {
      bytes[at++] = 0xcd;
      put16(value);
    } else {
      bytes[at++] = 0xce;
      put32(value);
    }
  } else if (value >> 0 === value) {
    putNegative(value);
  } else {
    bytes[at++] = 0xcb;
    view.setFloat64(at, value);
    at += 8;
  }
}

function putNegative(value: number): void {
  if (value >= -0x20) {
    bytes[at++] = 0x100 + value;
  } else if (value >= -0x80) {
    bytes[at++] = 0xd0;
    bytes[at++] = 0x100 + value;
  } else if (value >= -0x8000) {
    bytes[at++] = 0xd1;
    put16(value);
  } else {
    bytes[at++] = 0xd2;
    put32(value);
  }
}

function putBinary(value: Uint8Array): void {
  const { length } = value;
  reserve(HEAD_MAX_BYTES + length);
  if (length < 0x100) {
    bytes[at++] = 0xc4;
    bytes[at++] = length;
  } else if (length < 0x10000) {
    bytes[at++] = 0xc5;
    put16(length);
  } else {
    bytes[at++] = 0xc6;
    put32(length);
  }
  bytes.set(value, at);
  at += length;
}

/** Only ASCII: msgpackr writes some other text in ways of its own. */
function putText(text: string): boolean {
  const { length } = text;
  reserve(HEAD_MAX_BYTES + length);
  if (length < 0x20) {
    bytes[at++] = 0xa0 | length;
  } else if (length < 0x100) {
    bytes[at++] = 0xd9;
    bytes[at++] = length;
  } else if (length < 0x10000) {
    bytes[at++] = 0xda;
    put16(length);
  } else {
    bytes[at++] = 0xdb;
    put32(length);
  }
  if (length >= SHORT_TEXT_CHARS) return putLongText(text);
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i);
    if (code > ASCII_MAX) return false;
    bytes[at++] = code;
  }
  return true;
}

function putLongText(text: string): boolean {
  const { length } = text;
  const { read, written } = encoder.encodeInto(text, bytes.subarray(at, at + length));
  at += length;
  // Other characters take more bytes than one, so that some find no room.
  return read === length && written === length;
}

function put16(value: number): void {
  view.setUint16(at, value & 0xffff);
  at += 2;
}

function put32(value: number): void {
  view.setUint32(at, value >>> 0);
  at += 4;
}

/** Makes room for so many bytes more. */
function reserve(count: number): void {
  if (at + count <= bytes.length) return;
  const larger = new Uint8Array(Math.max(2 * bytes.length, at + count));
  larger.set(bytes.subarray(0, at));
  replaceMemory(larger);
}

function replaceMemory(memory: Uint8Array<ArrayBuffer>): void {
  bytes = memory;
  view = new DataView(memory.buffer);
}
