/** One test per known way to get raft wrong; each fails if its guard is taken out. */
import { expect, test } from "bun:test";
import { bootstrapMembership, encodeMembership } from "../../src/raft/membership.ts";
import { DiskImage } from "../support/disk-image.ts";
import { command, diskWith, NO_DATA, Solo } from "../support/raft-solo.ts";

test("old-term entries are not committed by counting", () => {
  const a = new Solo(diskWith([1, 2])).lead();
  const { term } = a.node.status();
  a.hear({ kind: "append-ok", term, matchIndex: 2 }, "b");
  a.hear({ kind: "append-ok", term, matchIndex: 2 }, "c");
  expect(a.node.status().commitIndex).toBe(0);
  a.hear({ kind: "append-ok", term, matchIndex: 3 }, "b");
  expect(a.node.status().commitIndex).toBe(3);
});

test("a disruptive returning node raises no term by asking", () => {
  const a = new Solo(diskWith([1]));
  a.hear({ kind: "heartbeat", term: 1, commit: 0, round: 0 });
  a.hear({ kind: "pre-vote", term: 9, lastIndex: 9, lastTerm: 8 }, "c");
  expect(a.sent("pre-vote-reply")[0]?.message).toEqual({ kind: "pre-vote-reply", term: 1, granted: false });
  a.hear({ kind: "vote", term: 9, lastIndex: 9, lastTerm: 8, transfer: false }, "c");
  expect(a.node.status().term).toBe(1);
  expect(a.effects).toEqual([]);
  a.nowMs += 301;
  a.hear({ kind: "vote", term: 9, lastIndex: 9, lastTerm: 8, transfer: false }, "c");
  expect(a.node.status().term).toBe(9);
});

test("a leader cut from its quorum steps down, also if only its outgoing links work", () => {
  const a = new Solo().lead().acknowledge();
  for (let n = 0; n < 10; n++) a.advance(75);
  expect(a.node.status().role).toBe("follower");
});

test("a leader that stood still itself does not depose itself for it, but only once", () => {
  const a = new Solo().lead().acknowledge();
  a.advance(2_000);
  expect(a.node.status().role).toBe("leader");
  a.advance(2_000);
  expect(a.node.status()).toMatchObject({ role: "leader", steppedDown: null });
  a.advance(2_000);
  expect(a.node.status()).toMatchObject({ role: "follower", steppedDown: "no-quorum" });
});

test("leadership transfer is bounded, waits for the target, and resumes proposals", () => {
  const a = new Solo().lead().acknowledge();
  a.step({ kind: "propose", ref: 1, data: NO_DATA });
  a.step({ kind: "transfer", to: "b" });
  expect(a.sent("timeout-now")).toEqual([]);
  expect(a.step({ kind: "propose", ref: 2, data: NO_DATA })).toEqual([
    { kind: "dropped", ref: 2, reason: "transferring" },
  ]);
  a.acknowledge();
  expect(a.sent("timeout-now").map((sent) => sent.to)).toEqual(["b"]);
  a.advance(299);
  expect(a.node.status().transferringTo).toBe("b");
  a.advance(1);
  expect(a.node.status().transferringTo).toBeNull();
  a.step({ kind: "propose", ref: 3, data: NO_DATA });
  expect(a.has("proposed")).toBe(true);
});

test("no stale reads: a read waits for an own-term commit and a quorum asked after it came", () => {
  const a = new Solo(diskWith([1])).lead();
  const { term } = a.node.status();
  a.step({ kind: "read-index", ref: 1 });
  expect(a.effects).toEqual([]);
  a.acknowledge();
  expect(a.has("read-ready")).toBe(false);
  // An answer to a heartbeat of before the read proves nothing.
  a.hear({ kind: "heartbeat-reply", term, round: 0 });
  expect(a.has("read-ready")).toBe(false);
  a.hear({ kind: "heartbeat-reply", term, round: 1 });
  expect(a.effects).toContainEqual({ kind: "read-ready", ref: 1, index: 2 });
});

test("term and vote are durable before the answer", () => {
  const a = new Solo();
  a.hear({ kind: "vote", term: 1, lastIndex: 0, lastTerm: 0, transfer: false });
  expect(a.sent("vote-reply")).toEqual([]);
  a.persisted(1);
  expect(a.sent("vote-reply")[0]?.message.granted).toBe(true);
});

test("a restart never votes twice in a term", () => {
  const disk = new DiskImage();
  disk.write({ hardState: { term: 3, votedFor: "b" }, sync: true });
  const a = new Solo(disk.restored());
  a.hear({ kind: "vote", term: 3, lastIndex: 9, lastTerm: 2, transfer: false }, "c");
  expect(a.sent("vote-reply")[0]?.message.granted).toBe(false);
  a.hear({ kind: "vote", term: 3, lastIndex: 9, lastTerm: 2, transfer: false }, "b");
  expect(a.sent("vote-reply")[0]?.message.granted).toBe(true);
});

test("a candidate's own vote counts only when durable", () => {
  const a = new Solo(diskWith([]), { peers: ["a"] });
  expect(a.node.status().role).toBe("candidate");
  a.persisted(1);
  expect(a.node.status().role).toBe("leader");
  expect(a.node.status().commitIndex).toBe(0);
  a.persist();
  expect(a.node.status().commitIndex).toBe(1);
});

test("an acknowledgement of entries waits for the disk", () => {
  const a = new Solo(diskWith([], 1));
  const entries = [command(1, 1)];
  a.hear({ kind: "append", term: 1, prevIndex: 0, prevTerm: 0, entries, commit: 0 });
  expect(a.sent("append-ok")).toEqual([]);
  a.persisted(1);
  expect(a.sent("append-ok")[0]?.message.matchIndex).toBe(1);
});

test("a follower truncates only on a real conflict", () => {
  const a = new Solo(diskWith([1, 1, 1]));
  const old = [command(1, 1)];
  a.hear({ kind: "append", term: 1, prevIndex: 0, prevTerm: 0, entries: old, commit: 0 });
  expect([a.node.status().lastIndex, a.has("persist")]).toEqual([3, false]);
  a.hear({ kind: "append", term: 2, prevIndex: 1, prevTerm: 1, entries: [command(2, 2)], commit: 0 });
  expect(a.node.status().lastIndex).toBe(2);
  expect(a.effects.find((effect) => effect.kind === "persist")?.truncateFrom).toBe(2);
});

test("a follower commits and confirms no further than it was shown to agree", () => {
  const a = new Solo(diskWith([1, 1, 1]));
  a.hear({ kind: "append", term: 2, prevIndex: 1, prevTerm: 1, entries: [], commit: 3 });
  expect(a.node.status().commitIndex).toBe(1);
  a.persist();
  expect(a.sent("append-ok").map((sent) => sent.message.matchIndex)).toEqual([1]);
});

test("old answers never move a follower's progress back, refused ones never forward", () => {
  const a = new Solo(diskWith([1, 1, 1])).lead().acknowledge();
  const { term } = a.node.status();
  const match = () => a.node.status().peers.find((peer) => peer.id === "b")?.matchIndex;
  expect(match()).toBe(4);
  a.hear({ kind: "append-ok", term, matchIndex: 2 });
  a.hear({ kind: "append-rejected", term, prevIndex: 3, hintIndex: 0, hintTerm: 0 });
  a.hear({ kind: "append-ok", term: term - 1, matchIndex: 9 });
  a.hear({ kind: "append-ok", term, matchIndex: 9 });
  expect(match()).toBe(4);
});

test("ABA: a late write of content that was replaced since does not count as durable", () => {
  const a = new Solo(diskWith([], 1));
  const append = (term: number, entryTerm: number) =>
    a.hear({ kind: "append", term, prevIndex: 0, prevTerm: 0, entries: [command(1, entryTerm)], commit: 0 });
  append(1, 1);
  append(2, 2);
  append(3, 1);
  a.persisted(1);
  expect(a.node.status().durableIndex).toBe(0);
  a.persisted(2);
  expect(a.node.status().durableIndex).toBe(0);
  a.persisted(3);
  expect(a.node.status().durableIndex).toBe(1);
});

test("a slow follower after compaction: the log keeps a tail, and a transfer holds compaction", () => {
  const a = new Solo(diskWith([]), { keepEntries: 2 }).lead().acknowledge();
  for (let ref = 1; ref <= 6; ref++) {
    a.step({ kind: "propose", ref, data: NO_DATA });
    a.acknowledge();
    a.step({ kind: "applied", index: a.node.status().commitIndex });
  }
  const { term, firstIndex, appliedIndex } = a.node.status();
  expect(appliedIndex - firstIndex + 1).toBeGreaterThanOrEqual(2);
  expect(firstIndex).toBeGreaterThan(2);
  a.hear({ kind: "heartbeat-reply", term, round: 0 }, "c");
  a.hear({ kind: "append-rejected", term, prevIndex: 0, hintIndex: 0, hintTerm: 0 }, "c");
  expect(a.node.status().peers.map((peer) => peer.state)).toEqual(["replicate", "snapshot"]);
  for (let ref = 7; ref <= 20; ref++) {
    a.step({ kind: "propose", ref, data: NO_DATA });
    a.acknowledge();
    a.step({ kind: "applied", index: a.node.status().commitIndex });
  }
  expect(a.node.status().firstIndex).toBe(firstIndex);
});

test("the uncommitted tail is bounded: proposals beyond it are refused, then taken again", () => {
  const a = new Solo(diskWith([]), { uncommittedMaxBytes: 10 }).lead().acknowledge();
  a.step({ kind: "propose", ref: 1, data: Buffer.alloc(8) });
  expect(a.step({ kind: "propose", ref: 2, data: Buffer.alloc(8) })).toEqual([
    { kind: "dropped", ref: 2, reason: "overloaded" },
  ]);
  a.acknowledge();
  a.step({ kind: "propose", ref: 3, data: Buffer.alloc(8) });
  expect(a.has("proposed")).toBe(true);
});

test("messages to a silent follower do not pile up", () => {
  const a = new Solo().lead().acknowledge();
  const data = Buffer.alloc(1024 * 1024);
  let bytes = 0;
  for (let ref = 1; ref <= 40; ref++) {
    a.step({ kind: "propose", ref, data });
    bytes += a.sent("append").filter((sent) => sent.to === "b").length * data.length;
  }
  expect(bytes).toBe(16 * 1024 * 1024);
});

test("entries are written before, or with, the word that they are applied", () => {
  const a = new Solo(diskWith([], 1));
  a.hear({ kind: "append", term: 1, prevIndex: 0, prevTerm: 0, entries: [command(1, 1)], commit: 1 });
  expect(a.effects.map((effect) => effect.kind)).toEqual(["compact", "persist", "commit", "role"]);
});

test("a config entry is in force when appended, and no longer when truncated", () => {
  const grown = JSON.stringify({
    version: 1,
    voters: ["a", "b", "c", "d"],
    outgoing: [],
    learners: [],
    featureLevel: 1,
  });
  const config = { index: 1, term: 1, kind: "config", data: Buffer.from(grown) } as const;
  const a = new Solo(diskWith([], 1));
  a.hear({ kind: "append", term: 1, prevIndex: 0, prevTerm: 0, entries: [config], commit: 0 });
  expect(a.node.status().membership.voters).toEqual(["a", "b", "c", "d"]);
  a.hear({ kind: "append", term: 2, prevIndex: 0, prevTerm: 0, entries: [command(1, 2)], commit: 0 }, "c");
  expect(a.node.status().membership.voters).toEqual(["a", "b", "c"]);
});

test("no clock jump decides anything: only the monotonic clock is read", () => {
  const a = new Solo(diskWith([1]));
  a.hear({ kind: "heartbeat", term: 1, commit: 0, round: 0 });
  const wild = a.node.step({ kind: "tick" }, { monotonicMs: a.nowMs, wallMs: 4e12 });
  expect(wild).toEqual([]);
});

test("a vote needs an up-to-date log even if the pre-vote was won", () => {
  const a = new Solo(diskWith([1, 2]));
  a.hear({ kind: "vote", term: 3, lastIndex: 9, lastTerm: 1, transfer: true });
  expect(a.node.status().term).toBe(3);
  a.persist();
  expect(a.sent("vote-reply")[0]?.message.granted).toBe(false);
  a.hear({ kind: "vote", term: 3, lastIndex: 2, lastTerm: 2, transfer: true }, "c");
  a.persist();
  expect(a.sent("vote-reply")[0]?.message.granted).toBe(true);
});

test("an earlier write's end does not count as the own vote's", () => {
  const a = new Solo(diskWith([], 1));
  a.hear({ kind: "append", term: 1, prevIndex: 0, prevTerm: 0, entries: [command(1, 1)], commit: 0 });
  a.hear({ kind: "timeout-now", term: 1 });
  a.hear({ kind: "vote-reply", term: 2, granted: true });
  a.persisted(1);
  expect(a.node.status().role).toBe("candidate");
  a.persisted(2);
  expect(a.node.status().role).toBe("leader");
});

test("an answer to a read of before a restart proves nothing to a read after it", () => {
  const [before, after] = [1, 2].map((seed) => new Solo(diskWith([1]), {}, seed));
  const contexts = [before, after].map((a) => {
    a?.hear({ kind: "heartbeat", term: 1, commit: 1, round: 0 });
    a?.step({ kind: "read-index", ref: 1 });
    return a?.sent("read-index")[0]?.message.context ?? 0;
  });
  const [old = 0, own = 0] = contexts;
  after?.hear({ kind: "read-index-reply", term: 1, context: old, index: 1 });
  expect(after?.has("read-ready")).toBe(false);
  after?.hear({ kind: "read-index-reply", term: 1, context: own, index: 1 });
  expect(after?.effects).toEqual([{ kind: "read-ready", ref: 1, index: 1 }]);
});

test("the membership that a member would begin with does not replace that of a transferred state", () => {
  const a = new Solo(diskWith([]));
  const membership = encodeMembership(bootstrapMembership(["a", "b", "c", "d"]));
  const chunk = { id: 1, sequence: 0, snapshot: { index: 4, term: 1, membership }, records: [], done: true };
  const heard = a.hear({ kind: "snapshot-chunk", term: 0, chunk });
  expect(heard.map(({ kind }) => kind)).toContain("stage-snapshot");
  // While the state is being written, and after that.
  a.hear({ kind: "heartbeat", term: 1, commit: 0, round: 1 });
  expect(a.effects.map(({ kind }) => kind)).toContain("persist");
  expect(a.has("compact")).toBe(false);
  a.step({ kind: "snapshot-staged", id: 1, sequence: 0 });
  a.hear({ kind: "append", term: 1, prevIndex: 4, prevTerm: 1, entries: [command(5, 1)], commit: 5 });
  expect(a.has("compact")).toBe(false);
  expect(a.node.status().membership.voters).toEqual(["a", "b", "c", "d"]);
});

test("a compaction writes the membership of a member whose disk lost the one it began with", () => {
  const a = new Solo(diskWith([1, 1, 1]), { keepEntries: 1 });
  a.hear({ kind: "append", term: 1, prevIndex: 3, prevTerm: 1, entries: [], commit: 3 });
  a.step({ kind: "applied", index: 3 });
  const [compact] = a.effects.flatMap((effect) => (effect.kind === "compact" ? [effect.snapshot] : []));
  expect(compact).toMatchObject({
    index: 2,
    membership: encodeMembership(bootstrapMembership(["a", "b", "c"])),
  });
  a.hear({ kind: "append", term: 1, prevIndex: 3, prevTerm: 1, entries: [command(4, 1)], commit: 3 });
  expect([a.has("persist"), a.has("compact")]).toEqual([true, false]);
});

test("a transferred state drops a log that does not hold its last entry, and keeps one that does", () => {
  for (const [snapshotTerm, lastIndex] of [
    [2, 2],
    [1, 3],
  ] as const) {
    const a = new Solo(diskWith([1, 1, 1], 2));
    const membership = encodeMembership(bootstrapMembership(["a", "b", "c"]));
    const snapshot = { index: 2, term: snapshotTerm, membership };
    const chunk = { id: 1, sequence: 0, snapshot, records: [], done: true };
    a.hear({ kind: "snapshot-chunk", term: 2, chunk });
    expect(a.has("stage-snapshot")).toBe(true);
    // Until the switch is durable, nothing is promised and nothing may change under it.
    a.hear({ kind: "append", term: 2, prevIndex: 1, prevTerm: 1, entries: [command(2, 2)], commit: 0 });
    expect(a.effects).toEqual([]);
    a.step({ kind: "snapshot-staged", id: 1, sequence: 0 });
    expect(a.sent("append-ok")[0]?.message.matchIndex).toBe(2);
    expect(a.node.status()).toMatchObject({ lastIndex, commitIndex: 2, appliedIndex: 2, firstIndex: 3 });
  }
});
