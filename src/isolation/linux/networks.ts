/**
 * Networks that containers joined (those that share a namespace count as one,
 * see container-networks.ts), from the record before the first plugin is
 * called to the removal of that record when the last one has undone its work.
 *
 *     record -> namespace -> ADD … ADD -> record with results -> (runs)
 *        -> DEL … DEL -> namespace and files removed -> record removed
 *
 * Beside the records a container has a directory for as long as it lives,
 * `<runtime directory>/networks/<id>/`:
 *
 *     namespace      a mount of its network namespace
 *     hosts, hostname, resolv.conf, fstab      see network-script.ts
 */
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { NETWORK_DETACH_RETRY_MS, NETWORK_PLUGIN_GRACE_MS } from "../../base/limits.ts";
import type { Log } from "../../base/log.ts";
import { fail, ok, type Result } from "../../base/result.ts";
import type { NetworkInfo } from "../../model/v1/containers.ts";
import { type ContainerNetwork, type DefaultDns, interfaceName, readDns } from "../network.ts";
import type { Attachment } from "../network-call.ts";
import { hasCheck, type NetworkConfig, unmetRequest } from "../network-config.ts";
import { chooseDns, hostsFile, resolvConf } from "../network-files.ts";
import { missingAddress, networkInfo } from "../network-result.ts";
import { NETWORK_FILES, networkFstab } from "../network-script.ts";
import { readNetworks } from "./network-configs.ts";
import type { NetworkNamespaces } from "./network-namespace.ts";
import { absentPlugin, endPluginsOf, findPlugin, NetworkPlugins } from "./network-plugins.ts";
import { type JoinedNetwork, type NetworkRecord, NetworkRecords } from "./network-records.ts";
import { LoopTurns } from "./turns.ts";

export interface NetworkSettings {
  /** Absolute paths. */
  readonly pluginDirectories: readonly string[];
  /** Undefined: no container joins a network any more. */
  readonly configDirectory: string | undefined;
  /** Of the records; one that outlives a reboot where plugins' own notes do. */
  readonly recordDirectory: string;
  readonly defaultDns: readonly DefaultDns[];
}

export class Networks {
  readonly #settings: NetworkSettings;
  readonly #namespaces: NetworkNamespaces;
  readonly #directory: string;
  readonly #records: NetworkRecords;
  readonly #plugins = new NetworkPlugins();
  readonly #log: Log;
  readonly #joined = new Map<string, NetworkRecord>();
  /** Those that an earlier agent process wrote down. */
  readonly #inherited = new Set<string>();
  /** Its plugins, all of them together, may come to their ends until then. */
  readonly #patientUntilMs = performance.now() + NETWORK_PLUGIN_GRACE_MS;
  readonly #turns = new LoopTurns();
  readonly #leaving = new Map<string, Promise<Result<void>>>();
  readonly #checks = new Map<string, Promise<void>>();
  readonly #retries = new Map<string, ReturnType<typeof setTimeout>>();
  #closed = false;

  /** @param directory of what is kept beside the records, see {@link NETWORKS_DIRECTORY} */
  constructor(settings: NetworkSettings, namespaces: NetworkNamespaces, directory: string, log: Log) {
    this.#settings = settings;
    this.#namespaces = namespaces;
    this.#directory = directory;
    this.#log = log;
    this.#records = new NetworkRecords(settings.recordDirectory);
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const { problems, records } = this.#records.readAll();
    for (const reason of problems) log.error("What a container had of its networks may be left", { reason });
    for (const record of records) {
      this.#joined.set(record.containerId, record);
      this.#inherited.add(record.containerId);
    }
    // The record is written first and removed last.
    for (const id of readdirSync(directory)) if (!this.#joined.has(id)) this.#removeFiles(id);
  }

  /** Containers that joined networks, or began to. */
  ids(): string[] {
    return [...this.#joined.keys()];
  }

  has(containerId: string): boolean {
    return this.#joined.has(containerId);
  }

  /** All of its plugins are through. */
  isJoined(containerId: string): boolean {
    const record = this.#joined.get(containerId);
    return record?.networks.every(({ result }) => result !== undefined) === true;
  }

  namespacePath(containerId: string): string {
    return `${this.#directory}/${containerId}/${NETWORK_FILES.namespace}`;
  }

  /** As a status tells it; undefined for containers on the host's network. */
  infos(containerId: string): readonly NetworkInfo[] | undefined {
    return this.#joined
      .get(containerId)
      ?.networks.map(({ request, result }) => networkInfo(request, result ?? {}));
  }

  /** What opens sockets, run in the container's namespace. Throws when it has none. */
  within<T>(containerId: string, run: () => T): T {
    return this.#namespaces.within(this.namespacePath(containerId), run);
  }

  /** Makes the namespace and joins the networks. After an error nothing of it is left, or will be soon. */
  async join(containerId: string, wanted: ContainerNetwork, signal: AbortSignal): Promise<Result<void>> {
    // What an agent that died had begun.
    const left = await this.leave(containerId);
    if (!left.ok) return left;
    const planned = this.#plan(wanted);
    if (!planned.ok) return planned;
    const { hostname } = wanted;
    const { pluginDirectories } = this.#settings;
    const networks = planned.value;
    const record = { version: 1, containerId, hostname, pluginDirectories, networks } as const;
    const joined = await this.#carryOut(record, signal).catch((error: unknown) =>
      fail(error instanceof Error ? error.message : String(error)),
    );
    if (!joined.ok) await this.leave(containerId);
    return joined;
  }

  #plan({ networks }: ContainerNetwork): Result<JoinedNetwork[]> {
    const { configDirectory } = this.#settings;
    if (configDirectory === undefined) return fail("this agent knows no networks");
    const found = readNetworks(configDirectory);
    if (!found.ok) return found;
    const planned: JoinedNetwork[] = [];
    for (const [index, request] of networks.entries()) {
      const config = found.value.networks.get(request.name ?? "");
      const problem =
        config === undefined
          ? unknownNetwork(request, configDirectory, found.value.problems)
          : this.#unmet(config, request);
      if (config === undefined || problem !== undefined) return fail(problem ?? "");
      planned.push({ interfaceName: interfaceName(index), request, config });
    }
    return ok(planned);
  }

  #unmet(config: NetworkConfig, request: NetworkInfo): string | undefined {
    const path = this.#settings.pluginDirectories.join(":");
    const absent = config.plugins.find(({ type }) => findPlugin(path, type) === undefined);
    if (absent === undefined) return unmetRequest(config, request);
    return `cannot join the network "${config.name}": ${absentPlugin(path, absent.type)}`;
  }

  async #carryOut(record: NetworkRecord, signal: AbortSignal): Promise<Result<void>> {
    const { containerId } = record;
    await this.#write(record);
    // The kernel takes milliseconds for each.
    await this.#turns.next();
    mkdirSync(`${this.#directory}/${containerId}`, { mode: 0o700 });
    this.#namespaces.create(this.namespacePath(containerId));
    const networks: JoinedNetwork[] = [];
    for (const network of record.networks) {
      const { name } = network.config;
      const added = await this.#plugins.add(this.#attachment(record, network, true), signal);
      if (!added.ok) return fail(`cannot join the network "${name}": ${added.error}`);
      const missing = missingAddress(network.request, networkInfo(network.request, added.value));
      networks.push({ ...network, result: added.value });
      // What undoes it wants to know, should one of the others fail.
      const rest = record.networks.slice(networks.length);
      this.#joined.set(containerId, { ...record, networks: [...networks, ...rest] });
      if (missing === undefined) continue;
      return fail(
        `cannot join the network "${name}": it did not give the address ${missing} that is asked for`,
      );
    }
    const joined = { ...record, networks };
    this.#writeFiles(joined);
    await this.#write(joined);
    return signal.aborted ? fail("given up") : ok(undefined);
  }

  async #write(record: NetworkRecord): Promise<void> {
    this.#joined.set(record.containerId, record);
    await this.#records.write(record);
  }

  #attachment(record: NetworkRecord, network: JoinedNetwork, alive: boolean): Attachment {
    const { config, interfaceName, request } = network;
    const { containerId, pluginDirectories } = record;
    // Where they are now, before where they were.
    const directories = new Set([...this.#settings.pluginDirectories, ...pluginDirectories]);
    return {
      containerId,
      namespacePath: alive ? this.namespacePath(containerId) : undefined,
      interfaceName,
      config,
      request,
      recordPath: this.#records.path(containerId),
      pluginPath: [...directories].join(":"),
    };
  }

  #writeFiles({ containerId, hostname, networks }: NetworkRecord): void {
    const infos = networks.map(({ request, result }) => networkInfo(request, result ?? {}));
    const dns = chooseDns(
      networks.map(({ result }) => readDns(result?.["dns"])),
      networks.map(({ config }) => config.name),
      this.#settings.defaultDns,
    );
    const directory = `${this.#directory}/${containerId}`;
    const write = (name: string, content: string): void =>
      // Everybody in the container reads them.
      writeFileSync(`${directory}/${name}`, content, { mode: 0o644 });
    write(NETWORK_FILES.hosts, hostsFile(hostname, infos));
    write(NETWORK_FILES.hostname, `${hostname}\n`);
    if (dns !== undefined) write(NETWORK_FILES.resolvConf, resolvConf(dns));
    const { hosts, hostname: own, resolvConf: resolver } = NETWORK_FILES;
    const names = [hosts, own, ...(dns === undefined ? [] : [resolver])];
    // Nothing is made in the host's /etc for a container.
    const there = names.filter((name) => existsSync(`/etc/${name}`));
    write(NETWORK_FILES.fstab, networkFstab(directory, there));
  }

  /**
   * Gives back all that the container has of its networks; its processes must
   * be gone. What a plugin cannot undo now is tried again until it can.
   */
  leave(containerId: string): Promise<Result<void>> {
    const record = this.#joined.get(containerId);
    if (record === undefined) return Promise.resolve(ok(undefined));
    const underWay = this.#leaving.get(containerId);
    if (underWay !== undefined) return underWay;
    const leaving = this.#leave(record).finally(() => this.#leaving.delete(containerId));
    this.#leaving.set(containerId, leaving);
    return leaving;
  }

  async #leave(record: NetworkRecord): Promise<Result<void>> {
    const { containerId, networks } = record;
    clearTimeout(this.#retries.get(containerId));
    // Plugins are not called twice at once for one container.
    await this.#checks.get(containerId);
    if (this.#inherited.delete(containerId)) {
      await endPluginsOf(this.#records.path(containerId), this.#patientUntilMs);
    }
    const alive = this.#namespaces.exists(this.namespacePath(containerId));
    const problems: string[] = [];
    for (const network of networks.toReversed()) {
      const attachment = this.#attachment(record, network, alive);
      const removed = await this.#plugins.remove(attachment, network.result);
      if (!removed.ok) problems.push(`network "${network.config.name}": ${removed.error}`);
    }
    if (problems.length > 0) return this.#failed(containerId, problems.join("; "));
    await this.#turns.next();
    this.#removeFiles(containerId);
    this.#records.remove(containerId);
    this.#joined.delete(containerId);
    this.#retries.delete(containerId);
    return ok(undefined);
  }

  #failed(containerId: string, reason: string): Result<void> {
    if (!this.#retries.has(containerId)) {
      this.#log.error("Cannot give back a container's networks; trying again", { containerId, reason });
    }
    if (!this.#closed) {
      const again = setTimeout(() => void this.leave(containerId), NETWORK_DETACH_RETRY_MS);
      again.unref();
      this.#retries.set(containerId, again);
    }
    return fail(`cannot give back the networks of an earlier try: ${reason}`);
  }

  #removeFiles(containerId: string): void {
    this.#namespaces.remove(this.namespacePath(containerId));
    rmSync(`${this.#directory}/${containerId}`, { recursive: true, force: true });
  }

  /** Asks the plugins whether a recovered container still has its networks. It runs on either way. */
  check(containerId: string): void {
    const record = this.#joined.get(containerId);
    if (record === undefined) return;
    this.#checks.set(
      containerId,
      this.#check(record).finally(() => this.#checks.delete(containerId)),
    );
  }

  async #check(record: NetworkRecord): Promise<void> {
    const { containerId } = record;
    for (const network of record.networks) {
      const { config, result } = network;
      if (config.disableCheck || !hasCheck(config) || result === undefined) continue;
      const checked = await this.#plugins.check(this.#attachment(record, network, true), result);
      if (checked.ok) continue;
      const fields = { containerId, network: config.name, reason: checked.error };
      this.#log.warn("A network of a running container is not as it was set up", fields);
    }
  }

  close(): void {
    this.#closed = true;
    for (const retry of this.#retries.values()) clearTimeout(retry);
    this.#namespaces.close();
  }
}

function unknownNetwork(
  { name = "" }: NetworkInfo,
  configDirectory: string,
  problems: readonly string[],
): string {
  const where = `the files in "${configDirectory}" describe no network of that name`;
  const about = problems.length === 0 ? "" : `; ${problems.join("; ")}`;
  return `unknown CNI network "${name}": ${where}${about}`;
}
