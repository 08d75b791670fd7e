/**
 * How a fresh cluster comes into being from --peers. The first of them in
 * alphabetical order waits until every other one answers that it knows of no
 * cluster, and only then opens one with the member ids they gave; the others
 * learn of it from the log. So an emptied directory never opens a second
 * cluster beside one that is there, and no master votes under an id of before.
 */
import type { Log } from "../base/log.ts";
import type { Hello } from "../io/link-hello.ts";
import type { Meeting } from "../io/link-listener.ts";
import type { LinkTls } from "../io/link-tls.ts";
import { askPeer } from "../io/peer-inquiry.ts";
import type { MemberPlace } from "../raft/types.ts";

const ASK_AGAIN_MS = 200;
/** Time between two log lines about masters that are waited for. */
export const REMIND_MS = 10_000;

export interface Founding {
  /** Member id of this master. */
  readonly self: string;
  readonly address: string;
  readonly peers: readonly string[];
  readonly cluster: string;
  /** Left out: links are plain TCP. */
  readonly tls?: LinkTls | undefined;
  readonly log: Log;
  /** Member ids for which others took this master, whose own is `self`. */
  readonly claims: Set<string>;
  /** Knows of no cluster yet. */
  blank(): boolean;
  wasRemoved(id: string): boolean;
  found(members: readonly MemberPlace[]): void;
}

/** Begins to look for the other masters, if it is this one's turn; the result ends it. */
export function startFounding(founding: Founding): () => void {
  const { peers, address, log } = founding;
  let stopped = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  if (peers.length <= 1 || [...peers].sort()[0] !== address) return () => {};
  let remindAtMs = performance.now() + ASK_AGAIN_MS;
  const look = async (): Promise<void> => {
    const outcome = await askAll(founding);
    if (stopped || !founding.blank()) return;
    if (outcome.kind === "members") {
      log.info("Opening a new cluster", {
        members: outcome.members.map((member) => member.address).join(","),
      });
      founding.found(outcome.members);
      return;
    }
    if (performance.now() >= remindAtMs) {
      remindAtMs = performance.now() + REMIND_MS;
      if (outcome.kind === "taken") log.error(outcome.reason);
      else log.warn("Waiting for all masters of --peers to open the cluster", { reason: outcome.reason });
    }
    timer = setTimeout(() => void look(), ASK_AGAIN_MS);
  };
  void look();
  return () => {
    stopped = true;
    clearTimeout(timer);
  };
}

type Outcome =
  | { readonly kind: "members"; readonly members: readonly MemberPlace[] }
  | { readonly kind: "waiting" | "taken"; readonly reason: string };

async function askAll({ self, address, peers, cluster, tls }: Founding): Promise<Outcome> {
  const others = peers.filter((peer) => peer !== address);
  const answers = await Promise.all(
    others.map((peer) => askPeer({ address: peer, cluster, from: self, peers, tls })),
  );
  const members: MemberPlace[] = [{ id: self, address }];
  for (const [at, answer] of answers.entries()) {
    const peer = others[at] ?? "";
    if (!answer.ok) return { kind: "waiting", reason: `${peer}: ${answer.error}` };
    if (!answer.value.blank) {
      return {
        kind: "taken",
        reason:
          `Cannot open a new cluster: '${peer}' is in one already, and the directory of this master is empty. ` +
          `If its disk was replaced: 'mesh raft remove ${address} --master HOST:5050' at a living master, ` +
          "then start this one with --join HOST:5050 instead of --peers",
      };
    }
    members.push({ id: answer.value.id, address: peer });
  }
  return { kind: "members", members };
}

/** What this master answers to the hello of another one. */
export function meet(founding: Founding, hello: Hello): Meeting {
  const { self, address, peers, log } = founding;
  if (hello.peers !== undefined && [...hello.peers].sort().join() !== [...peers].sort().join()) {
    const reason = `its --peers are '${hello.peers.join(",")}', but here they are '${peers.join(",")}'; start all masters of a new cluster with the same --peers`;
    return { ok: false, code: "other", reason };
  }
  if (founding.wasRemoved(hello.from)) {
    const reason = `member ${hello.from} was removed from the cluster; start it with an empty --data-dir and --join`;
    return { ok: false, code: "removed", reason };
  }
  if (hello.to !== undefined && hello.to !== self) {
    founding.claims.add(hello.to);
    const reason =
      `${address} is now member ${self}, not ${hello.to}: its directory was emptied or replaced. ` +
      `Run 'mesh raft remove ${hello.to}', then start it with --join, or 'mesh raft add' it`;
    log.error("The cluster takes this master for another member", { expected: hello.to, reason });
    return { ok: false, code: "wrong-member", reason };
  }
  return { ok: true, member: { id: self, blank: founding.blank() } };
}
