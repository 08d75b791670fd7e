/** The networks of this machine: files in a directory, read anew whenever one is asked for. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { NETWORK_CONFIG_MAX_BYTES } from "../../base/limits.ts";
import { fail, ok, type Result } from "../../base/result.ts";
import { type NetworkConfig, readNetworkConfig } from "../network-config.ts";

export interface FoundNetworks {
  /** By name, those that can be used. */
  readonly networks: ReadonlyMap<string, NetworkConfig>;
  /** Sentences about the files that cannot. */
  readonly problems: readonly string[];
}

/** As Mesos every file of the directory counts, whatever its ending; hidden ones do not. */
export function readNetworks(directory: string): Result<FoundNetworks> {
  const networks = new Map<string, NetworkConfig>();
  const files = new Map<string, string>();
  const problems: string[] = [];
  let names: string[];
  try {
    names = readdirSync(directory)
      .filter((name) => !name.startsWith("."))
      .sort();
  } catch (error) {
    return fail(`the directory of networks "${directory}" cannot be read: ${text(error)}`);
  }
  for (const name of names) {
    const path = `${directory}/${name}`;
    const config = readFile(path);
    if (config === undefined) continue;
    if (!config.ok) {
      problems.push(`the network in "${path}" cannot be used: ${config.error}`);
      continue;
    }
    const other = files.get(config.value.name);
    if (other === undefined) {
      files.set(config.value.name, path);
      networks.set(config.value.name, config.value);
    } else {
      networks.delete(config.value.name);
      problems.push(
        `network "${config.value.name}" stands in "${other}" and in "${path}"; remove one of them`,
      );
    }
  }
  return ok({ networks, problems });
}

/** Undefined for what is no file. */
function readFile(path: string): Result<NetworkConfig> | undefined {
  try {
    const stat = statSync(path);
    if (!stat.isFile()) return undefined;
    if (stat.size > NETWORK_CONFIG_MAX_BYTES)
      return fail(`it is longer than ${NETWORK_CONFIG_MAX_BYTES} bytes`);
    return readNetworkConfig(readFileSync(path, "utf8"));
  } catch (error) {
    return fail(text(error));
  }
}

function text(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
