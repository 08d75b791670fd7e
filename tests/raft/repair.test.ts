/** A member whose disk lost acknowledged entries, and one that is not to lead. */
import { expect, test } from "bun:test";
import type { LogDamage, RaftMessage, RestoredRaft } from "../../src/raft/types.ts";
import { command, diskWith, NO_DATA, Solo } from "../support/raft-solo.ts";

/** Of five entries of term 2, those after the third are lost. */
function damaged(lastIndex = 5): RestoredRaft & { damage: LogDamage } {
  return { ...diskWith([1, 2, 2], 2), damage: { term: 2, lastIndex, reason: "entry 4 is damaged" } };
}

test("a damaged member neither campaigns nor votes, for nobody and in no term", () => {
  const a = new Solo(damaged());
  for (let n = 0; n < 20; n++) a.advance(300);
  expect([a.node.status().role, a.node.status().term]).toEqual(["follower", 2]);
  a.hear({ kind: "pre-vote", term: 3, lastIndex: 9, lastTerm: 2 });
  expect(a.sent("pre-vote-reply")[0]?.message.granted).toBe(false);
  a.hear({ kind: "vote", term: 3, lastIndex: 9, lastTerm: 2, transfer: false });
  a.persist();
  expect(a.sent("vote-reply").some((sent) => sent.message.granted)).toBe(false);
  a.hear({ kind: "append", term: 3, prevIndex: 3, prevTerm: 2, entries: [], commit: 3 });
  a.hear({ kind: "timeout-now", term: 3 });
  expect(a.node.status().role).toBe("follower");
});

test("the leader of the same term must bring back as much as was lost", () => {
  const a = new Solo(damaged());
  a.hear({ kind: "append", term: 2, prevIndex: 3, prevTerm: 2, entries: [command(4, 2)], commit: 5 });
  expect(a.node.status().damage).not.toBeNull();
  a.hear({ kind: "append", term: 2, prevIndex: 4, prevTerm: 2, entries: [command(5, 2)], commit: 5 });
  expect(a.node.status().damage).toBeNull();
});

test("one entry of a newer leader is enough: its log held all that was committed", () => {
  const a = new Solo(damaged(500));
  a.hear({ kind: "append", term: 3, prevIndex: 3, prevTerm: 2, entries: [], commit: 3 });
  expect(a.node.status().damage).not.toBeNull();
  a.hear({ kind: "append", term: 3, prevIndex: 3, prevTerm: 2, entries: [command(4, 3)], commit: 3 });
  expect(a.node.status().damage).toBeNull();
  a.persist();
  a.nowMs += 301;
  a.hear({ kind: "vote", term: 4, lastIndex: 4, lastTerm: 3, transfer: false }, "c");
  a.persist();
  expect(a.sent("vote-reply").map((sent) => sent.message.granted)).toEqual([true]);
});

test("a leader forgets what a damaged follower acknowledged before, and sends it again", () => {
  const a = new Solo(diskWith([1, 1, 1])).lead().acknowledge();
  const { term, lastIndex } = a.node.status();
  a.step({ kind: "peer-lost", peer: "b" });
  a.hear({ kind: "heartbeat-reply", term, round: 1 }, "b");
  a.hear({ kind: "append-rejected", term, prevIndex: lastIndex, hintIndex: 1, hintTerm: 1, lost: true }, "b");
  const sent = a.sent("append").find((each) => each.to === "b")?.message;
  expect(sent?.prevIndex).toBe(1);
  expect(sent?.entries.map((entry) => entry.index)).toEqual([2, 3, 4]);
});

test("without damage an old rejection takes nothing back", () => {
  const a = new Solo(diskWith([1, 1, 1])).lead().acknowledge();
  const { term, lastIndex } = a.node.status();
  a.hear({ kind: "append-rejected", term, prevIndex: lastIndex, hintIndex: 1, hintTerm: 1 }, "b");
  expect(a.node.status().peers.find((peer) => peer.id === "b")?.matchIndex).toBe(lastIndex);
});

test("a leader that is not to lead hands over, and steps down if nobody takes it", () => {
  const a = new Solo().lead().acknowledge();
  a.step({ kind: "eligible", eligible: false });
  expect(a.sent("timeout-now")).toHaveLength(1);
  a.advance(300);
  expect(a.node.status().role).toBe("follower");
  for (let n = 0; n < 20; n++) a.advance(300);
  expect(a.node.status().role).toBe("follower");
  a.step({ kind: "eligible", eligible: true });
  a.advance(700);
  a.advance(700);
  expect(a.sent("pre-vote").length).toBeGreaterThan(0);
});

test("alone, it goes on leading and refuses proposals", () => {
  const a = new Solo(diskWith([]), { peers: ["a"] });
  a.advance(0);
  a.persist();
  a.persist();
  expect(a.node.status().role).toBe("leader");
  a.step({ kind: "eligible", eligible: false });
  expect(a.step({ kind: "propose", ref: 7, data: NO_DATA })).toEqual([
    { kind: "dropped", ref: 7, reason: "overloaded" },
  ]);
  a.step({ kind: "eligible", eligible: true });
  expect(a.step({ kind: "propose", ref: 8, data: NO_DATA })).not.toEqual([
    { kind: "dropped", ref: 8, reason: "overloaded" },
  ]);
});

/** Of 15 entries of term 1 only the first is left; it stood for election in term 4, and another won. */
function strandedAndDamaged(): Solo {
  const damage = { term: 4, lastIndex: 15, reason: "entry 2 is damaged" };
  const a = new Solo({ ...diskWith([1], 4), damage });
  a.hear({ kind: "append", term: 4, prevIndex: 1, prevTerm: 1, entries: [command(2, 4)], commit: 1 });
  a.persist();
  return a;
}

function heartbeat(commit: number): RaftMessage {
  return { kind: "heartbeat", term: 4, commit, round: 1 };
}

test("what the leader does not have need not come back: it tells how far its log goes", () => {
  const a = strandedAndDamaged();
  a.hear(heartbeat(2));
  const context = a.sent("read-index")[0]?.message.context ?? 0;
  a.hear(heartbeat(2));
  expect(a.sent("read-index")).toEqual([]);
  // An answer to a question of before the restart is of a time when the leader may have had less.
  a.hear({ kind: "read-index-reply", term: 4, context: context - 1, index: 2, lastIndex: 2 });
  expect([a.node.status().damage?.lastIndex, a.node.status().commitIndex]).toEqual([15, 1]);
  a.hear({ kind: "read-index-reply", term: 4, context, index: 2, lastIndex: 3 });
  expect(a.effects).toEqual([
    { kind: "persist", token: expect.any(Number), entries: [], damageLastIndex: 3 },
  ]);
  a.hear(heartbeat(2));
  expect([a.node.status().damage?.lastIndex, a.node.status().commitIndex]).toEqual([3, 1]);
  a.hear({ kind: "append", term: 4, prevIndex: 2, prevTerm: 4, entries: [command(3, 4)], commit: 2 });
  a.hear(heartbeat(3));
  expect([a.node.status().damage, a.node.status().commitIndex]).toEqual([null, 3]);
});

test("a leader that does not tell how far its log goes is asked again, but not all the time", () => {
  const a = strandedAndDamaged();
  a.hear(heartbeat(2));
  const context = a.sent("read-index")[0]?.message.context ?? 0;
  a.hear({ kind: "read-index-reply", term: 4, context, index: 2 });
  a.hear(heartbeat(2));
  expect(a.sent("read-index")).toEqual([]);
  a.nowMs += 600;
  a.hear(heartbeat(2));
  expect(a.sent("read-index")).toHaveLength(1);
  expect(a.node.status().damage?.lastIndex).toBe(15);
});

test("the leader's answer to a read tells how far its log goes", () => {
  const a = new Solo().lead().acknowledge();
  const { term } = a.node.status();
  a.step({ kind: "propose", ref: 1, data: NO_DATA });
  a.hear({ kind: "read-index", term, context: 7 });
  const round = a.sent("heartbeat")[0]?.message.round ?? 0;
  a.hear({ kind: "heartbeat-reply", term, round });
  expect(a.sent("read-index-reply").map(({ message }) => message)).toEqual([
    { kind: "read-index-reply", term, context: 7, index: 1, lastIndex: 2 },
  ]);
});
