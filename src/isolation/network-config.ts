/**
 * A network as its operator describes it in a file: one plugin, or a list of
 * them (CNI specification, section 1). The plugin of Mesos that maps ports in
 * front of another one is taken as what it stands for: that other one, with
 * `portmap` behind it.
 */
import { fail, ok, type Result } from "../base/result.ts";
import type { NetworkInfo } from "../model/v1/containers.ts";
import { isJson, type Json } from "./network.ts";

export interface NetworkConfig {
  readonly name: string;
  readonly cniVersion: (typeof CNI_VERSIONS)[number];
  readonly disableCheck: boolean;
  /** In the order of ADD; at least one. */
  readonly plugins: readonly PluginConfig[];
}

export interface PluginConfig {
  /** File name of the program. */
  readonly type: string;
  /** Names of what the plugin wants to be told of each container. */
  readonly capabilities: readonly string[];
  /** As written, without what the two above hold. */
  readonly config: Json;
}

export const CNI_VERSIONS = [
  ...["0.1.0", "0.2.0", "0.3.0", "0.3.1"],
  ...["0.4.0", "1.0.0", "1.1.0"],
] as const;

/** Of a file that names none (specification 0.1.0 and 0.2.0, which did not ask for it). */
const OLDEST_VERSION = "0.2.0";

/** The plugin that Mesos ships (docs/cni.md, "A port-mapper CNI plugin"). */
const MESOS_PORT_MAPPER = "mesos-cni-port-mapper";

/** @param text of the file. The error says what is wrong with it, without its name. */
export function readNetworkConfig(text: string): Result<NetworkConfig> {
  let file: unknown;
  try {
    file = JSON.parse(text);
  } catch {
    return fail("it is no JSON");
  }
  if (!isJson(file)) return fail("it is no JSON object");
  const { name, cniVersion = OLDEST_VERSION, plugins } = file;
  if (typeof name !== "string" || !/^[A-Za-z0-9][A-Za-z0-9_.-]*$/.test(name)) {
    return fail(`its name ${JSON.stringify(name)} must be letters, digits, "_", "." and "-"`);
  }
  const version = CNI_VERSIONS.find((one) => one === cniVersion);
  if (version === undefined) {
    return fail(`its cniVersion ${JSON.stringify(cniVersion)} is none of ${CNI_VERSIONS.join(", ")}`);
  }
  const written = plugins === undefined ? chainOf(file) : plugins;
  if (!Array.isArray(written) || written.length === 0)
    return fail("its plugins must be a list that is not empty");
  const read: PluginConfig[] = [];
  for (const plugin of written as readonly unknown[]) {
    const one = readPlugin(plugin);
    if (!one.ok) return one;
    read.push(one.value);
  }
  // A string in configurations made by hand, as in those of the reference implementation.
  const disableCheck = file["disableCheck"] === true || file["disableCheck"] === "true";
  return ok({ name, cniVersion: version, disableCheck, plugins: read });
}

/** A file without a list is its only plugin. */
function chainOf(file: Json): readonly unknown[] {
  const { delegate } = file;
  if (file["type"] !== MESOS_PORT_MAPPER || !isJson(delegate)) return [file];
  return [delegate, { type: "portmap", capabilities: { portMappings: true }, snat: true }];
}

function readPlugin(plugin: unknown): Result<PluginConfig> {
  if (!isJson(plugin)) return fail("one of its plugins is no JSON object");
  const { type, capabilities, name, cniVersion, disableCheck, ...config } = plugin;
  if (typeof type !== "string" || !/^[A-Za-z0-9_.-]+$/.test(type) || type.startsWith(".")) {
    return fail(`the type ${JSON.stringify(type)} of a plugin is no plain file name`);
  }
  const wanted = isJson(capabilities) ? capabilities : {};
  return ok({
    type,
    capabilities: Object.keys(wanted).filter((key) => wanted[key] === true),
    config,
  });
}

/** CHECK came with 0.4.0, and with it DEL is told the result of ADD. */
export function hasCheck({ cniVersion }: NetworkConfig): boolean {
  return CNI_VERSIONS.indexOf(cniVersion) >= CNI_VERSIONS.indexOf("0.4.0");
}

/** Why the network cannot give what is asked of it; undefined when nothing tells so. */
export function unmetRequest(
  { name, plugins }: NetworkConfig,
  { port_mappings = [] }: NetworkInfo,
): string | undefined {
  if (port_mappings.length === 0) return undefined;
  if (plugins.some(({ capabilities }) => capabilities.includes("portMappings"))) return undefined;
  const wayOut = 'add {"type": "portmap", "capabilities": {"portMappings": true}} to its plugins';
  return `network "${name}" maps no ports: none of its plugins has the capability portMappings; ${wayOut}`;
}
