/**
 * What a plugin is asked (CNI specification, sections 2 and 3): parameters in
 * its environment, the rest as one JSON object on its stdin.
 *
 * What a framework said of the network travels in three ways: as `args` under
 * the key of Mesos, which its plugins read; as `args.cni` and as
 * `runtimeConfig`, which the common plugins read.
 */
import type { NetworkInfo } from "../model/v1/containers.ts";
import { isJson, type Json } from "./network.ts";
import { hasCheck, type NetworkConfig, type PluginConfig } from "./network-config.ts";

export type NetworkCommand = "ADD" | "DEL" | "CHECK";

/** One network of one container. */
export interface Attachment {
  readonly containerId: string;
  /** Undefined when the namespace is gone: DEL then frees what is outside of it. */
  readonly namespacePath: string | undefined;
  readonly interfaceName: string;
  readonly config: NetworkConfig;
  readonly request: NetworkInfo;
  /** Where the agent has written down that the container joins this network. */
  readonly recordPath: string;
  /** Directories in which plugins are looked up, the ones that plugins call among them. */
  readonly pluginPath: string;
}

export interface PluginCall {
  readonly type: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly input: string;
}

/** Our own variable: by it the plugins are found that a dead agent process started. */
export const RECORD_VARIABLE = "MESH_NETWORK_RECORD";

/** Of stout's os::host_default_path, which Mesos gives its plugins. */
const PLUGIN_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Plugins are undone in the opposite order. */
export function callOrder(command: NetworkCommand, config: NetworkConfig): readonly PluginConfig[] {
  return command === "DEL" ? config.plugins.toReversed() : config.plugins;
}

/** @param previous result of the plugin before it at ADD, and of ADD as a whole at DEL and CHECK */
export function pluginCall(
  command: NetworkCommand,
  attachment: Attachment,
  plugin: PluginConfig,
  previous: Json | undefined,
): PluginCall {
  const { config, containerId, interfaceName, namespacePath, pluginPath, request } = attachment;
  const withPrevious = previous !== undefined && (command === "ADD" || hasCheck(config));
  const runtimeConfig = runtimeConfigOf(plugin, request);
  const input = {
    ...plugin.config,
    cniVersion: config.cniVersion,
    name: config.name,
    type: plugin.type,
    args: argsOf(plugin.config["args"], request),
    ...(Object.keys(runtimeConfig).length === 0 ? {} : { runtimeConfig }),
    ...(withPrevious ? { prevResult: previous } : {}),
  };
  return {
    type: plugin.type,
    environment: {
      PATH: PLUGIN_PATH,
      CNI_COMMAND: command,
      CNI_CONTAINERID: containerId,
      CNI_NETNS: namespacePath ?? "",
      CNI_IFNAME: interfaceName,
      CNI_PATH: pluginPath,
      [RECORD_VARIABLE]: attachment.recordPath,
    },
    input: JSON.stringify(input),
  };
}

/** Conventions of https://github.com/containernetworking/cni/blob/main/CONVENTIONS.md. */
function runtimeConfigOf({ capabilities }: PluginConfig, request: NetworkInfo): Json {
  const ports = request.port_mappings ?? [];
  const ips = requestedAddresses(request);
  return {
    ...(capabilities.includes("portMappings") && ports.length > 0
      ? {
          portMappings: ports.map(({ host_port, container_port, protocol }) => ({
            hostPort: host_port,
            containerPort: container_port,
            // The common plugin knows lower case only.
            protocol: (protocol ?? "tcp").toLowerCase(),
          })),
        }
      : {}),
    ...(capabilities.includes("ips") && ips.length > 0 ? { ips } : {}),
  };
}

function argsOf(written: unknown, request: NetworkInfo): Json {
  const args = isJson(written) ? written : {};
  const ips = requestedAddresses(request);
  const labels = (request.labels?.labels ?? []).map(({ key, value }) => ({ key, value: value ?? "" }));
  const cni = {
    ...(isJson(args["cni"]) ? args["cni"] : {}),
    ...(ips.length === 0 ? {} : { ips }),
    ...(labels.length === 0 ? {} : { labels }),
  };
  return {
    ...args,
    ...(Object.keys(cni).length === 0 ? {} : { cni }),
    "org.apache.mesos": { network_info: request },
  };
}

function requestedAddresses({ ip_addresses = [] }: NetworkInfo): string[] {
  return ip_addresses.flatMap(({ ip_address }) => (ip_address === undefined ? [] : [ip_address]));
}
