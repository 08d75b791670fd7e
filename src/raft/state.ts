/** Everything a raft member knows, and the few moves that all topic files share. */
import { assert } from "../base/assert.ts";
import {
  RAFT_LOG_KEEP_ENTRIES,
  RAFT_LOG_MEMORY_MAX_BYTES,
  RAFT_UNCOMMITTED_MAX_BYTES,
} from "../base/limits.ts";
import type { Random } from "../base/random.ts";
import { Durability } from "./durability.ts";
import { RaftLog } from "./log.ts";
import { bootstrapMembership, encodeMembership, isVoter, MembershipHistory, members } from "./membership.ts";
import type { Progress } from "./progress.ts";
import type {
  EntryKind,
  HardState,
  LogDamage,
  LogEntry,
  Membership,
  PeerId,
  RaftConfig,
  RaftEffect,
  RaftMessage,
  RaftRole,
  RestoredRaft,
  SnapshotMeta,
  StepDownReason,
} from "./types.ts";

const NO_EFFECTS: readonly RaftEffect[] = [];
const ELECTION_TIMEOUT_MS = 300;
const HEARTBEAT_MS = 75;

/** A read waiting for proof that this leader still leads. */
export interface WaitingRead {
  readonly index: number;
  /** The heartbeat round that proves it; 0 = none started yet. */
  round: number;
  /** Own read, or a follower's. */
  readonly origin:
    | { readonly kind: "own"; readonly ref: number }
    | { readonly kind: "peer"; readonly peer: PeerId; readonly context: number };
}

/** State transfer being received. */
export interface Install {
  readonly from: PeerId;
  readonly id: number;
  /** Sequence being stored, or wanted next. */
  sequence: number;
  staging: boolean;
  readonly snapshot: SnapshotMeta;
  done: boolean;
}

export class RaftState {
  readonly self: PeerId;
  readonly electionTimeoutMs: number;
  readonly heartbeatMs: number;
  readonly keepEntries: number;
  readonly featureLevel: number;
  /** Where this member is reached now, if the driver knows. */
  readonly ownAddress: string | undefined;
  readonly announceMembership: boolean;
  readonly uncommittedMaxBytes: number;
  readonly random: Random;
  readonly log: RaftLog;
  readonly durability: Durability;
  readonly memberships: MembershipHistory;
  role: "follower" | "pre-candidate" | "candidate" | "leader" = "follower";
  hardState: HardState;
  leader: PeerId | null = null;
  /** Monotonic time of the step under way. */
  nowMs = 0;
  effects: RaftEffect[] = [];

  // Follower and candidate.
  electionAtMs = 0;
  /** Votes are refused until then, since a leader was heard (thesis, section 4.2.3). */
  leaseUntilMs = Number.NEGATIVE_INFINITY;
  votes = new Map<PeerId, boolean>();
  /** A late tick was forgiven once already. */
  forgiven = false;
  install: Install | null = null;
  /** False while this member is not to lead. */
  eligible = true;
  /** Set until the log holds again what the disk lost. */
  damage: LogDamage | null;
  /** The newest question how far the leader's log goes (repair.ts), and when to ask again. */
  leadersEnd: { readonly context: number; readonly askAgainAtMs: number } | null = null;
  /** Another member said that this one was removed. */
  expelled = false;
  /** No voter itself, but refused a candidate that lacks entries of this log; until a leader is heard. */
  outlastsCandidate = false;
  /** Reads of this member forwarded to the leader: context -> ref. */
  forwardedReads = new Map<number, { readonly ref: number; readonly untilMs: number }>();
  /** Null before the first. */
  nextContext: number | null = null;

  // Leader.
  progress = new Map<PeerId, Progress>();
  heartbeatAtMs = 0;
  quorumCheckAtMs = 0;
  /** Index of the empty entry that opened the own term. */
  termStartIndex = 0;
  uncommittedBytes = 0;
  /** Own proposals that are not yet committed: index -> ref. */
  proposals = new Map<number, number>();
  reads: WaitingRead[] = [];
  /** Newest heartbeat round, and the one that waits for its quorum (0 = none). */
  round = 0;
  roundInFlight = 0;
  roundAcks = new Set<PeerId>();
  transfer: { readonly to: PeerId; readonly untilMs: number; ordered: boolean } | null = null;
  steppedDown: StepDownReason | null = null;
  /** Whom the newest membership left out. */
  leaving: readonly PeerId[] = [];
  /** Membership change that its driver waits for. */
  change: { readonly ref: number } | null = null;
  /** Newest time at which a stalled disk made this leader look for a successor. */
  stalledAtMs = Number.NEGATIVE_INFINITY;
  nextSnapshotId = 0;
  /** A follower may be in the middle of a state transfer. */
  mayTransfer = false;
  /** Entry bytes appended since the last compaction. */
  grownBytes = 0;
  /** A new cluster's membership is not on disk yet. */
  #bootstrap: SnapshotMeta | null = null;
  #announced: Extract<RaftEffect, { kind: "role" }> | null = null;
  #announcedMembership: Membership;
  #announcedLevel = 0;

  constructor(config: RaftConfig, restored: RestoredRaft, random: Random) {
    this.self = config.self;
    this.electionTimeoutMs = config.electionTimeoutMs ?? ELECTION_TIMEOUT_MS;
    this.heartbeatMs = config.heartbeatMs ?? HEARTBEAT_MS;
    assert(this.heartbeatMs * 2 <= this.electionTimeoutMs, "Two heartbeats must fit an election timeout");
    this.keepEntries = config.keepEntries ?? RAFT_LOG_KEEP_ENTRIES;
    this.ownAddress = config.addresses?.[config.self];
    this.featureLevel = config.featureLevel ?? 1;
    this.announceMembership = config.announceMembership ?? false;
    this.uncommittedMaxBytes = config.uncommittedMaxBytes ?? RAFT_UNCOMMITTED_MAX_BYTES;
    this.random = random;
    this.hardState = restored.hardState;
    this.damage = restored.damage ?? null;
    this.log = new RaftLog(restored, config.memoryMaxBytes ?? RAFT_LOG_MEMORY_MAX_BYTES);
    this.durability = new Durability(restored.lastIndex);
    let snapshot = restored.snapshot;
    if (snapshot.membership.length === 0) {
      assert(snapshot.index === 0, "A compacted log must come with its membership");
      const membership = bootstrapMembership(config.peers, config.addresses);
      snapshot = { ...snapshot, membership: encodeMembership(membership) };
      if (config.peers.length > 0) this.#bootstrap = snapshot;
    }
    this.memberships = new MembershipHistory(snapshot, restored.configEntries);
    this.#announcedMembership = this.membership;
  }

  /** Leader: newest entry that is known to be on a member's disk. */
  readonly matchOf = (peer: PeerId): number =>
    peer === this.self ? this.durability.durableIndex : (this.progress.get(peer)?.matchIndex ?? 0);

  get term(): number {
    return this.hardState.term;
  }

  get membership(): Membership {
    return this.memberships.current;
  }

  /**
   * May stand for election. One whose removal is not known to be committed
   * must: it may be the only one that holds the entry (thesis, section 4.2.2).
   * And so must one whose vote a candidate with an older log counts on, be it
   * for an entry that was never committed: neither may win without the other.
   * It does not count its own vote, and hands over as soon as it may.
   */
  get canLead(): boolean {
    if (this.expelled || this.outdated || !this.eligible) return false;
    if (this.outlastsCandidate) return true;
    return isVoter(this.membership, this.self) || isVoter(this.committedMembership, this.self);
  }

  get committedMembership(): Membership {
    return this.memberships.at(this.log.commitIndex);
  }

  /** This build cannot apply what the cluster may write. */
  get outdated(): boolean {
    return this.membership.featureLevel > this.featureLevel;
  }

  /** All other members. */
  get others(): PeerId[] {
    return members(this.membership).filter((peer) => peer !== this.self);
  }

  /** Role as the world sees it. */
  get publicRole(): RaftRole {
    if (this.expelled) return "removed";
    if (this.role !== "follower" || isVoter(this.membership, this.self)) return this.role;
    if (this.membership.learners.includes(this.self)) return "learner";
    if (this.canLead) return this.role;
    const { removed } = this.membership;
    const was = removed.includes(this.self) || this.memberships.everHad(this.self);
    return was ? "removed" : "joining";
  }

  /** True once the own term's first entry is committed: older terms' entries are then settled too. */
  get termCommitted(): boolean {
    return this.role === "leader" && this.log.commitIndex >= this.termStartIndex;
  }

  emit(effect: RaftEffect): void {
    this.effects.push(effect);
  }

  /** A transferred state or a compaction writes a membership that the one to begin with must not replace. */
  dropBootstrap(): void {
    this.#bootstrap = null;
  }

  /** Opens a new cluster with the membership given. */
  found(membership: Membership): void {
    const snapshot = { index: 0, term: 0, membership: encodeMembership(membership) };
    this.memberships.install(snapshot, false);
    this.#bootstrap = snapshot;
  }

  setHardState(hardState: HardState): void {
    const { term, votedFor } = this.hardState;
    assert(hardState.term >= term, `Term ${hardState.term} goes back behind ${term}`);
    assert(
      hardState.term > term || votedFor === null || votedFor === hardState.votedFor,
      `A second vote in term ${term}`,
    );
    if (hardState.term === term && votedFor === hardState.votedFor) return;
    this.hardState = hardState;
    this.durability.setHardState(hardState);
  }

  appendEntry(entry: LogEntry): void {
    this.log.append(entry);
    this.durability.append(entry);
    this.grownBytes += entry.data.length;
    if (entry.kind === "config") this.memberships.append(entry);
  }

  /** A leader's own new entry. */
  appendOwn(kind: EntryKind, data: Uint8Array): LogEntry {
    assert(this.role === "leader", "Only a leader creates entries");
    const entry = { index: this.log.lastIndex + 1, term: this.term, kind, data };
    this.appendEntry(entry);
    this.uncommittedBytes += data.length;
    return entry;
  }

  truncateFrom(index: number): void {
    this.log.truncateFrom(index);
    this.durability.truncateFrom(index);
    this.memberships.truncateFrom(index);
  }

  /** Raises the commit index and hands the entries to the state machine. */
  commitTo(index: number): void {
    if (this.outdated) return;
    const entries = this.log.commitTo(index);
    if (entries.length === 0) return;
    for (const entry of entries) {
      this.proposals.delete(entry.index);
      if (this.role === "leader") this.uncommittedBytes -= entry.data.length;
    }
    this.emit({ kind: "commit", entries });
  }

  armElection(): void {
    this.electionAtMs =
      this.nowMs + this.random.between(this.electionTimeoutMs, 2 * this.electionTimeoutMs - 1);
  }

  /** A current leader was heard. */
  heardLeader(leader: PeerId): void {
    this.leader = leader;
    this.forgiven = false;
    this.outlastsCandidate = false;
    this.leaseUntilMs = this.nowMs + this.electionTimeoutMs;
    this.armElection();
  }

  send(to: PeerId, message: RaftMessage): void {
    this.durability.send(to, message, promisesOf(message));
  }

  /** Ends a step and returns its effects. */
  finish(): readonly RaftEffect[] {
    const { effects } = this;
    this.durability.flush(effects, this.nowMs);
    if (this.#bootstrap !== null && effects.some((effect) => effect.kind === "persist")) {
      effects.unshift({ kind: "compact", snapshot: this.#bootstrap });
      this.#bootstrap = null;
    }
    const { publicRole, term, leader } = this;
    const before = this.#announced;
    if (publicRole !== before?.role || term !== before.term || leader !== before.leader) {
      this.#announced = { kind: "role", role: publicRole, term, leader };
      effects.push(this.#announced);
    }
    this.#announceMembership(effects);
    if (effects.length === 0) return NO_EFFECTS;
    this.effects = [];
    return effects;
  }

  #announceMembership(effects: RaftEffect[]): void {
    const { membership } = this;
    if (membership !== this.#announcedMembership) {
      this.#announcedMembership = membership;
      effects.push({ kind: "membership", membership });
    }
    if (this.outdated && membership.featureLevel !== this.#announcedLevel) {
      this.#announcedLevel = membership.featureLevel;
      effects.push({ kind: "outdated", featureLevel: membership.featureLevel });
    }
  }
}

function promisesOf(message: RaftMessage): "nothing" | "term" | "all" {
  switch (message.kind) {
    case "pre-vote":
    case "append":
    case "heartbeat":
    case "timeout-now":
    case "read-index":
    case "read-index-reply":
    case "snapshot-chunk":
      return "nothing";
    case "pre-vote-reply":
    case "append-rejected":
    case "heartbeat-reply":
    case "snapshot-reply":
      return "term";
    case "vote":
    case "vote-reply":
    case "append-ok":
      return "all";
  }
}
