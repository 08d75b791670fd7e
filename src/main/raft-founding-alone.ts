/**
 * The first start of a master without --peers and --join opens a cluster of
 * its own. That is wrong for one whose disk was emptied while its cluster
 * lives on: the others still dial it, under the member id of before. So it
 * first listens for as long as they take to try again, and then waits for an
 * operator instead.
 */
import { type Founding, REMIND_MS } from "./raft-founding.ts";

/** Masters that cannot reach a member try again every 2 s at most (io/peer-links.ts). */
const LISTEN_MS = 3_000;
const LOOK_AGAIN_MS = 200;

export interface FoundingAlone extends Founding {
  /** Listens here; nobody else can dial a loopback address. */
  readonly ip: string;
  /** How long to listen for others; by default as long as is of use. */
  readonly listenMs?: number | undefined;
  /** Of the registry, once there is one. */
  clusterId(): string | undefined;
}

/** Opens the cluster, unless somebody knows this address; the result ends the attempt. */
export function startFoundingAlone(founding: FoundingAlone): () => void {
  const { self, address, log, ip, claims } = founding;
  const local = ip.startsWith("127.") || ip === "::1" || ip === "[::1]";
  const opensAtMs = performance.now() + (founding.listenMs ?? (local ? 0 : LISTEN_MS));
  let remindAtMs = 0;
  let opened = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const look = (): void => {
    const nowMs = performance.now();
    const [claim] = claims;
    if (claim !== undefined && !opened) {
      if (nowMs >= remindAtMs) {
        remindAtMs = nowMs + REMIND_MS;
        log.error(
          `Cannot open a new cluster: a cluster that is there knows ${address} as its member ${claim}, ` +
            `and the directory of this master is empty. If its disk was replaced: 'mesh raft remove ${claim} ` +
            "--master HOST:5050' at a living master, then start this one with --join HOST:5050",
        );
      }
    } else if (!opened && nowMs >= opensAtMs) {
      opened = true;
      founding.found([{ id: self, address }]);
    }
    const cluster = founding.clusterId();
    if (opened && cluster !== undefined) {
      const hint = `To join a cluster that is there, stop this master, empty its directory, and start it with --join HOST:5050`;
      const fields = { cluster, member: self, address, hint };
      if (local) log.info("Opened a new cluster of this master alone", fields);
      else log.warn("Opened a new cluster of this master alone", fields);
      return;
    }
    timer = setTimeout(
      look,
      opened ? LOOK_AGAIN_MS : Math.max(1, Math.min(LOOK_AGAIN_MS, opensAtMs - nowMs)),
    );
  };
  look();
  return () => clearTimeout(timer);
}
