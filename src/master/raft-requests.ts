/**
 * Requests that end with raft: linearisable reads, changes of the membership,
 * handing over leadership. Each gets one HTTP-like answer.
 */
import type { ChangeRefusal, MembershipChange, TransferFailure } from "../raft/types.ts";
import type { AnswerRef } from "./types.ts";

export interface RequestAnswer {
  readonly kind: "answer";
  readonly ref: AnswerRef;
  readonly status: number;
  readonly body: string;
}

interface Refused {
  readonly status: number;
  text(member: string): string;
}

const REFUSED: Readonly<Record<ChangeRefusal, Refused>> = {
  "not-leader": { status: 503, text: () => "this master does not lead any more; ask the leader" },
  deposed: {
    status: 503,
    text: () => "leadership was lost meanwhile, and the change may still happen; look at 'mesh raft status'",
  },
  unsettled: { status: 503, text: () => "the leader has not committed an entry of its term yet; try again" },
  // It passes by itself, and the leader makes such changes of its own: after a new version, or a move.
  "change-under-way": { status: 503, text: () => "another change is under way; try again when it is done" },
  transferring: { status: 503, text: () => "leadership is being handed over; ask the new leader" },
  "already-member": { status: 409, text: (member) => `'${member}' is a member already` },
  "was-removed": {
    status: 409,
    text: (member) => `'${member}' was removed and its id is used up; start it with an empty --data-dir`,
  },
  "address-taken": {
    status: 409,
    text: (member) => `another member has the raft address of '${member}'; remove that one first`,
  },
  "too-many": { status: 409, text: () => "the cluster has as many masters as it can; remove one first" },
  "unknown-member": {
    status: 404,
    text: (member) => `no member has the id or address '${member}'; 'mesh raft status' lists them`,
  },
  "already-voter": { status: 409, text: (member) => `'${member}' votes already` },
  lags: {
    status: 409,
    text: (member) => `'${member}' has not caught up with the log; try again when 'mesh raft status' says so`,
  },
  "level-too-low": {
    status: 409,
    text: (member) => `'${member}' runs a version of mesh that is too old for this cluster; upgrade it first`,
  },
  "last-voter": { status: 409, text: (member) => `'${member}' is the only voter; promote another one first` },
};

const NOT_HANDED_OVER: Readonly<Record<TransferFailure, { readonly status: number; readonly text: string }>> =
  {
    "not-leader": { status: 503, text: "this master does not lead; ask the leader" },
    "no-target": {
      status: 409,
      text: "there is no such voter to hand over to; 'mesh raft status' lists them",
    },
    "timed-out": {
      status: 503,
      text: "the other master did not take over in time; this one goes on leading. Try again",
    },
  };

const UNPROVED = { status: 503, body: "No leader confirmed the read; try again" };

export class RaftRequests {
  /** Reads that raft has not answered yet, by raft's reference. */
  readonly #reads = new Map<number, AnswerRef>();
  /** Reads that may be served once an index is applied. */
  #ready: { readonly index: number; readonly answer: AnswerRef }[] = [];
  readonly #changes = new Map<number, { readonly answer: AnswerRef; readonly change: MembershipChange }>();
  #transfers: AnswerRef[] = [];

  read(ref: number, answer: AnswerRef): void {
    this.#reads.set(ref, answer);
  }

  change(ref: number, answer: AnswerRef, change: MembershipChange): void {
    this.#changes.set(ref, { answer, change });
  }

  transfer(answer: AnswerRef): void {
    this.#transfers.push(answer);
  }

  /** True while reads wait for entries to be applied. */
  get readsWait(): boolean {
    return this.#ready.length > 0;
  }

  readReady(ref: number, index: number): void {
    const answer = this.#reads.get(ref);
    this.#reads.delete(ref);
    if (answer !== undefined) this.#ready.push({ index, answer });
  }

  /** Undefined if `ref` is no read. */
  readDropped(ref: number): RequestAnswer | undefined {
    const answer = this.#reads.get(ref);
    this.#reads.delete(ref);
    if (answer === undefined) return undefined;
    return { kind: "answer", ref: answer, ...UNPROVED };
  }

  applied(index: number): RequestAnswer[] {
    const now = this.#ready.filter((read) => read.index <= index);
    this.#ready = this.#ready.filter((read) => read.index > index);
    return now.map(({ answer }) => ({ kind: "answer", ref: answer, status: 200, body: "" }));
  }

  /** No leader is known any more: what proved reads need may not come for long. */
  dropReady(): RequestAnswer[] {
    const waiting = this.#ready;
    this.#ready = [];
    return waiting.map(({ answer }) => ({ kind: "answer", ref: answer, ...UNPROVED }));
  }

  changed(ref: number): RequestAnswer[] {
    return this.#endChange(ref, () => ({ status: 200, body: "" }));
  }

  changeRefused(ref: number, reason: ChangeRefusal): RequestAnswer[] {
    return this.#endChange(ref, (change) => {
      const member = change.kind === "add-learner" ? change.member.address : change.id;
      const verb = { "add-learner": "add", promote: "promote", remove: "remove" }[change.kind];
      const { status, text } = REFUSED[reason];
      return { status, body: `Cannot ${verb} master '${member}': ${text(member)}` };
    });
  }

  transferFailed(reason: TransferFailure): RequestAnswer[] {
    const { status, text } = NOT_HANDED_OVER[reason];
    return this.#endTransfers(status, `Cannot hand over leadership: ${text}`);
  }

  /** Another master leads. */
  transferred(leader: string): RequestAnswer[] {
    return this.#endTransfers(200, leader);
  }

  #endTransfers(status: number, body: string): RequestAnswer[] {
    const waiting = this.#transfers;
    this.#transfers = [];
    return waiting.map((ref) => ({ kind: "answer", ref, status, body }));
  }

  #endChange(
    ref: number,
    answer: (change: MembershipChange) => Pick<RequestAnswer, "status" | "body">,
  ): RequestAnswer[] {
    const waiting = this.#changes.get(ref);
    this.#changes.delete(ref);
    return waiting === undefined ? [] : [{ kind: "answer", ref: waiting.answer, ...answer(waiting.change) }];
  }
}
