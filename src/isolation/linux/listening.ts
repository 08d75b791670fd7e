/** Ports on which containers listen, found without any help of theirs. */
import { readdir, readFile, readlink } from "node:fs/promises";
import { listeningSockets, socketInode } from "../listening-ports.ts";
import type { ProcessTable } from "./process-table.ts";
import { members, type Tracked } from "./tracked.ts";

/** Of containers on the host's network, by their ids. What ends meanwhile does not listen. */
export async function listeningPorts(
  table: ProcessTable,
  containers: readonly Tracked[],
): Promise<ReadonlyMap<string, readonly number[]>> {
  const sockets = new Map<string, number>();
  for (const file of ["/proc/self/net/tcp", "/proc/self/net/tcp6"]) {
    for (const [inode, port] of listeningSockets(await textOf(file))) sockets.set(inode, port);
  }
  const found = new Map<string, readonly number[]>();
  if (sockets.size === 0) return found;
  // Without cgroups each look for members would read the whole table again.
  const all = table.all();
  const snapshot = { ...table, all: () => all };
  // One after the other: thousands of processes must not take as many descriptors.
  for (const tracked of containers) {
    const { containerId, namespaces } = tracked.record;
    if (namespaces.includes("net")) continue;
    const ports = new Set<number>();
    for (const pid of members(snapshot, tracked)) {
      for (const port of await portsOf(pid, sockets)) ports.add(port);
    }
    if (ports.size > 0)
      found.set(
        containerId,
        [...ports].sort((a, b) => a - b),
      );
  }
  return found;
}

async function portsOf(pid: number, sockets: ReadonlyMap<string, number>): Promise<number[]> {
  const directory = `/proc/${pid}/fd`;
  const names = await readdir(directory).catch(() => []);
  const found: number[] = [];
  for (const name of names) {
    const link = await readlink(`${directory}/${name}`).catch(() => "");
    const port = sockets.get(socketInode(link) ?? "");
    if (port !== undefined) found.push(port);
  }
  return found;
}

async function textOf(path: string): Promise<string> {
  return await readFile(path, "utf8").catch(() => "");
}
