/** Ports for clusters that scripts start. */

/** `wanted` if nothing listens on it, else a port that the system picks. */
export function freePort(wanted = 0): number {
  for (const port of [wanted, 0]) {
    try {
      const listener = Bun.listen({ hostname: "127.0.0.1", port, socket: { data() {} } });
      const found = listener.port;
      listener.stop(true);
      return found;
    } catch {
      // In use: the system's choice is next.
    }
  }
  throw new Error("Cannot find a free TCP port on 127.0.0.1: all of them are in use");
}
