import { expect, test } from "bun:test";
import { decodeRaftMessage, encodeRaftMessage } from "../../src/raft/message-codec.ts";
import type { RaftMessage } from "../../src/raft/types.ts";
import { decodeMsgpack, encodeMsgpack } from "../../src/wire/msgpack.ts";

const data = new Uint8Array([1, 2, 3]);
const chunk = {
  id: 65_537,
  sequence: 2,
  snapshot: { index: 9, term: 3, membership: data },
  records: [[data, new Uint8Array(0)]] as const,
  done: true,
};
const MESSAGES: { readonly [K in RaftMessage["kind"]]: Extract<RaftMessage, { kind: K }> } = {
  "pre-vote": { kind: "pre-vote", term: 4, lastIndex: 7, lastTerm: 3 },
  "pre-vote-reply": { kind: "pre-vote-reply", term: 4, granted: true },
  vote: { kind: "vote", term: 4, lastIndex: 2 ** 40, lastTerm: 3, transfer: true },
  "vote-reply": { kind: "vote-reply", term: 4, granted: false },
  append: {
    kind: "append",
    term: 4,
    prevIndex: 7,
    prevTerm: 3,
    commit: 6,
    entries: [
      { index: 8, term: 3, kind: "command", data },
      { index: 9, term: 4, kind: "empty", data: new Uint8Array(0) },
    ],
    window: 3,
  },
  "append-ok": { kind: "append-ok", term: 4, matchIndex: 9 },
  "append-rejected": {
    kind: "append-rejected",
    term: 4,
    prevIndex: 9,
    hintIndex: 5,
    hintTerm: 2,
    lost: true,
    window: 3,
  },
  heartbeat: { kind: "heartbeat", term: 4, commit: 6, round: 12 },
  "heartbeat-reply": { kind: "heartbeat-reply", term: 4, round: 12, featureLevel: 2 },
  "timeout-now": { kind: "timeout-now", term: 4 },
  "read-index": { kind: "read-index", term: 4, context: 1 },
  "read-index-reply": { kind: "read-index-reply", term: 4, context: 1, index: null, lastIndex: 9 },
  "snapshot-chunk": { kind: "snapshot-chunk", term: 4, chunk },
  "snapshot-reply": { kind: "snapshot-reply", term: 4, id: 65_537, wanted: -1 },
};

test.each(Object.values(MESSAGES))("$kind comes back as it was sent", (message) => {
  const value = decodeMsgpack(encodeMsgpack(encodeRaftMessage(message)));
  expect(value.ok && decodeRaftMessage(value.value)).toEqual({ ok: true, value: message });
});

test.each([
  [[4, 4, 7, 3, 6, []], { kind: "append", term: 4, prevIndex: 7, prevTerm: 3, entries: [], commit: 6 }],
  [[6, 4, 9, 5, 2], { kind: "append-rejected", term: 4, prevIndex: 9, hintIndex: 5, hintTerm: 2 }],
  [[8, 4, 12], { kind: "heartbeat-reply", term: 4, round: 12, featureLevel: 1 }],
] as const)("%p of an older version is understood", (fields, message) => {
  expect(decodeRaftMessage(fields)).toEqual({ ok: true, value: message as unknown as RaftMessage });
});

test.each([
  [null, "must be an array"],
  [[99, 1], "kind 99 is unknown"],
  [[0, 1, "x", 2], '"pre-vote" has a field of the wrong type'],
  [[0, 1, -1, 2], '"pre-vote" has a field of the wrong type'],
  [[4, 1, 0, 0, 0, [[1, 9, data]]], '"append" has a field of the wrong type'],
  [[4, 1, 0, 0, 0, ["x"]], '"append" has a field of the wrong type'],
  [[5], '"append-ok" has a field of the wrong type'],
])("%p is refused", (value, reason) => {
  const result = decodeRaftMessage(value);
  expect(result.ok ? "accepted" : result.error).toContain(reason);
});
