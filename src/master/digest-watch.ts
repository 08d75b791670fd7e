/**
 * Finds masters whose registry drifted apart, by bad memory or a bug. The
 * leader asks every member, now and then, for the digest of its registry at
 * one index; whoever differs from a majority is told and stops serving.
 *
 *   leader ── digest-ask(index) ──► each member
 *          ◄── digest-is(index, digest), once it has applied that much
 *          ── digest-verdict(index, digest of the majority) ──► who differs
 *
 * Only members of one feature level are compared: two builds may encode the
 * same record differently.
 */
import { DIGEST_HISTORY_MAX_ENTRIES } from "../base/limits.ts";
import { SECOND_MS } from "../base/time.ts";

const ROUND_INTERVAL_MS = 10 * SECOND_MS;
/** Members that did not answer are asked again: a new leader's first words often find no link yet. */
const ASK_AGAIN_MS = SECOND_MS;

export type DigestMessage =
  | { readonly kind: "digest-ask"; readonly index: number; readonly level: number }
  | { readonly kind: "digest-is"; readonly index: number; readonly level: number; readonly digest: string }
  | {
      readonly kind: "digest-verdict";
      readonly index: number;
      readonly level: number;
      readonly digest: string;
    };

export interface DigestSend {
  readonly kind: "send";
  readonly to: string;
  readonly message: DigestMessage;
}

/** Something to raise the alarm about. */
export interface DigestAlarm {
  readonly kind: "digest-alarm";
  readonly index: number;
  /** This master itself differs from the majority, and serves no longer. */
  readonly self: boolean;
  readonly differing: readonly string[];
}

/** The newest round of this master as leader. */
export interface DigestRound {
  readonly index: number;
  readonly members: number;
  readonly digests: ReadonlyMap<string, string>;
  /** Members that differ from the majority; all that answered if there is none. */
  readonly differing: readonly string[];
  /** Members that have not answered. */
  readonly unheard: readonly string[];
}

const NO_EFFECTS: readonly never[] = [];

/** A digest, or what it is made of. */
export interface DigestText {
  toString(): string;
}

interface Round {
  readonly index: number;
  readonly beganAtMs: number;
  readonly members: readonly string[];
  readonly digests: Map<string, string>;
}

export class DigestWatch {
  readonly #self: string;
  readonly #level: number;
  /** Digests after the newest entries, by index, ascending. */
  readonly #history = new Map<number, DigestText>();
  #newest = 0;
  #asked: { readonly from: string; readonly index: number } | undefined;
  #round: Round | undefined;
  #differing: readonly string[] = [];
  #nextRoundMs = 0;
  /** The round is of other members than there are now. */
  #outdated = false;
  #diverged = false;
  #effects: (DigestSend | DigestAlarm)[] = [];

  constructor(self: string, level: number) {
    this.#self = self;
    this.#level = level;
  }

  /** This master's registry differs from the majority's. */
  get diverged(): boolean {
    return this.#diverged;
  }

  get mismatches(): number {
    return Math.max(this.#differing.length, this.#diverged ? 1 : 0);
  }

  get round(): DigestRound | undefined {
    const round = this.#round;
    if (round === undefined) return undefined;
    const { index, members, digests } = round;
    return {
      index,
      members: members.length,
      digests,
      differing: this.#differing,
      unheard: unheard(round),
    };
  }

  /** To be called after each applied entry; the answer goes to a leader that waited for it. */
  applied(index: number, digest: DigestText): void {
    this.#history.set(index, digest);
    this.#newest = index;
    if (this.#history.size > DIGEST_HISTORY_MAX_ENTRIES) {
      const oldest = this.#history.keys().next();
      if (oldest.done !== true) this.#history.delete(oldest.value);
    }
    if (this.#asked === undefined || index < this.#asked.index) return;
    const { from, index: wanted } = this.#asked;
    this.#asked = undefined;
    this.#tell(from, wanted);
  }

  /** A transferred state took the place of the old one, and of its divergence. */
  installed(index: number, digest: DigestText): void {
    this.#history.clear();
    this.applied(index, digest);
  }

  /** The next round begins at once. */
  membersChanged(): void {
    this.#outdated = true;
    this.#nextRoundMs = 0;
  }

  /** Begins or goes on with a round if one is due; `members` with this one. Only for a leader. */
  ask(members: readonly string[], nowMs: number): void {
    if (nowMs < this.#nextRoundMs) return;
    const round = this.#currentRound(members, nowMs);
    if (round === undefined) {
      this.#nextRoundMs = nowMs + ROUND_INTERVAL_MS;
      return;
    }
    const missing = unheard(round);
    const endMs = round.beganAtMs + ROUND_INTERVAL_MS;
    this.#nextRoundMs = missing.length === 0 ? Math.max(endMs, nowMs + 1) : nowMs + ASK_AGAIN_MS;
    const message = { kind: "digest-ask", index: round.index, level: this.#level } as const;
    for (const to of missing) this.#effects.push({ kind: "send", to, message });
  }

  /** The one under way, or a new one; undefined if there is nothing new to compare. */
  #currentRound(members: readonly string[], nowMs: number): Round | undefined {
    const before = this.#round;
    const young = before !== undefined && nowMs < before.beganAtMs + ROUND_INTERVAL_MS;
    if (young && !this.#outdated) return before;
    const index = this.#newest;
    const own = this.#history.get(index);
    const unchanged = before?.index === index && unheard(before).length === 0 && !this.#outdated;
    if (own === undefined || members.length < 2 || unchanged) return undefined;
    this.#outdated = false;
    this.#round = {
      index,
      beganAtMs: nowMs,
      members: [...members],
      digests: new Map([[this.#self, String(own)]]),
    };
    return this.#round;
  }

  /** Monotonic time of the next round of a leader. */
  nextRoundMs(): number {
    return this.#nextRoundMs;
  }

  receive(from: string, message: DigestMessage): void {
    if (message.level !== this.#level) return;
    const { index } = message;
    if (message.kind === "digest-ask") {
      if (index <= this.#newest) this.#tell(from, index);
      else this.#asked = { from, index };
    } else if (message.kind === "digest-is") {
      this.#collect(from, index, message.digest);
    } else {
      const own = this.#history.get(index);
      if (own !== undefined && String(own) !== message.digest) this.#diverge(index);
    }
  }

  /** Messages and alarms since the last call. */
  takeEffects(): readonly (DigestSend | DigestAlarm)[] {
    if (this.#effects.length === 0) return NO_EFFECTS;
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  #tell(to: string, index: number): void {
    const digest = this.#history.get(index);
    if (digest === undefined) return;
    this.#effects.push({
      kind: "send",
      to,
      message: { kind: "digest-is", index, level: this.#level, digest: String(digest) },
    });
  }

  #collect(from: string, index: number, digest: string): void {
    const round = this.#round;
    if (round === undefined || round.index !== index || !round.members.includes(from)) return;
    round.digests.set(from, digest);
    const majority = majorityDigest(round.digests, round.members.length);
    if (majority === undefined) {
      const undecided = round.digests.size === round.members.length;
      this.#note(index, undecided ? [...round.digests.keys()] : []);
      return;
    }
    const differing = [...round.digests].filter(([, each]) => each !== majority).map(([member]) => member);
    this.#note(index, differing);
    const message = { kind: "digest-verdict", index, level: this.#level, digest: majority } as const;
    for (const to of differing) {
      if (to === this.#self) this.#diverge(index);
      else this.#effects.push({ kind: "send", to, message });
    }
  }

  #note(index: number, differing: readonly string[]): void {
    const news = differing.filter((member) => !this.#differing.includes(member) && member !== this.#self);
    this.#differing = differing;
    if (news.length > 0) this.#effects.push({ kind: "digest-alarm", index, self: false, differing: news });
  }

  #diverge(index: number): void {
    if (this.#diverged) return;
    this.#diverged = true;
    this.#effects.push({ kind: "digest-alarm", index, self: true, differing: [this.#self] });
  }
}

function unheard({ members, digests }: Round): string[] {
  return members.filter((member) => !digests.has(member));
}

function majorityDigest(digests: ReadonlyMap<string, string>, members: number): string | undefined {
  const counts = new Map<string, number>();
  for (const digest of digests.values()) {
    const count = (counts.get(digest) ?? 0) + 1;
    if (count * 2 > members) return digest;
    counts.set(digest, count);
  }
  return undefined;
}

export function isDigestMessage(message: { readonly kind: string }): message is DigestMessage {
  return message.kind === "digest-ask" || message.kind === "digest-is" || message.kind === "digest-verdict";
}
