/** Who listens on which TCP port, as the kernel tells (ISO-35, Mesos' isolator network/ports). */

/** TCP_LISTEN of include/net/tcp_states.h, as /proc/net/tcp writes it. */
const LISTEN = "0A";

/** Sockets that listen, by inode. @param text of /proc/net/tcp or /proc/net/tcp6 */
export function listeningSockets(text: string): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  for (const line of text.split("\n").slice(1)) {
    // sl, local address, remote address, state, queues, timer, retransmits, uid, timeout, inode.
    const fields = line.trim().split(/\s+/);
    const [, local = "", , state, , , , , , inode] = fields;
    const port = Number.parseInt(local.slice(local.lastIndexOf(":") + 1), 16);
    if (state === LISTEN && inode !== undefined && !Number.isNaN(port)) found.set(inode, port);
  }
  return found;
}

/** The socket of a link in /proc/<pid>/fd; undefined for other files. */
export function socketInode(link: string): string | undefined {
  return /^socket:\[(\d+)\]$/.exec(link)?.[1];
}

/** A range with both ends, as Mesos has them. */
export interface PortRange {
  readonly begin: number;
  readonly end: number;
}

export function isInRanges(port: number, ranges: readonly PortRange[]): boolean {
  return ranges.some(({ begin, end }) => begin <= port && port <= end);
}

/** The fewest ranges that hold exactly these ports. */
export function rangesOf(ports: readonly number[]): PortRange[] {
  const ranges: { begin: number; end: number }[] = [];
  for (const port of [...new Set(ports)].sort((a, b) => a - b)) {
    const last = ranges.at(-1);
    if (last !== undefined && last.end + 1 === port) last.end = port;
    else ranges.push({ begin: port, end: port });
  }
  return ranges;
}
