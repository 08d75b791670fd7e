import { assert } from "./assert.ts";
import type { Random } from "./random.ts";

/** Length of a UUID in bytes; status updates and operations carry it raw. */
export const UUID_BYTES = 16;

/** A random (version 4) UUID as 16 raw bytes, RFC 9562 section 5.4. */
export function randomUuid(random: Random): Uint8Array {
  const bytes = random.bytes(UUID_BYTES);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return bytes;
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/** The 36-character text form of 16 raw bytes. */
export function uuidText(bytes: Uint8Array): string {
  assert(bytes.length === UUID_BYTES, `UUID must be ${UUID_BYTES} bytes, got ${bytes.length}`);
  let hex = "";
  for (const byte of bytes) hex += HEX[byte];
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
