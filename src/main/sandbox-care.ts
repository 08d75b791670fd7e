/** What an agent does for its sandboxes beside running tasks in them. */
import { statfsSync } from "node:fs";
import type { SandboxPort } from "../agent/port.ts";
import type { Log } from "../base/log.ts";
import { SandboxGc } from "../io/sandbox-gc.ts";
import type { Runtime } from "../isolation/runtime.ts";
import type { SandboxSettings } from "./sandbox-flags.ts";

const LOOK_INTERVAL_MS = 1_000;

/** What setInterval can count. */
const TIMER_MAX_MS = 2 ** 31 - 1;

export interface SandboxCareOptions {
  readonly port: SandboxPort;
  /** Absolute path. */
  readonly workDir: string;
  readonly runtime: Pick<Runtime, "listOrphans">;
  readonly settings: SandboxSettings;
  readonly log: Log;
  /** How often it looks at all sandboxes in use; left out: each second. */
  readonly lookIntervalMs?: number;
}

export class SandboxCare {
  readonly #options: SandboxCareOptions;
  readonly #gc: SandboxGc;
  readonly #timers: ReturnType<typeof setInterval>[] = [];
  /** Sandboxes in use at the last look, by container id. */
  #inUse = new Map<string, string>();
  #orphans: ReadonlySet<string> = new Set();

  constructor(options: SandboxCareOptions) {
    this.#options = options;
    const { log, port, settings, workDir } = options;
    this.#gc = new SandboxGc({
      workDir,
      delayMs: settings.gcDelayMs,
      headroom: settings.gcDiskHeadroom,
      diskUse: () => diskUse(workDir),
      wallMs: () => Date.now(),
      holds: (id) => port.holdsContainer(id) || this.#orphans.has(id),
      log,
    });
  }

  /** Once the agent has recovered its tasks, or soon will. */
  start(): void {
    const { lookIntervalMs = LOOK_INTERVAL_MS, settings } = this.#options;
    this.#timers.push(setInterval(() => this.#look(), lookIntervalMs));
    const { diskWatchIntervalMs } = settings;
    this.#timers.push(setInterval(() => void this.#sweep(), Math.min(diskWatchIntervalMs, TIMER_MAX_MS)));
  }

  async stop(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    await this.#gc.close();
  }

  metrics(): Readonly<Record<string, number>> {
    return this.#gc.metrics();
  }

  #look(): void {
    const inUse = new Map<string, string>();
    for (const { containerId, sandbox } of this.#options.port.sandboxRuns()) inUse.set(containerId, sandbox);
    for (const [containerId, sandbox] of this.#inUse) if (!inUse.has(containerId)) this.#gc.ended(sandbox);
    this.#inUse = inUse;
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

/** Share of bytes or inodes in use, whichever is more; as df(1), without what is set aside for root. */
function diskUse(directory: string): number {
  const { bavail, bfree, blocks, ffree, files } = statfsSync(directory);
  const used = blocks - bfree;
  const bytes = used === 0 ? 0 : used / (used + bavail);
  // Some file systems have no fixed number of inodes.
  const inodes = files === 0 ? 0 : 1 - ffree / files;
  return Math.max(bytes, inodes);
}
