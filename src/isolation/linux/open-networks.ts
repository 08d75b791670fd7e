/** Whether containers can join networks here, found out by trying. */
import { existsSync, readdirSync } from "node:fs";
import type { Log } from "../../base/log.ts";
import { NETWORKS_DIRECTORY } from "../network-script.ts";
import type { Host } from "../tools.ts";
import { ContainerNetworks } from "./container-networks.ts";
import { readNetworks } from "./network-configs.ts";
import { NetworkNamespaces } from "./network-namespace.ts";
import { type NetworkSettings, Networks } from "./networks.ts";

export interface OpenedNetworks {
  /** With what containers can join, and what is missing for it. */
  readonly host: Host;
  readonly networks: ContainerNetworks | undefined;
}

/** Without settings of the operator there are networks only as long as containers are still in some. */
export function openNetworks(
  settings: NetworkSettings | undefined,
  host: Host,
  runtimeDirectory: string,
  log: Log,
): OpenedNetworks {
  const none = { host, networks: undefined };
  const wanted = settings?.configDirectory !== undefined;
  if (settings === undefined || (!wanted && !hasRecords(settings.recordDirectory))) return none;
  const directory = `${runtimeDirectory}/${NETWORKS_DIRECTORY}`;
  const opened = open(settings, host, directory, log);
  if (typeof opened === "string") {
    const missing = [...host.capabilities.missing, `networks: ${opened}`];
    return { ...none, host: { ...host, capabilities: { ...host.capabilities, missing } } };
  }
  const networks = new ContainerNetworks(opened);
  if (!wanted) return { host, networks };
  logNetworks(settings, log);
  return { host: { ...host, networks: directory }, networks };
}

function hasRecords(directory: string): boolean {
  return existsSync(directory) && readdirSync(directory).length > 0;
}

/** A string says why not. */
function open(settings: NetworkSettings, host: Host, directory: string, log: Log): Networks | string {
  const { namespaces } = host.capabilities;
  const needed = (["pid", "mount", "uts"] as const).find((kind) => !namespaces.includes(kind));
  if (needed !== undefined) return `tasks have no ${needed} namespace of their own here`;
  if (host.tools.nsenter === undefined) return "nsenter (util-linux) is not installed";
  if (host.tools.mount === undefined) return "mount (util-linux) is not installed";
  const opened = NetworkNamespaces.open();
  if (!opened.ok) return opened.error;
  const trial = `${directory}.trial`;
  try {
    opened.value.remove(trial);
    opened.value.create(trial);
    opened.value.remove(trial);
    return new Networks(settings, opened.value, directory, log);
  } catch (error) {
    opened.value.close();
    return error instanceof Error ? error.message : String(error);
  }
}

function logNetworks({ configDirectory = "" }: NetworkSettings, log: Log): void {
  const found = readNetworks(configDirectory);
  if (!found.ok) {
    log.warn("No networks for tasks", { reason: found.error });
    return;
  }
  const names = [...found.value.networks.keys()];
  log.info("Networks for tasks", { networks: names.join(",") || "none" });
  for (const reason of found.value.problems) log.warn("A network cannot be used", { reason });
}
