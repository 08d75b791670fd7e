/** Follower: takes over a leader's state, chunk by chunk, and switches to it at the end. */
import { becomeFollower } from "./role.ts";
import type { Install, RaftState } from "./state.ts";
import type { PeerId, RaftInput, RaftMessage } from "./types.ts";

export function onSnapshotChunk(
  raft: RaftState,
  from: PeerId,
  message: RaftMessage & { kind: "snapshot-chunk" },
): void {
  becomeFollower(raft, raft.term, from);
  raft.heardLeader(from);
  const { chunk } = message;
  // The switch is under way and cannot be taken back; its end is reported.
  if (raft.install?.done === true) return;
  if (chunk.snapshot.index <= raft.log.commitIndex) {
    raft.install = null;
    raft.send(from, { kind: "append-ok", term: raft.term, matchIndex: raft.log.commitIndex });
    return;
  }
  if (chunk.sequence === 0 && raft.install?.id !== chunk.id) {
    raft.install = { from, id: chunk.id, sequence: 0, staging: false, snapshot: chunk.snapshot, done: false };
  }
  const install = raft.install;
  if (install === null || install.id !== chunk.id) {
    raft.send(from, { kind: "snapshot-reply", term: raft.term, id: chunk.id, wanted: -1 });
  } else if (chunk.sequence !== install.sequence) {
    reply(raft, install);
  } else if (!install.staging) {
    install.staging = true;
    install.done = chunk.done;
    if (chunk.done) raft.dropBootstrap();
    raft.emit({ kind: "stage-snapshot", chunk });
  }
}

/** A chunk is stored; with the last one the new state is in force. */
export function snapshotStaged(raft: RaftState, input: RaftInput & { kind: "snapshot-staged" }): void {
  const { install } = raft;
  if (install === null || install.id !== input.id || install.sequence !== input.sequence) return;
  if (!install.done) {
    install.staging = false;
    install.sequence++;
    reply(raft, install);
    return;
  }
  raft.install = null;
  const { snapshot } = install;
  const keptLater = raft.log.install(snapshot.index, snapshot.term);
  raft.memberships.install(snapshot, keptLater);
  raft.durability.installed(snapshot.index, keptLater);
  raft.grownBytes = 0;
  raft.send(install.from, { kind: "append-ok", term: raft.term, matchIndex: snapshot.index });
}

function reply(raft: RaftState, install: Install): void {
  const wanted = install.sequence;
  raft.send(install.from, { kind: "snapshot-reply", term: raft.term, id: install.id, wanted });
}
