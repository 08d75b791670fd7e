/** Rules for the keys of notes. */
import { NOTE_KEY_MAX_BYTES } from "../base/limits.ts";

const encoder = new TextEncoder();
/** Control characters, and empty parts between slashes. */
const REFUSED = /[\u0000-\u001f\u007f]|^\/|\/$|\/\//;

/** Why `key` cannot name a note, or undefined. Slashes separate its parts. */
export function checkNoteKey(key: string): string | undefined {
  if (key === "") return "a key must not be empty";
  // A character takes at most three bytes.
  if (3 * key.length > NOTE_KEY_MAX_BYTES && encoder.encode(key).length > NOTE_KEY_MAX_BYTES) {
    return `a key must not be longer than ${NOTE_KEY_MAX_BYTES} bytes`;
  }
  return REFUSED.test(key) ? `${JSON.stringify(key)} has a control character or an empty part` : undefined;
}
