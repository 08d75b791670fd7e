/** Flags of `mesh agent` about networks of containers, named as in Mesos. */
import { resolve } from "node:path";
import { type DefaultDns, isJson, type Json, readDns } from "../isolation/network.ts";
import { textOrFile } from "./flag-files.ts";
import { badFlag, type FlagSpec, type Flags } from "./flags.ts";

export const NETWORK_FLAGS: readonly FlagSpec[] = [
  {
    name: "network-cni-config-dir",
    value: "<dir>",
    description: "Directory of the networks that tasks can join (CNI); read anew for each task",
  },
  {
    name: "network-cni-plugins-dir",
    value: "<dir:…>",
    description: "Directories of the CNI plugins that these networks name",
  },
  {
    name: "default-container-dns",
    value: "<json>",
    description:
      "Name servers for tasks whose network names none, as Mesos' ContainerDNSInfo, or file:///path",
  },
];

export interface NetworkFlags {
  /** Absolute paths. */
  readonly pluginDirectories: readonly string[];
  /** Undefined: tasks join no networks. */
  readonly configDirectory: string | undefined;
  readonly defaultDns: readonly DefaultDns[];
}

/** Throws MeshError BAD_FLAG. */
export function readNetworkFlags(flags: Flags): NetworkFlags {
  const config = flags.optional("network-cni-config-dir");
  const plugins = flags.optional("network-cni-plugins-dir");
  if ((config === undefined) !== (plugins === undefined)) {
    const [given, missing] = config === undefined ? ["plugins", "config"] : ["config", "plugins"];
    const value = config ?? plugins ?? "";
    throw badFlag(`network-cni-${given}-dir`, value, `--network-cni-${missing}-dir beside it`);
  }
  const directories = (plugins ?? "").split(":").filter((path) => path !== "");
  if (plugins !== undefined && directories.length === 0) {
    throw badFlag("network-cni-plugins-dir", plugins, "directories such as /usr/lib/cni");
  }
  return {
    pluginDirectories: directories.map((path) => resolve(path)),
    configDirectory: config === undefined ? undefined : resolve(config),
    defaultDns: defaultDns(flags.optional("default-container-dns")),
  };
}

const DNS_FLAG = "default-container-dns";
const EXPECTED =
  'JSON like {"mesos": [{"network_mode": "CNI", "network_name": "web", "dns": {"nameservers": ["10.0.0.53"]}}]}';

/** Its part for Docker containers says nothing to mesh, which runs none. */
function defaultDns(value: string | undefined): readonly DefaultDns[] {
  const text = textOrFile(DNS_FLAG, value);
  if (text === undefined) return [];
  const { mesos = [] } = parse(text);
  if (!Array.isArray(mesos)) throw badFlag(DNS_FLAG, text, EXPECTED);
  const defaults = (mesos as readonly unknown[]).map((one) => {
    if (!isJson(one) || one["network_mode"] !== "CNI") throw badFlag(DNS_FLAG, text, EXPECTED);
    const { network_name: network } = one;
    const dns = readDns(one["dns"]);
    const named = network === undefined || typeof network === "string";
    if (dns === undefined || !named) throw badFlag(DNS_FLAG, text, EXPECTED);
    return { network, dns };
  });
  const names = defaults.map(({ network }) => network);
  if (new Set(names).size === names.length) return defaults;
  throw badFlag(DNS_FLAG, text, "each network_name once, and one entry without");
}

function parse(text: string): Json {
  try {
    const value: unknown = JSON.parse(text);
    if (isJson(value)) return value;
  } catch {
    // Told below.
  }
  throw badFlag(DNS_FLAG, text, EXPECTED);
}
