/**
 * A version of a note is never given twice, also not by a cluster that is restored from a backup: the old
 * one went on after it, and whoever read a note then must not find its version at another value.
 */
import { decodeMsgpack, encodeMsgpack } from "../wire/msgpack.ts";
import { Fields } from "./fields.ts";
import { keyOf } from "./state-keys.ts";

/** More than the old cluster will have given since the backup was taken. */
const VERSIONS_AHEAD = 2 ** 40;

export const NOTE_VERSION_KEY: Uint8Array = new TextEncoder().encode(keyOf({ kind: "note-version" }));

/** What stands under that key in the restored state. `value`: what stood there; undefined if nothing did. */
export function noteVersionAhead(value: Uint8Array | undefined): Uint8Array {
  const decoded = value === undefined ? undefined : decodeMsgpack(value);
  const version = decoded?.ok === true ? new Fields(decoded.value, "note-version").number(0) : 0;
  return encodeMsgpack([version + VERSIONS_AHEAD]);
}
