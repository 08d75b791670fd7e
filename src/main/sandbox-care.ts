/** What an agent does for its sandboxes beside running tasks in them. */
import { statfsSync } from "node:fs";
import { type ContainerOutputs, containerOutputs } from "../agent/output-settings.ts";
import type { SandboxPort, SandboxRun } from "../agent/port.ts";
import { MeshError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { findDiskUsage, type MeasureDisk } from "../io/disk-usage.ts";
import { type OutputFile, OutputRotation } from "../io/output-rotation.ts";
import { SandboxGc } from "../io/sandbox-gc.ts";
import type { Runtime } from "../isolation/runtime.ts";
import type { ResourceStatistics } from "../model/v1/statistics.ts";
import { DiskQuota } from "./disk-quota.ts";
import type { SandboxSettings } from "./sandbox-flags.ts";

const LOOK_INTERVAL_MS = 1_000;
/** After the start, when the agent has taken up its tasks. */
const FIRST_LOOK_MS = 20;
/** How often at log files that grow so fast that they would be far beyond their limit by the next look. */
const HOT_LOOK_INTERVAL_MS = 100;

/** What setInterval can count. */
const TIMER_MAX_MS = 2 ** 31 - 1;

interface Projects {
  usage(directory: string): { readonly usedBytes: number; readonly limitBytes: number } | undefined;
}

export interface SandboxCareOptions {
  readonly port: SandboxPort;
  /** Absolute path. */
  readonly workDir: string;
  readonly runtime: Pick<Runtime, "kill" | "listOrphans">;
  readonly settings: SandboxSettings;
  readonly log: Log;
  /** Left out: containers write to their sandboxes alone. */
  readonly images?: { writableLayers(containerId: string): readonly string[] } | undefined;
  /** Quotas that hold containers to their disk; left out: none do. */
  readonly projects?: Projects | undefined;
  /** How often it looks at all sandboxes in use; left out: each second. */
  readonly lookIntervalMs?: number;
}

export class SandboxCare {
  readonly #options: SandboxCareOptions;
  readonly #gc: SandboxGc;
  readonly #rotation: OutputRotation;
  /** Absent: disk limits are not kept. */
  readonly #quota: DiskQuota | undefined;
  readonly #timers: (ReturnType<typeof setInterval> | ReturnType<typeof setTimeout>)[] = [];
  /** Sandboxes in use at the last look, by container id. */
  #inUse = new Map<string, InUse>();
  /** Log files that grow fast. */
  #hot: readonly OutputFile[] = [];
  #orphans: ReadonlySet<string> = new Set();

  constructor(options: SandboxCareOptions) {
    this.#options = options;
    const { images, log, port, runtime, settings, workDir } = options;
    if (options.projects !== undefined) {
      const ends = settings.projectQuotas?.kills === true;
      const { projects } = options;
      const limitOf = (path: string): number | undefined => projects.usage(path)?.limitBytes;
      const rules = { ends, volumes: true, limitOf };
      this.#quota = new DiskQuota(port, runtime, measureProjects(projects), log, undefined, rules);
    } else if (settings.diskQuotaIntervalMs !== undefined)
      this.#quota = new DiskQuota(
        port,
        runtime,
        measureDisk(),
        log,
        (id) => images?.writableLayers(id) ?? [],
      );
    this.#rotation = new OutputRotation(log);
    this.#gc = new SandboxGc({
      workDir,
      delayMs: settings.gcDelayMs,
      headroom: settings.gcDiskHeadroom,
      diskUse: () => diskUse(workDir),
      wallMs: () => Date.now(),
      holds: (id) => port.holdsContainer(id) || this.#orphans.has(id),
      tellEnds: () => this.#look(),
      log,
    });
  }

  /** What is known of a container's disk. */
  diskStatistics(containerId: string): Partial<ResourceStatistics> | undefined {
    return this.#quota?.statistics(containerId);
  }

  /** Once the agent has recovered its tasks, or soon will. */
  start(): void {
    const { lookIntervalMs = LOOK_INTERVAL_MS, settings } = this.#options;
    this.#each(lookIntervalMs, () => this.#look());
    // Those of tasks that ended while the agent was away are in use only until somebody hears of it.
    this.#timers.push(setTimeout(() => this.#look(), FIRST_LOOK_MS));
    this.#each(Math.min(lookIntervalMs, HOT_LOOK_INTERVAL_MS), () => this.#lookAtHot());
    this.#each(settings.diskWatchIntervalMs, () => void this.#sweep());
    if (settings.diskQuotaIntervalMs !== undefined)
      this.#each(settings.diskQuotaIntervalMs, () => void this.#quota?.enforce());
  }

  #each(intervalMs: number, work: () => void): void {
    this.#timers.push(setInterval(work, Math.min(intervalMs, TIMER_MAX_MS)));
  }

  async stop(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    await Promise.all([this.#gc.close(), this.#rotation.close()]);
  }

  metrics(): Readonly<Record<string, number>> {
    return { ...this.#gc.metrics(), ...this.#rotation.metrics(), ...this.#quota?.metrics() };
  }

  /** Its sandbox is looked at once more, also when its task began and ends between two looks. */
  exited(containerId: string): void {
    if (this.#inUse.has(containerId)) return;
    const run = this.#options.port.taskSandboxRun(containerId);
    if (run !== undefined) this.#inUse.set(containerId, this.#newlyInUse(run));
  }

  #look(): void {
    const inUse = new Map<string, InUse>();
    const hot: OutputFile[] = [];
    for (const run of this.#options.port.sandboxRuns()) {
      const known = this.#inUse.get(run.containerId) ?? this.#newlyInUse(run);
      inUse.set(run.containerId, known);
      for (const output of known.outputs) if (this.#lookAt(output)) hot.push(output.file);
    }
    for (const [containerId, { outputs, sandbox }] of this.#inUse) {
      if (inUse.has(containerId)) continue;
      // The last that it wrote may have been very much.
      for (const { file } of outputs) this.#rotation.lookLast(file);
      this.#rotation.forget(outputs.map(({ file }) => file.path));
      this.#gc.ended(sandbox);
    }
    this.#inUse = inUse;
    this.#hot = hot;
  }

  #newlyInUse({ sandbox, needs }: SandboxRun): InUse {
    const settings = containerOutputs(this.#options.settings.outputs, needs().loggerVariables);
    // One whose settings cannot be used is never launched.
    const outputs = settings.ok ? settings.value : undefined;
    const files = outputs === undefined ? [] : outputFiles(this.#options.workDir, sandbox, outputs);
    for (const { file } of files) this.#rotation.finish(file);
    return { sandbox, outputs: files };
  }

  /** Whether the file grows fast. */
  #lookAt(output: WatchedOutput): boolean {
    const sizeBytes = this.#rotation.look(output.file);
    const grownBytes = sizeBytes - output.sizeBytes;
    output.sizeBytes = sizeBytes;
    return sizeBytes + grownBytes > 2 * output.file.maxBytes;
  }

  #lookAtHot(): void {
    for (const file of this.#hot) this.#rotation.look(file);
  }

  async #sweep(): Promise<void> {
    const { log, runtime } = this.#options;
    try {
      // Containers that belong to no task may take their time to end.
      const orphans = new Set(await runtime.listOrphans());
      if ([...this.#orphans].some((id) => !orphans.has(id))) this.#gc.released();
      this.#orphans = orphans;
      await this.#gc.sweep();
    } catch (error) {
      log.error("Cannot look for old sandboxes; trying again later", { reason: String(error) });
    }
  }
}

interface WatchedOutput {
  readonly file: OutputFile;
  /** At the last look. */
  sizeBytes: number;
}

interface InUse {
  readonly sandbox: string;
  readonly outputs: readonly WatchedOutput[];
}

function outputFiles(root: string, sandbox: string, { stderr, stdout }: ContainerOutputs): WatchedOutput[] {
  return [
    { file: { path: `${sandbox}/stdout`, root, ...stdout }, sizeBytes: 0 },
    { file: { path: `${sandbox}/stderr`, root, ...stderr }, sizeBytes: 0 },
  ];
}

/** What is written beside sandboxes is of the same projects. */
function measureProjects(projects: Projects): MeasureDisk {
  return async (directories) => {
    const found = new Map<string, number>();
    for (const directory of directories) {
      const used = projects.usage(directory);
      if (used !== undefined) found.set(directory, used.usedBytes);
    }
    return found;
  };
}

function measureDisk(): MeasureDisk {
  const measure = findDiskUsage();
  if (measure !== undefined) return measure;
  const message =
    "Cannot keep --enforce-container-disk-quota: the program du (coreutils) is not there; install it";
  throw new MeshError("BAD_FLAG", message);
}

/** Share of bytes or inodes in use, whichever is more; as df(1), without what is set aside for root. */
function diskUse(directory: string): number {
  const { bavail, bfree, blocks, ffree, files } = statfsSync(directory);
  const used = blocks - bfree;
  const bytes = used === 0 ? 0 : used / (used + bavail);
  // Some file systems have no fixed number of inodes.
  const inodes = files === 0 ? 0 : 1 - ffree / files;
  return Math.max(bytes, inodes);
}
