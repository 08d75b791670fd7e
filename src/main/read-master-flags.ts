/** What the flags of `mesh master` say. */
import { MeshError } from "../base/errors.ts";
import type { LinkTls } from "../io/link-tls.ts";
import { DEFAULT_CLUSTER } from "../master/port.ts";
import type { DomainInfo } from "../model/v1/ids.ts";
import { domainOf } from "./domain-flag.ts";
import { type Flags, splitAddress } from "./flags.ts";
import { type FrameworkSettings, readFrameworkFlags } from "./framework-flags.ts";
import { ownHostname } from "./host-name.ts";
import { advertisedIp } from "./local-address.ts";
import { type FlagSettings, settingsOf } from "./master-settings.ts";
import { tlsOf } from "./tls-flags.ts";

export interface MasterFlags {
  readonly ip: string;
  readonly port: number;
  readonly raftPort: number;
  readonly advertise: string | undefined;
  /** Name that others are told; left out: the address. */
  readonly hostname?: string | undefined;
  readonly dataDir: string;
  readonly peers: readonly string[];
  readonly join: readonly string[];
  readonly cluster: string;
  /** Shown by /files as /master/log. */
  readonly logFile?: string | undefined;
  /** Left out: links are plain TCP. */
  readonly tls?: LinkTls | undefined;
  /** How long a new master without peers listens for a cluster that knows it; by default as is of use. */
  readonly aloneListenMs?: number | undefined;
  readonly settings: FlagSettings;
  readonly domain?: DomainInfo | undefined;
  readonly whitelist?: string | undefined;
  /** Left out: the defaults. */
  readonly frameworks?: FrameworkSettings;
  /** As /flags shows them; a `cluster` that is not the default stands there, too. */
  readonly effective: Readonly<Record<string, string>>;
  readonly directoryFlag: string;
}

/** Throws MeshError BAD_FLAG. */
export async function readMasterFlags(flags: Flags): Promise<MasterFlags> {
  refuseZooKeeper();
  flags.refuseEqualPorts("port", "raft-port");
  const read = plainFlags(flags);
  const hostname = await ownHostname(flags, masterIp(read));
  return { ...read, hostname, tls: await tlsOf(flags, "master") };
}

function plainFlags(flags: Flags): MasterFlags {
  return {
    ip: flags.ip("ip"),
    port: flags.port("port"),
    raftPort: flags.port("raft-port"),
    advertise: flags.optional("advertise") === undefined ? undefined : flags.addresses("advertise")[0],
    dataDir: flags.text("data-dir"),
    peers: flags.optional("peers") === undefined ? [] : flags.addresses("peers", 5060),
    join: flags.optional("join") === undefined ? [] : flags.addresses("join", 5050),
    cluster: flags.optional("cluster") ?? DEFAULT_CLUSTER,
    settings: settingsOf(flags),
    domain: domainOf(flags.optional("domain")),
    whitelist: flags.optional("whitelist"),
    frameworks: readFrameworkFlags(flags),
    effective: flags.effective(),
    directoryFlag: "--data-dir",
  };
}

/** The address that others are told. */
export function masterIp({ advertise, ip, peers }: Pick<MasterFlags, "advertise" | "ip" | "peers">): string {
  if (advertise !== undefined) return splitAddress(advertise).hostname;
  return advertisedIp(
    ip,
    peers.map((peer) => splitAddress(peer).hostname),
  );
}

/** An environment made for Mesos would otherwise open a cluster of each master alone. */
function refuseZooKeeper(): void {
  const name = ["MESOS_ZK", "MESOS_QUORUM"].find((one) => process.env[one] !== undefined);
  if (name === undefined) return;
  const message = `${name} is set, and mesh needs no ZooKeeper: unset it, and name all masters with --peers`;
  throw new MeshError("BAD_FLAG", message);
}
