/**
 * Whether bytes can be a protobuf message at all: a sequence of whole fields
 * (protobuf.dev, "Encoding"). Tells a mistaken content type from a call that
 * only another version of mesh can read.
 */
export function isProtobuf(bytes: Uint8Array): boolean {
  let at = 0;
  /** Field numbers of the groups that are open. */
  const groups: number[] = [];

  /** Low 32 bits of the varint at `at`; -1 when it is cut off or longer than 10 bytes. */
  const varint = (): number => {
    let value = 0;
    for (let i = 0; i < 10; i++) {
      const byte = bytes[at++];
      if (byte === undefined) return -1;
      if (i < 5) value += (byte & 0x7f) * 2 ** (7 * i);
      if (byte < 0x80) return value;
    }
    return -1;
  };

  /** Moves behind the content of a field; false when it cannot be one. */
  const skip = (field: number, wireType: number): boolean => {
    if (wireType === 0) return varint() >= 0;
    if (wireType === 3) return groups.push(field) > 0;
    if (wireType === 4) return groups.pop() === field;
    const length = wireType === 1 ? 8 : wireType === 5 ? 4 : wireType === 2 ? varint() : -1;
    at += Math.max(length, 0);
    return length >= 0 && at <= bytes.length;
  };

  while (at < bytes.length) {
    const tag = varint();
    const field = Math.floor(tag / 8);
    if (tag < 0 || field === 0 || !skip(field, tag % 8)) return false;
  }
  return groups.length === 0;
}
