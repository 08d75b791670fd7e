/**
 * How a container with networks of its own makes use of them: its supervisor
 * starts in the network namespace, and its pid 1 takes the host name and
 * mounts the files that go with it over those of the host.
 */
import { present } from "../base/assert.ts";
import type { ContainerSpec } from "./container.ts";
import { isHostname } from "./network-files.ts";
import type { Host } from "./tools.ts";

/** Names in a container's directory below `<runtime directory>/networks/`. */
export const NETWORK_FILES = {
  namespace: "namespace",
  hosts: "hosts",
  hostname: "hostname",
  resolvConf: "resolv.conf",
  fstab: "fstab",
} as const;

export const NETWORKS_DIRECTORY = "networks";

/** What must be true of the machine for a container with networks. */
export function networkProblem({ network }: ContainerSpec, host: Host): string | undefined {
  if (network === undefined) return undefined;
  const { hostname, networks, owner } = network;
  const names = networks.map(({ name }) => JSON.stringify(name)).join(", ");
  if (host.networks === undefined) {
    return `Cannot join the network ${names}: this agent has none; start it as root with --network-cni-config-dir and --network-cni-plugins-dir`;
  }
  if (!isHostname(hostname)) {
    return `Cannot use the hostname ${JSON.stringify(hostname)}: it must be at most 64 letters, digits, "." and "-"`;
  }
  if (!/^[A-Za-z0-9_-][A-Za-z0-9_.-]*$/.test(owner)) {
    return `The owner "${owner}" of a network cannot be a file name; use letters, digits, "-", "_" and "."`;
  }
  return undefined;
}

/**
 * Lines of the container's pid 1, in namespaces of its own, while $1 is still
 * the path of its record: the network's directory stands beside it.
 * @param owner its name, which needs no quoting
 * @param otherwise what the script does when a line fails
 */
export function networkScript(owner: string, { tools }: Host, otherwise: string): string {
  const mount = present(tools.mount, "Networks are joined only with mount");
  return [
    `network="\${1%/containers/*}/${NETWORKS_DIRECTORY}/${owner}"`,
    `read -r hostname <"$network/${NETWORK_FILES.hostname}" ${otherwise}`,
    `echo "$hostname" >/proc/sys/kernel/hostname ${otherwise}`,
    `${mount} --all --fstab "$network/${NETWORK_FILES.fstab}" >&2 ${otherwise}`,
    "unset network hostname",
  ].join("\n");
}

/** Files that the container sees instead of the host's, as fstab(5): one mount(8) makes them all. */
export function networkFstab(directory: string, names: readonly string[]): string {
  return names.map((name) => `${escaped(`${directory}/${name}`)} /etc/${name} none bind 0 0\n`).join("");
}

/** As getmntent(3) reads fields. */
function escaped(path: string): string {
  return path.replaceAll(/[\\ \t\n#]/g, (one) => `\\${one.charCodeAt(0).toString(8).padStart(3, "0")}`);
}
