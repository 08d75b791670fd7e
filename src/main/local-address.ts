/** Which address of this machine to tell others. */
import { networkInterfaces } from "node:os";

const ANY_ADDRESSES: ReadonlySet<string> = new Set(["0.0.0.0", "::", "[::]"]);

/**
 * `ip` as listened on if it is one address; else loopback when all `peers`
 * are on this machine, else the first other IPv4 address of an interface.
 */
export function advertisedIp(ip: string, peers: readonly string[]): string {
  if (!ANY_ADDRESSES.has(ip)) return ip;
  if (peers.length > 0 && peers.every(isLoopback)) return "127.0.0.1";
  for (const addresses of Object.values(networkInterfaces())) {
    const found = addresses?.find((one) => one.family === "IPv4" && !one.internal);
    if (found !== undefined) return found.address;
  }
  return "127.0.0.1";
}

function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname.startsWith("127.") || hostname === "[::1]";
}
