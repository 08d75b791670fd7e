/** The drivers of a master's pump, and its words about them. */
import { MeshError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { Instant } from "../base/time.ts";
import type { MemberPlace, NodeStore, PeerMessage } from "./node.ts";

/** What the master sends other masters through; losing a message is harmless. */
export interface PeerSender {
  /** Who takes part from now on, this master among them. */
  setMembers?(members: readonly MemberPlace[]): void;
  send(to: string, message: PeerMessage): void;
}

export interface MasterDrivers {
  readonly store: NodeStore;
  readonly peers: PeerSender;
  now(): Instant;
  /** Processor time of this thread, from any start. */
  workMs(): number;
  /** Calls back once, not before the monotonic time; the result cancels. */
  wakeAt(monotonicMs: number, wake: () => void): () => void;
  /** Calls back soon, after sockets had their share. */
  soon(run: () => void): void;
  /** A UUID that was never used. */
  newUuid(): string;
  /** `system/…` metrics; they come from the machine. */
  systemMetrics(): Readonly<Record<string, number>>;
  readonly log: Log;
  /** An assertion failed inside a turn: the process is to end. */
  onFailure(error: unknown): void;
}

/** Logged once by a master that learns that it is no member any more. */
export const REMOVED =
  "This master was removed from the cluster: stop it, or start it with an empty --data-dir and --join";

/** Why a master cannot go on with a log of a newer version. */
export function outdated(featureLevel: number): MeshError {
  return new MeshError(
    "VERSION_TOO_OLD",
    `Cannot apply the cluster's log: it uses feature level ${featureLevel}; run a newer version of mesh on this machine`,
  );
}
