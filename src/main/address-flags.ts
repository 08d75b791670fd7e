/** Flags of `mesh agent` about its addresses, named as in Mesos but for `--advertise` (AGT-28). */
import { isIP, isIPv6 } from "node:net";
import { MeshError } from "../base/errors.ts";
import { badFlag, type FlagSpec, type Flags, parseAddress } from "./flags.ts";

const DEFAULT_IP = "0.0.0.0";
/** What a command may take that prints an address. */
const DISCOVERY_TIMEOUT_MS = 30_000;

export const ADDRESS_FLAGS: readonly FlagSpec[] = [
  { name: "ip", value: "<address>", description: "Address to listen on", default: DEFAULT_IP },
  {
    name: "ip-discovery-command",
    value: "<command>",
    description: "Run by the shell at the start, it prints the address to listen on; instead of --ip",
  },
  { name: "port", value: "<port>", description: "HTTP API of the agent", default: "5051" },
  {
    name: "advertise",
    value: "<host:port>",
    description: "How others reach the HTTP API; by default the address from which the master is reached",
  },
  {
    name: "advertise-ip",
    value: "<address>",
    description: "The same as Mesos has it: the address, with the port of --advertise-port",
  },
  { name: "advertise-port", value: "<port>", description: "Port beside it; --port unless given" },
  {
    name: "ip6",
    value: "<address>",
    description: "IPv6 address that the statuses of tasks on the machine's network tell too",
  },
];

export interface AddressFlags {
  readonly ip: string;
  readonly port: number;
  readonly advertise: string | undefined;
  /** Left out: tasks have none on the host's network. */
  readonly ip6?: string;
}

/** Throws MeshError BAD_FLAG. */
export function readAddressFlags(flags: Flags): AddressFlags {
  const ip6 = flags.optional("ip6");
  if (ip6 !== undefined && !isIPv6(ip6)) throw badFlag("ip6", ip6, "an IPv6 address without brackets");
  return {
    ip: readIp(flags),
    port: flags.port("port"),
    advertise: readAdvertise(flags),
    ...(ip6 === undefined ? {} : { ip6 }),
  };
}

function readIp(flags: Flags): string {
  const command = flags.optional("ip-discovery-command");
  const ip = flags.ip("ip");
  if (command === undefined) return ip;
  if (ip !== DEFAULT_IP) {
    throw badFlag("ip-discovery-command", command, `no --ip beside it, which is '${ip}'`);
  }
  const options = { stdin: "ignore", stdout: "pipe", stderr: "pipe", timeout: DISCOVERY_TIMEOUT_MS } as const;
  const run = Bun.spawnSync(["/bin/sh", "-c", command], options);
  const said = run.stdout.toString().trim();
  if (run.success && isIP(said) !== 0) return said;
  const status = run.exitCode ?? run.signalCode ?? "no status";
  const words = JSON.stringify(`${said} ${run.stderr.toString()}`.trim().slice(0, 200));
  throw badFlag(
    "ip-discovery-command",
    command,
    `a command that prints an IP address; it ended with ${status} and printed ${words}`,
  );
}

function readAdvertise(flags: Flags): string | undefined {
  const ip = flags.optional("advertise-ip");
  const port = flags.optional("advertise-port");
  const given = flags.optional("advertise") !== undefined;
  if (ip === undefined) {
    if (port !== undefined) throw badFlag("advertise-port", port, "--advertise-ip beside it");
    return given ? flags.addresses("advertise")[0] : undefined;
  }
  if (given) throw badFlag("advertise-ip", ip, "not --advertise beside it, which says the same");
  if (isIP(ip) === 0) throw badFlag("advertise-ip", ip, "an IP address");
  const host = isIPv6(ip) ? `[${ip}]` : ip;
  const address = parseAddress(`${host}:${flags.port(port === undefined ? "port" : "advertise-port")}`);
  if (address.ok) return address.value;
  throw new MeshError("BAD_FLAG", `Cannot advertise "${ip}": ${address.error}; give --advertise-port`);
}
