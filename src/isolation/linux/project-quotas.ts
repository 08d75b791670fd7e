/**
 * Sandboxes with projects of their own, whose quota holds the container to its
 * disk. Which projects are taken is written nowhere: the file system counts
 * the files of each, and one without a file is free again, as it is when the
 * sandbox of an ended task is removed.
 */
import { closeSync, constants, lstatSync, openSync, readFileSync, statSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { fail, ok, type Result } from "../../base/result.ts";
import type { PortRange } from "../listening-ports.ts";
import { type ProjectUsage, QuotaCalls } from "./quota-calls.ts";

/** How long a project may yet become free when all are taken. */
const FREE_PATIENCE_MS = 2_000;
const FREE_POLL_MS = 20;

export interface ProjectQuotaSettings {
  /** Numbers of projects that are the agent's alone. */
  readonly projects: readonly PortRange[];
  /** How far a container gets beyond its disk, for it to be found and ended. */
  readonly headroomBytes: number;
}

export class ProjectQuotas {
  readonly #calls: QuotaCalls;
  /** Block device of the file system. */
  readonly #device: string;
  /** Its number. */
  readonly #dev: number;
  readonly #settings: ProjectQuotaSettings;
  readonly #projects: readonly number[];
  #next = 0;

  private constructor(calls: QuotaCalls, device: string, dev: number, settings: ProjectQuotaSettings) {
    this.#calls = calls;
    this.#dev = dev;
    this.#device = device;
    this.#settings = settings;
    this.#projects = settings.projects.flatMap(({ begin, end }) =>
      Array.from({ length: end - begin + 1 }, (_, at) => begin + at),
    );
  }

  /** @param directory that sandboxes are in; the error says why its file system keeps no quotas */
  static open(directory: string, settings: ProjectQuotaSettings): Result<ProjectQuotas> {
    try {
      const { device, type } = fileSystemOf(directory);
      const calls = new QuotaCalls();
      if (calls.keepsProjects(device))
        return ok(new ProjectQuotas(calls, device, statSync(directory).dev, settings));
      return fail(
        `the file system of ${directory} (${type} on ${device}) keeps no quotas of projects; mount it with the option prjquota`,
      );
    } catch (error) {
      return fail(error instanceof Error ? error.message : String(error));
    }
  }

  /**
   * Holds a directory, empty unless it has a project, to so many bytes, with
   * others that are empty. A limit only grows: what is there may need it.
   */
  async limit(directory: string, beside: readonly string[], bytes: number): Promise<Result<void>> {
    try {
      return await this.#withProject(directory, (project, isNew) => {
        const present = isNew ? undefined : this.#calls.usage(this.#device, project);
        if (present === undefined || present.limitBytes < bytes) this.#limit(project, bytes);
        if (isNew) this.#calls.setProject(directory, project);
        // Elsewhere are quotas of others.
        for (const each of beside)
          if (lstatSync(each).dev === this.#dev) this.#calls.setProject(each, project);
      });
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      return fail(`Cannot limit the disk of ${directory}: ${why}`);
    }
  }

  /**
   * Holds a persistent volume to its size, which may have changed. The first
   * time all that is in it gets its project. Not those on other file systems.
   */
  async limitVolume(directory: string, bytes: number): Promise<Result<void>> {
    try {
      if (lstatSync(directory).dev !== this.#dev) return ok(undefined);
      let adopting: number | undefined;
      const held = await this.#withProject(directory, (project, isNew) => {
        this.#limit(project, bytes);
        if (!isNew) return;
        this.#calls.setProject(directory, project);
        adopting = project;
      });
      if (adopting !== undefined) await this.#adopt(directory, adopting);
      return held;
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      return fail(`Cannot limit the volume ${directory}: ${why}`);
    }
  }

  /**
   * Gives the directory's project, or else a free one, to `use`, which takes
   * it before anybody else can. Waits for one when all are taken: XFS lets go
   * of removed files in the background (kernel: xfs_inodegc_worker).
   */
  async #withProject(
    directory: string,
    use: (project: number, isNew: boolean) => void,
  ): Promise<Result<void>> {
    for (let waitedMs = 0; ; waitedMs += FREE_POLL_MS) {
      const known = this.#calls.projectOf(directory);
      const isNew = !this.#isOurs(known);
      const project = isNew ? this.#free() : known;
      if (project !== undefined) return ok(use(project, isNew));
      if (waitedMs >= FREE_PATIENCE_MS) return fail(this.#noneLeft(directory));
      await Bun.sleep(FREE_POLL_MS);
    }
  }

  #limit(project: number, bytes: number): void {
    this.#calls.limit(this.#device, project, bytes, bytes + this.#settings.headroomBytes);
  }

  /** Users have their hands in there: no link is followed, also none that appears just now. */
  async #adopt(directory: string, project: number): Promise<void> {
    const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = constants;
    const file = openSync(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    try {
      const here = `/proc/self/fd/${file}`;
      for (const entry of await readdir(here, { withFileTypes: true })) {
        const path = `${here}/${entry.name}`;
        // Others hold no data.
        if (entry.isDirectory() || entry.isFile()) this.#calls.setProject(path, project);
        if (entry.isDirectory()) await this.#adopt(path, project);
      }
    } finally {
      closeSync(file);
    }
  }

  #noneLeft(directory: string): string {
    return `Cannot limit the disk of ${directory}: all ${this.#projects.length} projects of --xfs-project-range are taken; widen it`;
  }

  /** What a directory's project has; undefined without one. */
  usage(directory: string): ProjectUsage | undefined {
    try {
      const project = this.#calls.projectOf(directory);
      return this.#isOurs(project) ? this.#calls.usage(this.#device, project) : undefined;
    } catch {
      return undefined; // It was removed.
    }
  }

  #isOurs(project: number): boolean {
    return this.#settings.projects.some(({ begin, end }) => project >= begin && project <= end);
  }

  #free(): number | undefined {
    for (let tried = 0; tried < this.#projects.length; tried++) {
      const project = this.#projects[this.#next] ?? 0;
      this.#next = (this.#next + 1) % this.#projects.length;
      const usage = this.#calls.usage(this.#device, project);
      if (usage === undefined || usage.inodes === 0) return project;
    }
    return undefined;
  }
}

/** As proc_pid_mountinfo(5) names it, by the number of its device. */
function fileSystemOf(directory: string): { readonly device: string; readonly type: string } {
  const { dev } = statSync(directory);
  const number = `${deviceMajor(dev)}:${deviceMinor(dev)}`;
  for (const line of readFileSync("/proc/self/mountinfo", "utf8").split("\n")) {
    const [before = "", after = ""] = line.split(" - ");
    const [type = "", device = ""] = after.split(" ");
    if (before.split(" ")[2] === number) return { device, type };
  }
  throw new Error(`no mount has the device ${number} of ${directory}`);
}

/** makedev(3) has the low 12 bits of one around the low 8 of the other. */
function deviceMajor(dev: number): number {
  return Math.floor(dev / 256) % 4_096;
}

function deviceMinor(dev: number): number {
  return (dev % 256) + Math.floor(dev / 2 ** 20) * 256;
}
