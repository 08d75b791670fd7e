/** Follower: takes entries and heartbeats from the leader. */
import { AssertionError } from "../base/assert.ts";
import { askForLeadersEnd, isRepairing } from "./repair.ts";
import { becomeFollower } from "./role.ts";
import type { RaftState } from "./state.ts";
import type { LogEntry, PeerId, RaftMessage } from "./types.ts";

export function onAppend(raft: RaftState, from: PeerId, message: RaftMessage & { kind: "append" }): void {
  followLeader(raft, from);
  // The log is about to be replaced; the leader is told when it is.
  if (raft.install?.done === true) return;
  const { log } = raft;
  let { prevIndex, prevTerm, entries } = message;
  if (prevIndex < log.commitIndex) {
    // An old message. What is committed agrees anyway, and older terms may be compacted.
    entries = entries.filter((entry) => entry.index > log.commitIndex);
    prevIndex = Math.min(log.commitIndex, message.prevIndex + message.entries.length);
    if (entries.length === 0) {
      raft.send(from, { kind: "append-ok", term: raft.term, matchIndex: prevIndex });
      return;
    }
    prevTerm = log.termAt(prevIndex) ?? prevTerm;
  }
  if (log.termAt(prevIndex) !== prevTerm) {
    reject(raft, from, { ...message, prevIndex, prevTerm });
    return;
  }
  raft.install = null;
  addEntries(raft, entries);
  const matchIndex = prevIndex + entries.length;
  raft.commitTo(Math.min(message.commit, matchIndex));
  raft.send(from, { kind: "append-ok", term: raft.term, matchIndex });
}

export function onHeartbeat(
  raft: RaftState,
  from: PeerId,
  message: RaftMessage & { kind: "heartbeat" },
): void {
  followLeader(raft, from);
  // The leader names no index above what it knows to be on this disk; of lost entries it does not know yet.
  if (raft.install?.done !== true && !isRepairing(raft))
    raft.commitTo(Math.min(message.commit, raft.log.lastIndex));
  askForLeadersEnd(raft, from);
  const { term, featureLevel } = raft;
  raft.send(from, { kind: "heartbeat-reply", term, round: message.round, featureLevel });
}

function followLeader(raft: RaftState, from: PeerId): void {
  if (raft.role === "leader") {
    throw new AssertionError(`Two leaders in term ${raft.term}: ${raft.self} and ${from}`);
  }
  becomeFollower(raft, raft.term, from);
  raft.heardLeader(from);
}

/** Removes own entries only where one really differs: messages may come late, twice or out of order. */
function addEntries(raft: RaftState, entries: readonly LogEntry[]): void {
  for (const entry of entries) {
    const term = raft.log.termAt(entry.index);
    if (term === entry.term) continue;
    if (term !== undefined) raft.truncateFrom(entry.index);
    raft.appendEntry(entry);
  }
}

function reject(
  raft: RaftState,
  from: PeerId,
  { prevIndex, prevTerm, window }: RaftMessage & { kind: "append" },
): void {
  const hintIndex = raft.log.lastWithTermAtMost(prevIndex, prevTerm);
  const hintTerm = raft.log.termAt(hintIndex) ?? 0;
  raft.send(from, {
    kind: "append-rejected",
    term: raft.term,
    prevIndex,
    hintIndex,
    hintTerm,
    ...(isRepairing(raft) ? { lost: true } : {}),
    ...(window === undefined ? {} : { window }),
  });
}
