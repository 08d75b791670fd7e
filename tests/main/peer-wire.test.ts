import { expect, test } from "bun:test";
import { decodePeerMessage, encodePeerMessage } from "../../src/main/peer-wire.ts";
import type { PeerMessage } from "../../src/master/node.ts";
import { decodeMsgpack, encodeMsgpack } from "../../src/wire/msgpack.ts";

const address = { id: "m", hostname: "h", ip: "10.0.0.1", port: 5050 };
const MESSAGES: readonly PeerMessage[] = [
  { kind: "heartbeat", term: 3, commit: 9, round: 2 },
  { kind: "append", term: 3, prevIndex: 1, prevTerm: 1, entries: [], commit: 1 },
  { kind: "who-leads", term: 3 },
  { kind: "leader-address", term: 3, address },
  {
    kind: "leader-address",
    term: 3,
    address: { ...address, domain: { fault_domain: { region: { name: "eu" }, zone: { name: "z" } } } },
  },
  { kind: "digest-ask", index: 7, level: 1 },
  { kind: "digest-is", index: 7, level: 1, digest: "d" },
  { kind: "digest-verdict", index: 7, level: 1, digest: "d" },
];

test.each(MESSAGES)("$kind comes back as it was sent", (message) => {
  const value = decodeMsgpack(encodeMsgpack(encodePeerMessage(message)));
  expect(value.ok && decodePeerMessage(value.value)).toEqual({ ok: true, value: message });
});

test.each([
  [null, "must be an array or an object"],
  [{ kind: "vote", term: 9 }, '"vote" is unknown'],
  [[99, 1], "kind 99 is unknown"],
  [{ kind: "who-leads", term: -1 }, '"who-leads" has a field of the wrong type'],
  [
    { kind: "leader-address", term: 1, address: { ...address, port: "5050" } },
    '"leader-address" has a field',
  ],
  [{ kind: "digest-is", index: 1, level: 1 }, '"digest-is" has a field of the wrong type'],
])("%p is refused", (value, reason) => {
  const result = decodePeerMessage(value);
  expect(result.ok ? "accepted" : result.error).toContain(reason);
});
