/** Messages and effects as one line of text, for golden scenarios and debug logs. */
import { decodeMembership } from "./membership.ts";
import type { LogEntry, Membership, RaftEffect, RaftMessage } from "./types.ts";

export function describeEntries(entries: readonly LogEntry[]): string {
  return `[${entries.map(describeEntry).join(" ")}]`;
}

/** "index/term" and the data if it is short text. */
export function describeEntry(entry: LogEntry): string {
  const place = `${entry.index}/${entry.term}`;
  if (entry.kind === "config") return `${place} {${describeMembership(decodeMembership(entry.data))}}`;
  if (entry.kind !== "command") return `${place} ${entry.kind}`;
  const text = new TextDecoder().decode(entry.data.subarray(0, 24));
  return /^[\w-]+$/.test(text) ? `${place} "${text}"` : `${place} ${entry.data.length}B`;
}

export function describeMessage(message: RaftMessage): string {
  const head = `${message.kind} term=${message.term}`;
  switch (message.kind) {
    case "pre-vote":
      return `${head} last=${message.lastIndex}/${message.lastTerm}`;
    case "vote":
      return `${head} last=${message.lastIndex}/${message.lastTerm}${message.transfer ? " transfer" : ""}`;
    case "pre-vote-reply":
    case "vote-reply":
      return `${head} ${message.granted ? "granted" : "refused"}`;
    case "append": {
      const entries = describeEntries(message.entries);
      return `${head} prev=${message.prevIndex}/${message.prevTerm} commit=${message.commit} ${entries}`;
    }
    case "append-ok":
      return `${head} match=${message.matchIndex}`;
    case "append-rejected":
      return `${head} prev=${message.prevIndex} hint=${message.hintIndex}/${message.hintTerm}`;
    case "heartbeat":
      return `${head} commit=${message.commit} round=${message.round}`;
    case "heartbeat-reply":
      return `${head} round=${message.round}`;
    case "timeout-now":
      return head;
    case "read-index":
      return `${head} context=${message.context}`;
    case "read-index-reply":
      return `${head} context=${message.context} index=${message.index ?? "refused"}`;
    case "snapshot-chunk": {
      const { snapshot, sequence, records, done } = message.chunk;
      const end = done ? " done" : "";
      return `${head} at=${snapshot.index}/${snapshot.term} #${sequence} ${records.length} records${end}`;
    }
    case "snapshot-reply":
      return `${head} wanted=${message.wanted}`;
  }
}

/** "a b&a c +d -e level=2": voters & outgoing, learners, removed. */
export function describeMembership(membership: Membership): string {
  const { voters, outgoing, learners, removed, featureLevel } = membership;
  const words = [voters.join(" ")];
  if (outgoing.length > 0) words.push(`& ${outgoing.join(" ")}`);
  for (const learner of learners) words.push(`+${learner}`);
  for (const peer of removed) words.push(`-${peer}`);
  if (featureLevel > 1) words.push(`level=${featureLevel}`);
  return words.join(" ");
}

export function describeEffect(effect: RaftEffect): string {
  switch (effect.kind) {
    case "persist": {
      const { hardState, truncateFrom, damageLastIndex } = effect;
      const state =
        hardState === undefined ? "" : ` term=${hardState.term} vote=${hardState.votedFor ?? "none"}`;
      const cut = truncateFrom === undefined ? "" : ` truncate=${truncateFrom}`;
      const damage = damageLastIndex === undefined ? "" : ` damage<=${damageLastIndex}`;
      return `persist #${effect.token}${state}${cut} ${describeEntries(effect.entries)}${damage}`;
    }
    case "send":
      return `send ${effect.to}: ${describeMessage(effect.message)}`;
    case "commit":
      return `commit ${describeEntries(effect.entries)}`;
    case "role":
      return `role ${effect.role} term=${effect.term} leader=${effect.leader ?? "none"}`;
    case "proposed":
      return `proposed ref=${effect.ref} ${effect.index}/${effect.term}`;
    case "dropped":
      return `dropped ref=${effect.ref} ${effect.reason}`;
    case "membership-changed":
      return `membership-changed ref=${effect.ref}`;
    case "change-refused":
      return `change-refused ref=${effect.ref} ${effect.reason}`;
    case "membership":
      return `membership ${describeMembership(effect.membership)}`;
    case "outdated":
      return `outdated level=${effect.featureLevel}`;
    case "transfer-failed":
      return `transfer-failed ${effect.reason}`;
    case "read-ready":
      return `read-ready ref=${effect.ref} index=${effect.index}`;
    case "read-entries":
      return `read-entries for ${effect.peer} ${effect.from}..${effect.to}`;
    case "read-snapshot":
      return `read-snapshot for ${effect.to} #${effect.sequence}`;
    case "close-snapshot":
      return `close-snapshot for ${effect.to}`;
    case "stage-snapshot":
      return `stage-snapshot ${effect.chunk.snapshot.index}/${effect.chunk.snapshot.term} #${effect.chunk.sequence}`;
    case "compact":
      return `compact ${effect.snapshot.index}/${effect.snapshot.term}`;
  }
}
