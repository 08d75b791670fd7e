/** Ports for clusters that scripts start. */

/** The system may pick a port again once nothing listens on it: one process gets each only once. */
const given = new Set<number>();
const TRIES = 100;

/** `wanted` if nothing listens on it, else a port that the system picks. */
export function freePort(wanted = 0): number {
  for (const port of [wanted, ...Array<number>(TRIES).fill(0)]) {
    try {
      const listener = Bun.listen({ hostname: "127.0.0.1", port, socket: { data() {} } });
      const found = listener.port;
      listener.stop(true);
      if (port !== 0 || !given.has(found)) {
        given.add(found);
        return found;
      }
    } catch {
      // In use: the system's choice is next.
    }
  }
  throw new Error("Cannot find a free TCP port on 127.0.0.1: all of them are in use");
}
