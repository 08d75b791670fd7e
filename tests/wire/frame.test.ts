import { describe, expect, test } from "bun:test";
import { FRAME_MAX_BYTES } from "../../src/base/limits.ts";
import { Random } from "../../src/base/random.ts";
import { encodeFrame, FrameDecoder } from "../../src/wire/frame.ts";

function concat(parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

describe("encodeFrame", () => {
  test("writes a big-endian length before the payload", () => {
    expect(encodeFrame(Uint8Array.of(9, 8))).toEqual(Uint8Array.of(0, 0, 0, 2, 9, 8));
  });

  test("asserts on sizes that no decoder takes", () => {
    expect(() => encodeFrame(new Uint8Array(0))).toThrow();
    expect(() => encodeFrame(new Uint8Array(FRAME_MAX_BYTES + 1))).toThrow();
  });
});

describe("FrameDecoder", () => {
  test("finds the frames wherever the stream is cut", () => {
    const random = new Random(23);
    for (let round = 0; round < 200; round++) {
      const payloads = Array.from({ length: random.between(1, 5) }, () =>
        random.bytes(random.between(1, 300)),
      );
      const stream = concat(payloads.map(encodeFrame));
      const decoder = new FrameDecoder();
      const found: Uint8Array[] = [];
      for (let at = 0; at < stream.length; ) {
        const size = random.chance(0.3) ? 1 : random.between(1, 400);
        const result = decoder.push(stream.slice(at, at + size));
        if (!result.ok) throw new Error(result.error);
        found.push(...result.value);
        at += size;
      }
      expect(found).toEqual(payloads);
      expect(decoder.idle).toBe(true);
    }
  });

  test("is not idle inside a frame", () => {
    const decoder = new FrameDecoder();
    decoder.push(Uint8Array.of(0));
    expect(decoder.idle).toBe(false);
    decoder.push(Uint8Array.of(0, 0, 2, 1));
    expect(decoder.idle).toBe(false);
    expect(decoder.push(Uint8Array.of(2))).toEqual({ ok: true, value: [Uint8Array.of(1, 2)] });
    expect(decoder.idle).toBe(true);
  });

  test("takes the largest frame and refuses one byte more, and an empty one", () => {
    const largest = new Uint8Array(FRAME_MAX_BYTES).fill(1);
    const result = new FrameDecoder().push(encodeFrame(largest));
    expect(result.ok && result.value[0]?.length).toBe(FRAME_MAX_BYTES);
    const header = new Uint8Array(4);
    new DataView(header.buffer).setUint32(0, FRAME_MAX_BYTES + 1);
    expect(new FrameDecoder().push(header).ok).toBe(false);
    expect(new FrameDecoder().push(new Uint8Array(4)).ok).toBe(false);
    // An HTTP client that came to the wrong port.
    expect(new FrameDecoder().push(new TextEncoder().encode("GET / HTTP/1.1\r\n")).ok).toBe(false);
  });
});
