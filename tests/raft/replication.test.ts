/** How much a leader sends at once, and to whom. */
import { expect, test } from "bun:test";
import { present } from "../../src/base/assert.ts";
import { RAFT_CATCH_UP_APPEND_MAX_BYTES, RAFT_CATCH_UP_INFLIGHT_MAX_BYTES } from "../../src/base/limits.ts";
import type { RaftEffect } from "../../src/raft/types.ts";
import { Solo } from "../support/raft-solo.ts";

const ENTRY_BYTES = 64 * 1024;
const ENTRIES = 128;

/** A leader that committed 8 MiB with `b` while `c` said nothing. */
function leaderAhead(): Solo {
  const a = new Solo().lead().acknowledge();
  for (let ref = 1; ref <= ENTRIES; ref++) {
    a.step({ kind: "propose", ref, data: new Uint8Array(ENTRY_BYTES) });
    a.acknowledge();
  }
  expect(a.node.status().commitIndex).toBe(ENTRIES + 1);
  return a;
}

function bytesTo(peer: string, a: Solo, effects: readonly RaftEffect[] = a.effects): number[] {
  return a
    .sent("append", effects)
    .filter(({ to }) => to === peer)
    .map(({ message }) => message.entries.reduce((sum, { data }) => sum + data.length, 0));
}

/** Number of the window that the newest append to `peer` belongs to. */
function windowOf(peer: string, effects: readonly RaftEffect[]): number {
  for (const effect of effects.toReversed()) {
    if (effect.kind !== "send" || effect.to !== peer || effect.message.kind !== "append") continue;
    return present(effect.message.window, "An append names its window");
  }
  throw new Error(`Nothing was sent to ${peer}`);
}

test("a follower that catches up gets small messages, and few before it answers", () => {
  const a = leaderAhead();
  const { term } = a.node.status();
  let matchIndex = 1;
  a.hear({ kind: "append-ok", term, matchIndex }, "c");
  const first = bytesTo("c", a);
  expect(first).toEqual([0, 1, 2, 3].map(() => RAFT_CATCH_UP_APPEND_MAX_BYTES));
  let total = first.reduce((sum, bytes) => sum + bytes, 0);
  expect(total).toBe(RAFT_CATCH_UP_INFLIGHT_MAX_BYTES);
  while (matchIndex <= ENTRIES) {
    matchIndex += RAFT_CATCH_UP_APPEND_MAX_BYTES / ENTRY_BYTES;
    a.hear({ kind: "append-ok", term, matchIndex }, "c");
    for (const bytes of bytesTo("c", a)) total += bytes;
    expect(a.node.status().peers.find(({ id }) => id === "c")?.bytesInFlight).toBeLessThanOrEqual(
      RAFT_CATCH_UP_INFLIGHT_MAX_BYTES,
    );
  }
  expect(total).toBe(ENTRIES * ENTRY_BYTES);
});

test("what is lost on the way of a follower that catches up is found by the next heartbeat", () => {
  const a = leaderAhead();
  const { term } = a.node.status();
  a.hear({ kind: "append-ok", term, matchIndex: 1 }, "c");
  // All of it was lost, and the window is full: an empty message asks what the follower has.
  a.hear({ kind: "heartbeat-reply", term, round: 0 }, "c");
  expect(bytesTo("c", a)).toEqual([0]);
  const asked = a.sent("append").find(({ to }) => to === "c")?.message.prevIndex ?? 0;
  expect(asked).toBeGreaterThan(1);
  a.hear({ kind: "append-rejected", term, prevIndex: asked, hintIndex: 1, hintTerm: term }, "c");
  expect(bytesTo("c", a)).toEqual([RAFT_CATCH_UP_APPEND_MAX_BYTES]);
});

test("entries that a quorum waits for are not held back", () => {
  const a = new Solo().lead().acknowledge();
  for (let ref = 1; ref <= ENTRIES; ref++) {
    a.step({ kind: "propose", ref, data: new Uint8Array(ENTRY_BYTES) });
    expect(bytesTo("b", a)).toEqual([ENTRY_BYTES]);
  }
  expect(a.node.status().peers.find(({ id }) => id === "b")?.bytesInFlight).toBe(ENTRIES * ENTRY_BYTES);
});

/** A leader that sent `c` the entries 2 to 41, one by one, and heard nothing of them. */
function leaderWithMuchInFlight(): Solo {
  const a = new Solo().lead().acknowledge("c").acknowledge("b");
  for (let ref = 1; ref <= 40; ref++) {
    a.step({ kind: "propose", ref, data: new Uint8Array(8) });
    a.acknowledge();
  }
  return a;
}

test("of a window whose messages overtook each other, one rejection counts", () => {
  const a = leaderWithMuchInFlight();
  const { term, lastIndex } = a.node.status();
  const window = windowOf("c", a.step({ kind: "propose", ref: 41, data: new Uint8Array(8) }));
  let messages = 0;
  for (let at = 2; at <= lastIndex; at++) {
    // All but the first came too early; those after it, sent again, are taken one after the other.
    a.hear({ kind: "append-rejected", term, prevIndex: at, hintIndex: 1, hintTerm: term, window }, "c");
    messages += bytesTo("c", a).length;
    a.hear({ kind: "append-ok", term, matchIndex: Math.floor(at / 2) + 1 }, "c");
    messages += bytesTo("c", a).length;
  }
  // The probe, and one with everything once it is confirmed.
  expect(messages).toBe(2);
});

test("a rejection of a follower too old to name the window counts", () => {
  const a = leaderWithMuchInFlight();
  const { term } = a.node.status();
  a.hear({ kind: "append-rejected", term, prevIndex: 20, hintIndex: 1, hintTerm: term }, "c");
  expect(a.sent("append").map(({ to, message }) => [to, message.prevIndex])).toEqual([["c", 1]]);
});

test("after a rejection the window opens again step by step", () => {
  const a = leaderAhead();
  const { term, lastIndex } = a.node.status();
  a.hear({ kind: "append-ok", term, matchIndex: 1 }, "c");
  a.hear({ kind: "append-rejected", term, prevIndex: lastIndex, hintIndex: 1, hintTerm: term }, "c");
  const perMessage = RAFT_CATCH_UP_APPEND_MAX_BYTES / ENTRY_BYTES;
  const answers = [1, 2, 3, 4].map((nth) => {
    a.hear({ kind: "append-ok", term, matchIndex: 1 + nth * perMessage }, "c");
    return bytesTo("c", a).length;
  });
  // One message, one more with each that is confirmed, and then as many as the bytes allow.
  expect(answers).toEqual([1, 2, 2, 2]);
});
