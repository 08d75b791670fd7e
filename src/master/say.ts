/** Lines that a master in trouble writes to its log. */
import { REQUEST_WAIT_MAX_MS } from "../base/limits.ts";
import type { Log } from "../base/log.ts";
import { regionOf } from "../model/regions.ts";
import type { DigestAlarm } from "./digest-watch.ts";
import type { Leadership, MasterAddress } from "./port.ts";

export function sayDigestAlarm(log: Log, { self, index, differing }: DigestAlarm): void {
  const text = self
    ? "The registry of this master differs from that of the majority: it serves no longer. Stop it, take it out with 'mesh raft remove' and add it again with an empty --data-dir"
    : "The registries of masters differ at the same index of the log: see 'mesh raft check'";
  log.error(text, { index, masters: differing.join(",") });
}

/** As src/raft/types.ts has them. */
const STEP_DOWN_TEXTS = {
  "newer-term": "another master was elected, or stands for election, in a later term",
  "no-quorum": "no majority of the masters answered for an election timeout",
  "handed-over": "leadership was handed over",
  unfit: "its disk is full or slow, or its registry differs from the others'",
  removed: "it was removed from the cluster",
};

/** Of the replicated log. */
interface Term {
  readonly term: number;
  readonly steppedDown: keyof typeof STEP_DOWN_TEXTS | null;
}

/** Says who leads, once for each change. */
export class LeadershipNews {
  readonly #log: Log;
  readonly #own: MasterAddress;
  // What was said last; the leader is another master.
  #kind: Leadership["kind"] | undefined;
  #recovered = false;
  #leaderId: string | undefined;

  constructor(log: Log, own: MasterAddress) {
    this.#log = log;
    this.#own = own;
  }

  tell(leadership: Leadership, status: () => Term): void {
    const leader = leadership.kind === "following" ? leadership.leader : undefined;
    const recovered = leadership.kind === "leading" && leadership.recovered;
    const same = leadership.kind === this.#kind && recovered === this.#recovered;
    if (same && leader?.id === this.#leaderId) return;
    const ledBefore = this.#recovered;
    this.#kind = leadership.kind;
    this.#recovered = recovered;
    this.#leaderId = leader?.id;
    const { term, steppedDown } = status();
    if (recovered) this.#log.info("This master leads", { term });
    else if (ledBefore && steppedDown !== null) {
      this.#log.warn("This master leads no longer", { term, why: STEP_DOWN_TEXTS[steppedDown] });
    }
    if (leader === undefined) return;
    const address = `${leader.hostname}:${leader.port}`;
    this.#log.info("Another master leads", { leader: address, term });
    const [region, leaderRegion] = [regionOf(this.#own.domain), regionOf(leader.domain)];
    if (region === leaderRegion) return;
    this.#log.error("Masters must be in one region: agents would be local to one and remote to another", {
      region: region ?? "none",
      leaderRegion: leaderRegion ?? "none",
      hint: "start all masters with a --domain of the same region",
    });
  }
}

/** To clients. */
export const DISK_FULL =
  "The disk of this master's data directory is full: nothing can be changed until there is room, or another master leads";

/** To clients that waited in vain. */
export function waitedInVain(diskIsFull: boolean): string {
  const why = diskIsFull ? DISK_FULL : "A majority of the masters may be away: see 'mesh raft status'";
  return `Nothing was committed for ${REQUEST_WAIT_MAX_MS / 1000} s. ${why}. The call may have taken effect or not`;
}

export function sayDiskFull(log: Log, full: boolean): void {
  if (full) {
    log.error(
      "The disk of the data directory is full: nothing is written until there is room, and another master is asked to lead",
    );
  } else {
    log.info("There is room on the disk of the data directory again");
  }
}
