/** False when one of them is missing. */
export function sameBytes(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  if (a === undefined || b === undefined || a.length !== b.length) return false;
  return a === b || a.every((byte, index) => byte === b[index]);
}
