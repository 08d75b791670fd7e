/**
 * Holds containers to the disk they asked for (ISO-18, Mesos' isolator
 * disk/du): sandboxes and volumes are measured again and again, and a container
 * that has more than it may is ended.
 */
import type { SandboxPort, SandboxRun } from "../agent/port.ts";
import type { Log } from "../base/log.ts";
import type { MeasureDisk } from "../io/disk-usage.ts";
import { bytesText } from "../isolation/cgroup-memory.ts";
import type { Runtime } from "../isolation/runtime.ts";
import type { ResourceStatistics } from "../model/v1/statistics.ts";

interface Quota {
  readonly path: string;
  readonly bytes: number;
}

/** What a round does with what it measured. */
export interface DiskQuotaRules {
  /** Ends containers that have too much. */
  readonly ends: boolean;
  /** Persistent volumes are measured, too. */
  readonly volumes: boolean;
  /** What a directory is held to; what was asked for where it is left out or says nothing. */
  limitOf?(path: string): number | undefined;
}

/** Paths of what a container with images has written to its root and volumes. */
type WritableLayers = (containerId: string) => readonly string[];

export class DiskQuota {
  readonly #port: Pick<SandboxPort, "sandboxRuns">;
  readonly #runtime: Pick<Runtime, "kill">;
  readonly #measure: MeasureDisk;
  readonly #log: Log;
  readonly #writableLayers: WritableLayers;
  readonly #rules: DiskQuotaRules;
  #underWay: Promise<void> | undefined;
  /** By container id, of the last round. */
  #statistics: ReadonlyMap<string, Partial<ResourceStatistics>> = new Map();
  #exceeded = 0;

  constructor(
    port: Pick<SandboxPort, "sandboxRuns">,
    runtime: Pick<Runtime, "kill">,
    measure: MeasureDisk,
    log: Log,
    writableLayers: WritableLayers = () => [],
    rules: DiskQuotaRules = { ends: true, volumes: true },
  ) {
    this.#rules = rules;
    this.#writableLayers = writableLayers;
    this.#port = port;
    this.#runtime = runtime;
    this.#measure = measure;
    this.#log = log;
  }

  /** Measures all once; a round that takes longer than the time to the next one is not overtaken. */
  enforce(): Promise<void> {
    this.#underWay ??= this.#enforce().finally(() => {
      this.#underWay = undefined;
    });
    return this.#underWay;
  }

  /** Of the sandbox, as last measured; nothing for containers without a limit. */
  statistics(containerId: string): Partial<ResourceStatistics> | undefined {
    return this.#statistics.get(containerId);
  }

  metrics(): Readonly<Record<string, number>> {
    return { "mesh/agent/disk_limits_exceeded": this.#exceeded };
  }

  async #enforce(): Promise<void> {
    const runs = this.#port.sandboxRuns().filter(({ running }) => running);
    const limited = runs
      .map((run) => ({ run, quotas: quotasOf(run, this.#rules), layers: this.#layersOf(run) }))
      .filter(({ quotas }) => quotas.length > 0);
    const statistics = new Map<string, Partial<ResourceStatistics>>();
    try {
      const paths = limited.flatMap(({ quotas, layers }) => [...quotas.map(({ path }) => path), ...layers]);
      const measured = paths.length === 0 ? [] : await this.#measure([...new Set(paths)]);
      const usage = new Map(measured);
      for (const { run, quotas, layers } of limited) {
        const { containerId, sandbox } = run;
        // What it writes beside its sandbox, in its image's root, counts too.
        const beside = layers.reduce((sum, path) => sum + (usage.get(path) ?? 0), 0);
        if (beside > 0) usage.set(sandbox, (usage.get(sandbox) ?? 0) + beside);
        const own = quotas.find(({ path }) => path === sandbox);
        const used = usage.get(sandbox);
        if (own !== undefined && used !== undefined)
          statistics.set(containerId, { disk_limit_bytes: own.bytes, disk_used_bytes: used });
        const broken = quotas.find(({ bytes, path }) => (usage.get(path) ?? 0) > bytes);
        if (broken !== undefined && this.#rules.ends)
          await this.#end(run, broken, usage.get(broken.path) ?? 0);
      }
    } catch (error) {
      this.#log.error("Cannot measure what containers have on disk", { reason: String(error) });
    }
    this.#statistics = statistics;
  }

  #layersOf({ containerId, members = [containerId] }: SandboxRun): readonly string[] {
    return members.flatMap(this.#writableLayers);
  }

  async #end(run: SandboxRun, { bytes, path }: Quota, usedBytes: number): Promise<void> {
    const { containerId, members = [containerId] } = run;
    const message = `Disk usage (${bytesText(usedBytes)}) exceeds quota (${bytesText(bytes)})`;
    this.#log.warn("Ending a container that has too much on disk", { containerId, path, reason: message });
    this.#exceeded++;
    const limitation = { resource: "disk", usedBytes, limitBytes: bytes, message } as const;
    for (const id of members) {
      const killed = await this.#runtime.kill(id, limitation);
      // The next round tries again.
      if (!killed.ok) this.#log.error("Cannot kill a container", { containerId: id, reason: killed.error });
    }
  }
}

function quotasOf({ needs, sandbox }: SandboxRun, rules: DiskQuotaRules): Quota[] {
  const { diskBytes, volumes } = needs();
  // In a pod a sandbox is held by that of the pod.
  const own = diskBytes === 0 ? [] : [{ path: sandbox, bytes: rules.limitOf?.(sandbox) ?? diskBytes }];
  return rules.volumes ? [...own, ...volumes] : own;
}
