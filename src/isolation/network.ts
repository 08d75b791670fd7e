/**
 * Networks of containers, as data. A container that names none shares the
 * host's. One that does gets a network namespace of its own, into which the
 * plugins of each network put an interface: `eth0` for the first it names,
 * `eth1` for the next. The plugins are those of the Container Network
 * Interface, https://www.cni.dev/docs/spec/ (versions 0.1.0 to 1.1.0).
 *
 * | file                     | job                                                 |
 * |--------------------------|-----------------------------------------------------|
 * | network-config.ts        | what the operator wrote of a network                |
 * | network-call.ts          | what a plugin is asked: environment and stdin       |
 * | network-result.ts        | what a plugin answered                              |
 * | network-files.ts         | /etc/hosts, hostname and resolv.conf of a container |
 * | network-script.ts        | how a container's shell makes use of it all         |
 * | linux/networks.ts        | carries it out, and never forgets what it joined    |
 */
import type { NetworkInfo } from "../model/v1/containers.ts";

/** What a container asks for. */
export interface ContainerNetwork {
  /** Each has a name, and no two the same. */
  readonly networks: readonly NetworkInfo[];
  readonly hostname: string;
  /** Id that stands for all containers that share the namespace, which is there as long as one of them. */
  readonly owner: string;
}

/** A JSON object of somebody else's making. */
export type Json = Readonly<Record<string, unknown>>;

export function isJson(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function interfaceName(index: number): string {
  return `eth${index}`;
}

/** As Mesos' ContainerDNSInfo: for containers that join the network, or any network when it has no name. */
export interface DefaultDns {
  readonly network: string | undefined;
  readonly dns: Dns;
}

/** As a CNI result and /etc/resolv.conf have it. */
export interface Dns {
  readonly nameservers: readonly string[];
  readonly domain: string | undefined;
  readonly search: readonly string[];
  readonly options: readonly string[];
}

/** Undefined where the object says nothing of name servers. */
export function readDns(value: unknown): Dns | undefined {
  if (!isJson(value)) return undefined;
  const texts = (name: string): string[] => {
    const list = value[name];
    return Array.isArray(list) ? list.filter((item): item is string => typeof item === "string") : [];
  };
  const domain = value["domain"];
  const dns: Dns = {
    nameservers: texts("nameservers"),
    domain: typeof domain === "string" && domain !== "" ? domain : undefined,
    search: texts("search"),
    options: texts("options"),
  };
  const { nameservers, search, options } = dns;
  const says = nameservers.length + search.length + options.length > 0 || dns.domain !== undefined;
  return says ? dns : undefined;
}
