/**
 * msgpack for everything mesh sends between its own processes or keeps on
 * disk. Takes nil, booleans, numbers, strings, Uint8Array, arrays, plain
 * objects and Maps. Bytes depend only on the value and the order of its keys:
 * build objects in one fixed order where replicas must agree.
 */
import { Packr, Unpackr } from "msgpackr";
import { FRAME_MAX_BYTES } from "../base/limits.ts";
import { fail, ok, type Result } from "../base/result.ts";
import { scanMsgpack } from "./msgpack-scan.ts";
import { quickMsgpack } from "./msgpack-writer.ts";

const PLAIN = {
  useRecords: false,
  moreTypes: false,
  // Binary is copied out, so that a small value does not keep its whole frame alive.
  copyBuffers: true,
  int64AsType: "number",
} as const;

const PACKING = {
  ...PLAIN,
  // The size of a map is written in its shortest form.
  variableMapSize: true,
  // An undefined property is left out; in an array it becomes nil.
  skipValues: [undefined],
  encodeUndefinedAsNil: true,
};

const packr = new Packr(PACKING);
const objects = new Unpackr({ ...PLAIN, mapsAsObjects: true });
const maps = new Unpackr({ ...PLAIN, mapsAsObjects: false });

/** The bytes of `value`, in memory of their own. */
export function encodeMsgpack(value: unknown): Uint8Array {
  return new Uint8Array(lendMsgpack(value));
}

/**
 * The bytes of `value` in the packer's memory, to be copied or written at once: whoever keeps them keeps
 * thousands of other bytes.
 */
export function lendMsgpack(value: unknown): Uint8Array {
  return quickMsgpack(value) ?? packr.pack(value);
}

/** One value; maps become plain objects with string keys. The error says what is wrong with the bytes. */
export function decodeMsgpack(bytes: Uint8Array): Result<unknown> {
  return decode(objects, bytes);
}

/** Like {@link decodeMsgpack}, but maps become Maps, with keys of any kind. */
export function decodeMsgpackMaps(bytes: Uint8Array): Result<unknown> {
  return decode(maps, bytes);
}

function decode(unpackr: Unpackr, bytes: Uint8Array): Result<unknown> {
  if (bytes.length > FRAME_MAX_BYTES) {
    return fail(`Cannot decode msgpack of ${bytes.length} bytes: at most ${FRAME_MAX_BYTES} are read`);
  }
  const reason = scanMsgpack(bytes);
  if (reason !== undefined) return fail(`Cannot decode msgpack of ${bytes.length} bytes: ${reason}`);
  try {
    return ok(unpack(unpackr, bytes));
  } catch (error) {
    return fail(`Cannot decode msgpack of ${bytes.length} bytes: ${String(error)}`);
  }
}

/** Longer ones are copied to memory of their own. */
const SCRATCH_BYTES = 256 * 1024;
const scratch = new Uint8Array(SCRATCH_BYTES);

/**
 * From a copy: msgpackr asks for the ArrayBuffer below the bytes and keeps a view of it with them, so that
 * each value that lives on, like the status of a task, would be three objects, one of which the collector
 * counts while everything stands still. Nor may it be a Buffer, or binary values would be Buffers.
 */
function unpack(unpackr: Unpackr, bytes: Uint8Array): unknown {
  if (bytes.length > SCRATCH_BYTES) return unpackr.unpack(new Uint8Array(bytes));
  scratch.set(bytes);
  return unpackr.unpack(scratch, bytes.length);
}
