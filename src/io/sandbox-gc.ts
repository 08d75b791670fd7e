/**
 * Garbage collection of sandboxes (AGT-21). One that no container holds is
 * deleted when it is old enough:
 *
 *     allowed age = delay × max(0, 1 − headroom − use of the disk)
 *
 * as in Mesos (Slave::age), so that it goes sooner the fuller the disk is.
 * Use is that of bytes or of inodes, whichever is more: many small sandboxes
 * run out of the second first. The age counts from the end of the run, which
 * is written down as the modification time of its directory: it survives the
 * agent, and the dead cannot change it.
 *
 * A sandbox is first moved to a directory that only root may enter, then
 * deleted: nobody sees half of one, and no other task of its user can lead
 * the deletion elsewhere by links.
 */
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmdirSync,
  unlinkSync,
  utimesSync,
} from "node:fs";
import { lstat, readdir, rm } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { SANDBOX_GC_KNOWN_MAX } from "../base/limits.ts";
import type { Log } from "../base/log.ts";
import { HOUR_MS, SECOND_MS } from "../base/time.ts";

/**
 * How often the disk is read anew: a run that began and ended between two
 * looks is known to nobody else. More often when sandboxes stay shortly.
 */
const READ_INTERVAL_MS = HOUR_MS;
const READS_PER_AGE = 10;

export interface SandboxGcOptions {
  /** Absolute path. */
  readonly workDir: string;
  readonly delayMs: number;
  /** Share of the disk that is to stay free, 0 to 1. */
  readonly headroom: number;
  /** Share of the disk that is in use, 0 to 1. */
  readonly diskUse: () => number;
  readonly wallMs: () => number;
  /** Whether a container with this id may still use its sandbox. */
  readonly holds: (containerId: string) => boolean;
  /** Calls `ended` for all that is no longer held and was not yet told. */
  readonly tellEnds: () => void;
  readonly log: Log;
}

/**
 * An ended run: `slaves/<AID>/frameworks/<FID>/executors/<EID>/runs/<CID>`, or `containers/<CID>` of a
 * standalone container, and when it ended.
 */
interface EndedRun {
  readonly path: string;
  readonly endedMs: number;
}

export class SandboxGc {
  readonly #options: SandboxGcOptions;
  readonly #trash: string;
  /** Where standalone containers have their sandboxes. */
  readonly #standalone: string;
  /** Oldest first. */
  #runs: EndedRun[] = [];
  /** Whether `#runs` has all there are; else the disk is read again when it is used up. */
  #complete = false;
  #readAgain = false;
  #readAtMs = 0;
  #underWay: Promise<void> = Promise.resolve();
  #closed = false;
  #succeeded = 0;
  #failed = 0;

  constructor(options: SandboxGcOptions) {
    this.#options = options;
    this.#trash = `${options.workDir}/gc`;
    this.#standalone = `${options.workDir}/containers`;
  }

  /** A run whose container is no more: its age counts from now. */
  ended(path: string): void {
    // Those of a pod's tasks are inside the pod's and go with it.
    const directory = dirname(path);
    if (basename(directory) !== "runs" && directory !== this.#standalone) return;
    const endedMs = this.#options.wallMs();
    // The id of a standalone container may be used again, in the same sandbox: its last end counts.
    if (directory === this.#standalone) this.#runs = this.#runs.filter((run) => run.path !== path);
    try {
      utimesSync(path, endedMs / SECOND_MS, endedMs / SECOND_MS);
    } catch {
      return; // It was never made, or is gone.
    }
    if (this.#complete && this.#runs.length < SANDBOX_GC_KNOWN_MAX) this.#runs.push({ path, endedMs });
    else this.#complete = false;
  }

  /** A container of which nobody knew the sandbox is no longer held: the next sweep looks for it on disk. */
  released(): void {
    this.#readAgain = true;
  }

  /** Deletes what is old enough. Resolves when it is done; one goes on at a time. */
  sweep(): Promise<void> {
    this.#underWay = this.#underWay.then(() => this.#sweep());
    return this.#underWay;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#underWay;
  }

  /** Names as in Mesos. */
  metrics(): Readonly<Record<string, number>> {
    return {
      "gc/path_removals_pending": this.#runs.length,
      "gc/path_removals_succeeded": this.#succeeded,
      "gc/path_removals_failed": this.#failed,
    };
  }

  async #sweep(): Promise<void> {
    if (this.#closed) return;
    try {
      await this.#emptyTrash();
      const { delayMs, headroom, diskUse, wallMs } = this.#options;
      const ageMs = delayMs * Math.max(0, 1 - headroom - diskUse());
      const isOld = Math.abs(wallMs() - this.#readAtMs) > Math.min(READ_INTERVAL_MS, ageMs / READS_PER_AGE);
      if (isOld || this.#readAgain || (!this.#complete && this.#runs.length === 0)) await this.#read();
      const before = wallMs() - ageMs;
      const due = this.#runs.findIndex(({ endedMs }) => endedMs > before);
      const old = this.#runs.splice(0, due === -1 ? this.#runs.length : due);
      // Held: the last of a container whose task is forgotten already.
      const held: EndedRun[] = [];
      let removed = 0;
      for (const run of old) {
        if (this.#closed) return;
        if (this.#options.holds(basename(run.path))) held.push(run);
        else if (await this.#remove(run)) removed++;
      }
      this.#runs = [...held, ...this.#runs];
      if (removed > 0) this.#options.log.info("Removed old sandboxes", { removed });
    } catch (error) {
      this.#options.log.error("Cannot look for old sandboxes; trying again later", { reason: textOf(error) });
    }
  }

  async #remove({ path }: EndedRun): Promise<boolean> {
    const taken = `${this.#trash}/${basename(path)}`;
    try {
      // In one go with the question whether it is held: nothing was launched in between.
      mkdirSync(this.#trash, { recursive: true, mode: 0o700 });
      renameSync(path, taken);
      this.#removeParents(path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
      this.#failed++;
      this.#options.log.error("Cannot remove a sandbox", { sandbox: path, reason: textOf(error) });
      return false;
    }
    return await this.#delete(taken);
  }

  async #delete(path: string): Promise<boolean> {
    try {
      await rm(path, { recursive: true, force: true });
      this.#succeeded++;
      return true;
    } catch (error) {
      this.#failed++;
      this.#options.log.error("Cannot delete a removed sandbox; trying again later", {
        directory: path,
        reason: textOf(error),
      });
      return false;
    }
  }

  /** What an earlier process, or a failure, left there. */
  async #emptyTrash(): Promise<void> {
    for (const name of await readdir(this.#trash).catch(() => []))
      await this.#delete(`${this.#trash}/${name}`);
  }

  /** Directories above the last run of an executor, up to the agent's, as far as they are empty now. */
  #removeParents(run: string): void {
    const runs = dirname(run);
    if (runs === this.#standalone) return;
    const left = readdirSync(runs);
    if (left.length > 1 || (left.length === 1 && left[0] !== "latest")) return;
    if (left.length === 1 && !this.#removeLatest(`${runs}/latest`)) return;
    let directory = runs;
    while (directory !== `${this.#options.workDir}/slaves`) {
      try {
        rmdirSync(directory);
      } catch {
        return; // Others are below it.
      }
      directory = dirname(directory);
    }
  }

  /** The link to a sandbox that is gone. It may lead to one that is just about to be made. */
  #removeLatest(link: string): boolean {
    if (lstatSync(link).isSymbolicLink() && this.#options.holds(readlinkSync(link))) return false;
    unlinkSync(link);
    return true;
  }

  async *#allPaths(): AsyncGenerator<string> {
    yield* below(this.#standalone, "");
    yield* runPaths(`${this.#options.workDir}/slaves`);
  }

  /** Reads the ended runs from disk; the oldest of them, when they are very many. */
  async #read(): Promise<void> {
    let runs: EndedRun[] = [];
    let complete = true;
    const keepOldest = (): void => {
      runs.sort((a, b) => a.endedMs - b.endedMs);
      if (runs.length <= SANDBOX_GC_KNOWN_MAX) return;
      complete = false;
      runs = runs.slice(0, SANDBOX_GC_KNOWN_MAX);
    };
    // Runs that end meanwhile are found by the next reading.
    this.#complete = true;
    this.#readAgain = false;
    this.#readAtMs = this.#options.wallMs();
    for await (const path of this.#allPaths()) {
      if (this.#closed) return;
      if (this.#options.holds(basename(path))) continue;
      const stat = await lstat(path).catch(() => undefined);
      if (stat === undefined) continue;
      // Nothing ended in the future, whatever its last task did to the time.
      runs.push({ path, endedMs: Math.min(stat.mtimeMs, this.#options.wallMs()) });
      if (runs.length >= 2 * SANDBOX_GC_KNOWN_MAX) keepOldest();
    }
    // What was let go while this read, or just before, is younger than its directory looks.
    this.#options.tellEnds();
    const later = this.#runs;
    const known = new Set(later.map(({ path }) => path));
    runs = runs.filter(({ path }) => !known.has(path)).concat(later);
    keepOldest();
    this.#runs = runs;
    this.#complete &&= complete;
  }
}

/** The names between the levels of the layout, see src/agent/paths.ts. */
const LEVELS = ["frameworks", "executors", "runs"] as const;

async function* runPaths(slaves: string): AsyncGenerator<string> {
  let above: AsyncIterable<string> = below(slaves, "");
  for (const name of LEVELS) above = each(above, name);
  yield* above;
}

async function* each(directories: AsyncIterable<string>, name: string): AsyncGenerator<string> {
  for await (const directory of directories) yield* below(directory, `/${name}`);
}

async function* below(directory: string, name: string): AsyncGenerator<string> {
  const entries = await readdir(directory + name, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) if (entry.isDirectory()) yield `${directory}${name}/${entry.name}`;
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
