/**
 * One master as a pure machine: raft, registry and master core joined.
 */

import type { StoreWrite } from "../raft/store.ts";
import type { PeerId, RaftEffect, RaftInput, RaftMessage } from "../raft/types.ts";
import type { MasterAddress } from "./port.ts";
import type { MasterEffect, MasterInput } from "./types.ts";

/** What masters send each other. Beside raft: how a follower learns the leader's HTTP address. */
export type PeerMessage =
  | RaftMessage
  /** To the leader: tell me your address. */
  | { readonly kind: "who-leads"; readonly term: number }
  | { readonly kind: "leader-address"; readonly term: number; readonly address: MasterAddress };

/** Raft inputs that come from outside; the node makes the others itself. */
export type RaftDriverInput = Exclude<
  RaftInput,
  { readonly kind: "message" | "propose" | "applied" | "read-index" }
>;

/** A tick goes to raft and to the core: give one whenever `nextDeadlineMs()` passed. */
export type NodeInput =
  | RaftDriverInput
  | { readonly kind: "message"; readonly from: PeerId; readonly message: PeerMessage }
  | Exclude<
      MasterInput,
      { readonly kind: "tick" | "leadership-gained" | "leadership-lost" | "applied" | "proposal-dropped" }
    >;

/**
 * All that one turn changes on disk, in one batch. Once it is durable the
 * driver answers `persisted{token}`; without a token nothing waits for it.
 */
export interface WriteEffect {
  readonly kind: "write";
  readonly token: number | undefined;
  readonly write: StoreWrite;
}

/** To be carried out in the order given. */
export type NodeEffect =
  | WriteEffect
  | { readonly kind: "send"; readonly to: PeerId; readonly message: PeerMessage }
  | Extract<
      RaftEffect,
      { readonly kind: "read-entries" | "read-snapshot" | "close-snapshot" | "stage-snapshot" }
    >
  | Exclude<MasterEffect, { readonly kind: "propose" }>;
