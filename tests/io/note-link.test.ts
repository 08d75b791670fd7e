import { expect, test } from "bun:test";
import {
  decodeNoteAnswer,
  decodeNoteRequest,
  encodeNoteAnswer,
  encodeNoteRequest,
} from "../../src/io/note-link.ts";
import { encodeMsgpack } from "../../src/wire/msgpack.ts";

const VALUE = new Uint8Array([1, 2, 3]);

test("requests and answers decode to what was encoded", () => {
  const put = { id: 1, operation: "put", key: "a/b", value: VALUE, ifVersion: 7 } as const;
  expect(decodeNoteRequest(encodeNoteRequest(put))).toEqual(put);
  const get = { id: 2, operation: "get", key: "k", value: undefined, ifVersion: undefined } as const;
  expect(decodeNoteRequest(encodeNoteRequest(get))).toEqual(get);
  const answer = { id: 3, status: 200, body: VALUE, version: 9 };
  expect(decodeNoteAnswer(encodeNoteAnswer(answer))).toEqual(answer);
  const sent = { id: 4, status: 307, body: "10.0.0.2:5060", version: undefined };
  expect(decodeNoteAnswer(encodeNoteAnswer(sent))).toEqual(sent);
});

test("large versions are integers in the bytes, too: not every client reads them from a float", () => {
  for (const version of [2 ** 32 - 1, 2 ** 32, 2 ** 40 + 1, Number.MAX_SAFE_INTEGER]) {
    const bytes = encodeNoteAnswer({ id: 1, status: 200, body: "", version });
    expect(decodeNoteAnswer(bytes)?.version).toBe(version);
    const hex = Buffer.from(bytes).toString("hex");
    expect(hex).toEndWith(version < 2 ** 32 ? "ceffffffff" : `d3${version.toString(16).padStart(16, "0")}`);
  }
});

for (const [what, value] of [
  ["no array", { id: 1 }],
  ["an unknown operation", [1, 9, "k", null, null]],
  ["no key", [1, 1, null, null, null]],
  ["a put without a value", [1, 2, "k", null, null]],
  // Taken for no version at all it would change whatever is there.
  ["a version that is a text", [1, 2, "k", VALUE, "7"]],
  ["a version that is no whole number", [1, 3, "k", null, 1.5]],
  ["a version below 0", [1, 3, "k", null, -1]],
] as const) {
  test(`a request with ${what} is refused`, () => {
    expect(decodeNoteRequest(encodeMsgpack(value))).toBeUndefined();
  });
}
