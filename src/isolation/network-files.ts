/** Files that tell a container of its network, as texts; they are seen in its /etc. */
import type { NetworkInfo } from "../model/v1/containers.ts";
import type { DefaultDns, Dns } from "./network.ts";

/** A host name as the kernel and resolvers take it (hostname(7)); 64 is the kernel's __NEW_UTS_LEN. */
export function isHostname(text: string): boolean {
  return text.length <= 64 && /^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/.test(text);
}

export function hostsFile(hostname: string, networks: readonly NetworkInfo[]): string {
  const own = networks
    .flatMap(({ ip_addresses = [] }) => ip_addresses)
    .flatMap(({ ip_address }) => (ip_address === undefined ? [] : [`${ip_address} ${hostname}`]));
  const local = ["127.0.0.1 localhost", "::1 localhost ip6-localhost ip6-loopback"];
  return `${[...local, ...own].join("\n")}\n`;
}

/**
 * What the networks' plugins said; else the operator's default, that of a
 * network by its name before that of all (Mesos --default_container_dns).
 */
export function chooseDns(
  results: readonly (Dns | undefined)[],
  names: readonly string[],
  defaults: readonly DefaultDns[],
): Dns | undefined {
  const said = results.filter((dns) => dns !== undefined);
  if (said.length > 0) return mergeDns(said);
  const named = names.flatMap((name) => defaults.filter(({ network }) => network === name));
  const chosen = named.length > 0 ? named : defaults.filter(({ network }) => network === undefined);
  return chosen.length === 0 ? undefined : mergeDns(chosen.map(({ dns }) => dns));
}

function mergeDns(all: readonly Dns[]): Dns {
  const each = (pick: (dns: Dns) => readonly string[]): string[] => [...new Set(all.flatMap(pick))];
  return {
    nameservers: each((dns) => dns.nameservers),
    domain: all.find((dns) => dns.domain !== undefined)?.domain,
    search: each((dns) => dns.search),
    options: each((dns) => dns.options),
  };
}

/** resolv.conf(5). */
export function resolvConf({ nameservers, domain, search, options }: Dns): string {
  const lines = [
    ...(domain === undefined ? [] : [`domain ${domain}`]),
    ...(search.length === 0 ? [] : [`search ${search.join(" ")}`]),
    ...(options.length === 0 ? [] : [`options ${options.join(" ")}`]),
    ...nameservers.map((address) => `nameserver ${address}`),
  ];
  return `${lines.join("\n")}\n`;
}
