import { MSGPACK_MAX_DEPTH } from "../base/limits.ts";

/**
 * Looks over msgpack bytes without building anything. Returns why they are
 * refused, or undefined when they are exactly one value made of nil, booleans,
 * numbers, strings, binary, arrays and maps, with every length inside the
 * input. The decoder behind it then meets no extension type (records, dates,
 * classes), no allocation beyond the input's size and no deep recursion.
 */
export function scanMsgpack(bytes: Uint8Array): string | undefined {
  const end = bytes.length;
  let at = 0;
  /** Values still to come on each open level; the top one is in `pending`. */
  const levels: number[] = [];
  let pending = 1;
  for (;;) {
    while (pending === 0) {
      const outer = levels.pop();
      if (outer === undefined) return at === end ? undefined : `${end - at} bytes follow the value`;
      pending = outer;
    }
    if (at >= end) return "the value is cut off";
    pending--;
    const head = bytes[at++] as number;
    const kind = KINDS[head] as number;
    if (kind === REFUSED) return `byte 0x${head.toString(16)} starts no plain value`;
    let size = SIZES[head] as number;
    if (kind > FIXED) {
      // A length of 1, 2 or 4 bytes stands before the content.
      const width = size;
      if (at + width > end) return "a length is cut off";
      size = 0;
      for (let i = 0; i < width; i++) size = size * 256 + (bytes[at++] as number);
    }
    if (kind === FIXED || kind === SIZED) {
      at += size;
      if (at > end) return "the value is cut off";
      continue;
    }
    const members = kind === MAP || kind === FIXED_MAP ? size * 2 : size;
    if (members > end - at) return "a collection announces more members than bytes follow";
    if (levels.length >= MSGPACK_MAX_DEPTH) return `values are nested deeper than ${MSGPACK_MAX_DEPTH}`;
    levels.push(pending);
    pending = members;
  }
}

const REFUSED = -1;
/** SIZES holds the member count. */
const FIXED_ARRAY = 0;
const FIXED_MAP = 1;
/** SIZES holds the bytes that follow. */
const FIXED = 2;
/** SIZES holds the width of the length. */
const SIZED = 3;
const ARRAY = 4;
const MAP = 5;

/** First byte → what it starts (msgpack specification, section "Formats"). */
const KINDS = new Int8Array(256).fill(REFUSED);
const SIZES = new Uint8Array(256);

function define(from: number, to: number, kind: number, size: (offset: number) => number): void {
  for (let head = from; head <= to; head++) {
    KINDS[head] = kind;
    SIZES[head] = size(head - from);
  }
}

const powerOfTwo = (offset: number): number => 1 << offset;
define(0x00, 0x7f, FIXED, () => 0);
define(0x80, 0x8f, FIXED_MAP, (offset) => offset);
define(0x90, 0x9f, FIXED_ARRAY, (offset) => offset);
define(0xa0, 0xbf, FIXED, (offset) => offset);
define(0xc0, 0xc0, FIXED, () => 0);
define(0xc2, 0xc3, FIXED, () => 0);
define(0xc4, 0xc6, SIZED, powerOfTwo);
define(0xca, 0xcb, FIXED, (offset) => 4 << offset);
define(0xcc, 0xcf, FIXED, powerOfTwo);
define(0xd0, 0xd3, FIXED, powerOfTwo);
define(0xd9, 0xdb, SIZED, powerOfTwo);
define(0xdc, 0xdd, ARRAY, (offset) => 2 << offset);
define(0xde, 0xdf, MAP, (offset) => 2 << offset);
define(0xe0, 0xff, FIXED, () => 0);
