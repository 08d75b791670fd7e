import { MASTER_CAPABILITIES } from "../model/master-capabilities.ts";
import type { MasterInfo } from "../model/v1/frameworks.ts";
import type { MasterSettings } from "./types.ts";

/** This master as SUBSCRIBED events name it. */
export function masterInfo({ address, version }: MasterSettings): MasterInfo {
  return {
    id: address.id,
    ip: ipNumber(address.ip),
    port: address.port,
    pid: `master@${address.ip}:${address.port}`,
    hostname: address.hostname,
    version,
    address: { hostname: address.hostname, ip: address.ip, port: address.port },
    ...(address.domain === undefined ? {} : { domain: address.domain }),
    capabilities: MASTER_CAPABILITIES.map((type) => ({ type })),
  };
}

/** IPv4 in network byte order read as a little-endian number, as Mesos prints it; 0 for anything else. */
function ipNumber(ip: string): number {
  const parts = ip.split(".").map(Number);
  if (parts.length !== 4 || parts.some((part) => !(part >= 0 && part <= 255))) return 0;
  return parts.reduceRight((sum, part) => sum * 256 + part, 0);
}
