/** Ports for clusters that scripts start. */

/**
 * Ports are drawn below those that the system gives to whoever asks for any (Linux: from 32768 on): one
 * that is free now, but is bound later or again after a restart, must not go to a stranger meanwhile.
 */
const LOWEST = 10_000;
/** Below what agents offer to tasks unless they say otherwise: 31000-32000. */
const HIGHEST = 30_999;
/** One process gets each only once. */
const given = new Set<number>();
/** On Linux no other process that draws ports gets it either, as long as this one lives. */
const held: object[] = [];
const TRIES = 1_000;

/** `wanted` if nothing listens on it, else a port that nothing uses. */
export function freePort(wanted?: number): number {
  if (wanted !== undefined && isFree(wanted)) return wanted;
  for (let tries = 0; tries < TRIES; tries++) {
    const port = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST + 1));
    if (given.has(port) || !hold(port) || !isFree(port)) continue;
    given.add(port);
    return port;
  }
  throw new Error("Cannot find a free TCP port on 127.0.0.1: all of them are in use");
}

/**
 * Nobody listens on a port between its drawing and the start of what it was drawn for. An abstract socket
 * (unix(7)) says meanwhile that it is taken; it belongs to a network namespace, as ports do, and is gone
 * with its process, however that ends.
 */
function hold(port: number): boolean {
  if (process.platform !== "linux") return true;
  try {
    const holder = Bun.listen({ unix: `\0mesh-free-port-${port}`, socket: { data() {} } });
    holder.unref();
    held.push(holder);
    return true;
  } catch {
    return false;
  }
}

function isFree(port: number): boolean {
  try {
    Bun.listen({ hostname: "127.0.0.1", port, socket: { data() {} } }).stop(true);
    return true;
  } catch {
    return false;
  }
}
