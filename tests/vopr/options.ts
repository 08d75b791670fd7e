/**
 * The shape of one run, drawn from its seed: each run has its own cluster,
 * network, disks, clocks and kinds of faults, so that rare mixtures come up
 * too (swarm testing: Groce et al., ISSTA 2012).
 */
import { Random } from "../../src/base/random.ts";

export const FAULT_KINDS = [
  "power-loss",
  "kill",
  "all-power-loss",
  "pause",
  "partition",
  "one-way-partition",
  "clog",
  "peer-lost",
  "slow-disk",
  "stuck-disk",
  "full-disk",
  "write-error",
  "read-error",
  "bit-rot",
  "misdirected-write",
  "stale-sector",
  "lost-writes",
  "wall-clock-jump",
  "transfer",
  "membership",
  "wipe",
  "upgrade",
  "stranded-leader",
  "forgotten-entries",
  "joint-split",
] as const;

export type FaultKind = (typeof FAULT_KINDS)[number];

export interface NetworkOptions {
  readonly lossPercent: number;
  readonly repeatPercent: number;
  readonly latencyMinMs: number;
  readonly latencyMeanMs: number;
  /** Messages of one path may overtake each other. */
  readonly reorders: boolean;
  /** Messages pass through their wire form, as they do between real machines; slower. */
  readonly encoded: boolean;
}

export interface DiskOptions {
  readonly writeMaxMs: number;
  readonly readMaxMs: number;
  /** Chance that a removal of old keys, which is never synced, is forgotten when power fails. */
  readonly forgottenClearChance: number;
}

export interface RaftOptions {
  readonly electionTimeoutMs: number;
  readonly heartbeatMs: number;
  /** Log entries kept behind the applied index: few make compaction and state transfer common. */
  readonly keepEntries: number;
  /** Entry bytes in memory: few make reads from disk common. */
  readonly memoryMaxBytes: number;
  readonly uncommittedMaxBytes: number;
}

export interface VoprOptions {
  readonly members: number;
  /** Of the builds the cluster begins with. */
  readonly featureLevel: number;
  readonly clients: number;
  readonly keys: number;
  /** Mean pause of a client between two operations. */
  readonly thinkMeanMs: number;
  readonly readPercent: number;
  /** A client gives up an attempt after this time. */
  readonly attemptMs: number;
  readonly network: NetworkOptions;
  readonly disk: DiskOptions;
  readonly raft: RaftOptions;
  /** Bytes of one piece of a state transfer. */
  readonly chunkMaxBytes: number;
  /** Monotonic clocks run fast or slow by at most this part, until healing. */
  readonly driftMax: number;
  readonly faults: readonly FaultKind[];
  /** Mean time between two faults. */
  readonly faultMeanMs: number;
  /** Length of the safety phase. */
  readonly safetyMs: number;
  /**
   * Followers that refuse an append name a place earlier than they could, so
   * leaders send what is held already. A hint saves messages; nothing may
   * depend on it.
   */
  readonly vagueHints: boolean;
  /** Entry bytes a leader reads from its disk at once: few make messages that end amid a follower's log. */
  readonly readMaxBytes: number;
  /** Every other member is of a build that names no windows in its messages (src/raft/progress.ts). */
  readonly olderBuilds: boolean;
}

export function drawOptions(seed: number): VoprOptions {
  const random = new Random(seed * 2 + 1);
  const chance = random.pick([0.15, 0.4, 0.4, 0.7]);
  const electionTimeoutMs = random.pick([150, 300, 300]);
  return {
    members: random.pick([1, 2, 3, 3, 3, 3, 3, 4, 5, 5, 7]),
    featureLevel: random.between(1, 2),
    clients: random.between(2, 8),
    keys: random.between(1, 4),
    thinkMeanMs: random.pick([5, 20, 40, 150]),
    readPercent: random.pick([20, 50, 80]),
    attemptMs: random.pick([100, 400, 1_500]),
    network: {
      lossPercent: random.pick([0, 0, 0, 2, 10, 30]),
      repeatPercent: random.pick([0, 0, 5, 20, 50]),
      latencyMinMs: random.pick([0.1, 0.1, 1, 10]),
      latencyMeanMs: random.pick([0.3, 1, 5, 20, 50]),
      reorders: random.chance(0.5),
      encoded: random.chance(0.1),
    },
    disk: {
      writeMaxMs: random.pick([0, 1, 5, 20, 60]),
      readMaxMs: random.pick([0, 0, 5, 50]),
      forgottenClearChance: random.pick([0, 0, 0.3]),
    },
    raft: {
      electionTimeoutMs,
      heartbeatMs: random.pick([electionTimeoutMs / 5, electionTimeoutMs / 2]),
      keepEntries: random.pick([1, 3, 10, 1_000]),
      memoryMaxBytes: random.pick([10, 300, 1_000_000]),
      uncommittedMaxBytes: random.pick([150, 1_000_000, 1_000_000]),
    },
    chunkMaxBytes: random.pick([40, 200, 1_000_000]),
    driftMax: random.pick([0, 0, 0.01, 0.2, 0.6]),
    faults: FAULT_KINDS.filter(() => random.chance(chance)),
    faultMeanMs: random.pick([150, 500, 1_500]),
    safetyMs: random.between(3, 12) * 1_000,
    vagueHints: random.chance(0.4),
    readMaxBytes: random.pick([20, 100, 1_000_000]),
    olderBuilds: random.chance(0.15),
  };
}
