/** What goes into a master's node and what comes out of it (node.ts). */
import type { PeerId, RaftEffect, RaftInput, RaftMessage } from "../raft/types.ts";
import type { DigestAlarm, DigestMessage } from "./digest-watch.ts";
import type { MasterAddress, MasterChange } from "./port.ts";
import type { AnswerRef, MasterEffect, MasterInput } from "./types.ts";
import type { WriteEffect } from "./write-batch.ts";

/** What masters send each other. Beside raft: how a follower learns the leader's HTTP address. */
export type PeerMessage =
  | RaftMessage
  /** To the leader: tell me your address. */
  | { readonly kind: "who-leads"; readonly term: number }
  | { readonly kind: "leader-address"; readonly term: number; readonly address: MasterAddress }
  | DigestMessage;

/** Raft inputs that come from outside; the node makes the others itself. */
export type RaftDriverInput = Exclude<
  RaftInput,
  { readonly kind: "message" | "propose" | "applied" | "read-index" | "change-membership" | "transfer" }
>;

/** A tick goes to raft and to the core: give one whenever `nextDeadlineMs()` passed. */
export type NodeInput =
  | RaftDriverInput
  | { readonly kind: "message"; readonly from: PeerId; readonly message: PeerMessage }
  /** All three end in an `answer`: 200 when it is done, or 403 and above with the reason. */
  | { readonly kind: "read-index"; readonly ref: AnswerRef }
  | { readonly kind: "change-membership"; readonly ref: AnswerRef; readonly change: MasterChange }
  /** `to`: id or raft address. Without `ref` nobody waits for the answer. */
  | { readonly kind: "transfer"; readonly ref?: AnswerRef; readonly to: string | null }
  | Exclude<
      MasterInput,
      { readonly kind: "tick" | "leadership-gained" | "leadership-lost" | "applied" | "proposal-dropped" }
    >;

/** To be carried out in the order given. */
export type NodeEffect =
  | WriteEffect
  | { readonly kind: "send"; readonly to: PeerId; readonly message: PeerMessage }
  | Extract<
      RaftEffect,
      {
        readonly kind:
          | "read-entries"
          | "read-snapshot"
          | "close-snapshot"
          | "stage-snapshot"
          | "membership"
          | "outdated";
      }
    >
  /** This master was taken out of the cluster. */
  | { readonly kind: "removed" }
  | DigestAlarm
  | Exclude<MasterEffect, { readonly kind: "propose" }>;
