import { describe, expect, test } from "bun:test";
import { Random } from "../../src/base/random.ts";
import { encodeRecord, RecordDecoder } from "../../src/wire/record-io.ts";

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const bytes = (content: string): Uint8Array => new TextEncoder().encode(content);

describe("encodeRecord", () => {
  test("counts bytes, not characters", () => {
    expect(text(encodeRecord('{"type":"HEARTBEAT"}'))).toBe('20\n{"type":"HEARTBEAT"}');
    expect(text(encodeRecord("ü"))).toBe("2\nü");
    expect(encodeRecord(Uint8Array.of(10, 0))).toEqual(Uint8Array.of(0x32, 10, 10, 0));
  });

  test("asserts on an empty record", () => {
    expect(() => encodeRecord("")).toThrow();
  });
});

describe("RecordDecoder", () => {
  test("finds the records wherever the stream is cut", () => {
    const random = new Random(29);
    for (let round = 0; round < 200; round++) {
      const payloads = Array.from({ length: random.between(1, 5) }, () =>
        random.bytes(random.between(1, 120)),
      );
      const stream = payloads.flatMap((payload) => [...encodeRecord(payload)]);
      const decoder = new RecordDecoder();
      const found: Uint8Array[] = [];
      while (stream.length > 0) {
        const result = decoder.push(Uint8Array.from(stream.splice(0, random.between(1, 90))));
        if (!result.ok) throw new Error(result.error);
        found.push(...result.value);
      }
      expect(found).toEqual(payloads);
      expect(decoder.idle).toBe(true);
    }
  });

  test("takes a record of no bytes", () => {
    expect(new RecordDecoder().push(bytes("0\n1\nx"))).toEqual({ ok: true, value: [bytes(""), bytes("x")] });
  });

  test.each([
    ["x", 'got "x"'],
    ["\n", 'got "\\n"'],
    ["12a\n", 'got "a"'],
    ["-1\n", 'got "-"'],
    ["1".repeat(21), 'got "1"'],
    ["101\n", "101 bytes: at most 100"],
    ["18446744073709551615\n", "at most 100"],
  ])("refuses the header %j", (header, reason) => {
    const result = new RecordDecoder(100).push(bytes(header));
    expect(result.ok ? "" : result.error).toContain(reason);
  });
});
