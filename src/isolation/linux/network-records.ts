/**
 * What is on disk about the networks that containers joined: one file for each
 * container, `<directory>/<id>`, written before the first plugin is called and
 * removed when the last one has undone its work. So nothing that a plugin took
 * (an address, a port of the host) is ever forgotten, whatever ends the agent.
 *
 * With the configuration as it was then: a network may have been changed or
 * removed since.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { open, rename } from "node:fs/promises";
import type { NetworkInfo } from "../../model/v1/containers.ts";
import type { Json } from "../network.ts";
import type { NetworkConfig } from "../network-config.ts";

export interface NetworkRecord {
  readonly version: 1;
  readonly containerId: string;
  readonly hostname: string;
  /** Where the plugins were. */
  readonly pluginDirectories: readonly string[];
  readonly networks: readonly JoinedNetwork[];
}

export interface JoinedNetwork {
  readonly interfaceName: string;
  readonly request: NetworkInfo;
  readonly config: NetworkConfig;
  /** Of the last plugin's ADD; absent until all are through. */
  readonly result?: Json;
}

/** Ending of a file that is being written. */
const DRAFT = ".new";

export class NetworkRecords {
  readonly #directory: string;

  /** Makes the directory. Throws what mkdir(2) says. */
  constructor(directory: string) {
    this.#directory = directory;
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  }

  path(containerId: string): string {
    return `${this.#directory}/${containerId}`;
  }

  /** All that can be read, and sentences about the others. A draft counts for nothing yet. */
  readAll(): { readonly records: readonly NetworkRecord[]; readonly problems: readonly string[] } {
    const records: NetworkRecord[] = [];
    const problems: string[] = [];
    for (const name of readdirSync(this.#directory)) {
      const path = this.path(name);
      if (name.endsWith(DRAFT)) {
        rmSync(path, { force: true });
        continue;
      }
      try {
        const record = JSON.parse(readFileSync(path, "utf8")) as NetworkRecord;
        if (record.version === 1 && record.containerId === name) records.push(record);
        else problems.push(`"${path}" is no record of this version of mesh`);
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        problems.push(`"${path}" cannot be read: ${reason}`);
      }
    }
    return { records, problems };
  }

  /** On disk when it resolves: some plugins keep what they gave away over a reboot. */
  async write(record: NetworkRecord): Promise<void> {
    const path = this.path(record.containerId);
    const file = await open(`${path}${DRAFT}`, "w", 0o600);
    try {
      await file.writeFile(JSON.stringify(record));
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(`${path}${DRAFT}`, path);
  }

  remove(containerId: string): void {
    rmSync(this.path(containerId), { force: true });
  }
}
