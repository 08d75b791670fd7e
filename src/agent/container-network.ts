/**
 * The network of a container: what its ContainerInfo asks for, and what
 * statuses tell of it (ISO-31, ISO-32; Mesos: isolators/network/cni).
 */
import { CONTAINER_NETWORKS_MAX } from "../base/limits.ts";
import { fail, ok, type Result } from "../base/result.ts";
import type { ContainerNetwork } from "../isolation/network.ts";
import { ownPart } from "../model/container-id.ts";
import type { ContainerInfo, NetworkInfo, NetworkInfoIPAddress } from "../model/v1/containers.ts";
import type { AgentConfig } from "./types.ts";

/** Undefined: it shares the host's. @param owner of the network: the container itself, or its pod */
export function containerNetwork(
  container: ContainerInfo | undefined,
  owner: string,
): Result<ContainerNetwork | undefined> {
  const infos = container?.network_infos ?? [];
  const hostname = container?.hostname;
  const networks = infos.filter(({ name }) => name !== undefined);
  if (networks.length === 0) {
    if (hostname !== undefined) return fail(unavailable(`the hostname "${hostname}"`));
    if (infos.some(({ port_mappings = [] }) => port_mappings.length > 0)) {
      return fail(unavailable("port mappings"));
    }
    return ok(undefined);
  }
  if (networks.length > CONTAINER_NETWORKS_MAX) {
    return fail(
      `the container asks for ${networks.length} networks; it can join ${CONTAINER_NETWORKS_MAX} at most`,
    );
  }
  const names = networks.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) return fail(`the container asks for the network "${twice}" twice; leave one out`);
  // As in Mesos the name of a host that nobody named is the container's id.
  return ok({ networks, hostname: hostname ?? ownPart(owner), owner });
}

function unavailable(what: string): string {
  return `the container asks for ${what} on the host's network, which is not there; name a network in its network_infos`;
}

/** For a ContainerStatus: of a container on the host's network the agent's addresses. */
export function networkInfos(
  { ip, ip6 }: AgentConfig,
  joined: readonly NetworkInfo[] | undefined,
): readonly NetworkInfo[] {
  if (joined !== undefined) return joined;
  const ip_addresses: NetworkInfoIPAddress[] = [{ protocol: "IPv4", ip_address: ip }];
  if (ip6 !== undefined) ip_addresses.push({ protocol: "IPv6", ip_address: ip6 });
  return [{ ip_addresses }];
}
