/**
 * What is on disk about a container while it lives: one file,
 * `<runtime directory>/containers/<id>`, to which everybody appends lines:
 *
 *     {"version":1,…}             the agent, before anything is started
 *     mesh: supervisor <stat>     its line of /proc/<pid>/stat, noted by the agent
 *                                 (with a pid namespace) or by itself
 *     mesh: task <stat>           without a pid namespace: the task process
 *     mesh: started               the task process, about to execute its program
 *     Killed                      what the shells have to say
 *     mesh: exit <wait status>    init, else the supervisor
 *     mesh: resources {…}         the agent: it was given more or less
 *     mesh: gpus […]              the agent: it holds others than it was launched with
 *     mesh: limitation {…}        the agent, from the cgroup before that is removed
 *     mesh: terminal {…}          the agent: what copies the container's terminal, if it has one
 *
 * The file is open for appending as the shells' stderr, so that they record
 * without opening anything, and each line is one write(2). A line counts once
 * its newline is there. What the agent notes again goes over its last line,
 * since an executor of many tasks is resized all the time. All files are in one directory so that one inotify
 * watch serves all containers. Nothing is synced, as nothing here is of use
 * after a reboot; the boot id in the record tells that.
 *
 * One file and no more, as each costs the agent's only thread time at every
 * launch; on ext4 without a journal making one gets slower the more were
 * deleted in the last minutes (recently_deleted() in fs/ext4/ialloc.c).
 */
import {
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { fail, ok, type Result } from "../../base/result.ts";
import type { ContainerResources, Limitation, Namespace } from "../container.ts";
import type { Launched } from "../runtime.ts";
import {
  EXIT_MARK,
  GPUS_MARK,
  LIMITATION_MARK,
  RESOURCES_MARK,
  STARTED_MARK,
  SUPERVISOR_MARK,
  TASK_MARK,
  TERMINAL_MARK,
} from "../supervisor-script.ts";
import { notThere } from "./exhaustion.ts";

/** What must be known to watch and end a container that another agent process started. */
export interface ContainerRecord {
  readonly version: 1;
  readonly containerId: string;
  readonly bootId: string;
  readonly cgroup?: string;
  readonly namespaces: readonly Namespace[];
  /** The task leads a session of its own; else it is in the supervisor's. */
  readonly ownSession: boolean;
  /** No container: it holds the namespaces of a pod. */
  readonly holder?: true;
  /** Container id of the pod that it is in. */
  readonly pod?: string;
  /** Owner of its network; absent on the host's. */
  readonly network?: string;
  /** Absolute path of the sandbox with a quota that holds it. */
  readonly limitedDisk?: string;
  /** As it was launched; absent in records of older versions. */
  readonly resources?: ContainerResources;
  /** Paths of the GPUs that it was launched with. */
  readonly gpus?: readonly string[];
}

/** A container's file as far as it is written. */
export interface ContainerLog {
  readonly record: ContainerRecord;
  /** As /proc/<pid>/stat, or "pid start date" where there is no /proc. */
  readonly supervisor?: string;
  readonly task?: string;
  readonly started: boolean;
  /** Wait status as a shell gives it. */
  readonly status?: number;
  /** What it was given last. */
  readonly resources?: ContainerResources;
  /** Paths of the GPUs that it holds; absent: none. */
  readonly gpus?: readonly string[];
  readonly limitation?: Limitation;
  readonly terminal?: Launched;
  /** Every other line. */
  readonly messages: string;
}

const { O_APPEND, O_CREAT, O_EXCL, O_RDWR, O_WRONLY } = constants;
/** Notes are filled up to a multiple of it, so that later ones have room in their place. */
const NOTE_BYTES = 128;

export class Records {
  /** Where the files are, to be watched. */
  readonly containers: string;

  /** Makes the directory. Throws what mkdir(2) says. */
  constructor(directory: string) {
    this.containers = `${directory}/containers`;
    // Only the agent's user: command lines and records are nobody else's business.
    mkdirSync(this.containers, { recursive: true, mode: 0o700 });
  }

  path(containerId: string): string {
    return `${this.containers}/${containerId}`;
  }

  /** Writes the first line; returns the file, open for appending. Throws what open(2) or write(2) says. */
  create(record: ContainerRecord): number {
    const file = openSync(this.path(record.containerId), O_WRONLY | O_APPEND | O_CREAT | O_EXCL, 0o600);
    try {
      writeWhole(file, Buffer.from(`${JSON.stringify(record)}\n`));
      return file;
    } catch (error) {
      closeSync(file);
      this.remove(record.containerId);
      throw error;
    }
  }

  /**
   * Adds a line to a record that exists, or puts it over the last one of its mark. The error is what
   * open(2) or write(2) says.
   */
  note(
    containerId: string,
    mark: string,
    value: ContainerResources | Limitation | readonly string[],
  ): Result<void> {
    try {
      this.#note(containerId, mark, JSON.stringify(value));
      return ok(undefined);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      return fail(`Cannot write to the record of container ${containerId}: ${why}`);
    }
  }

  #note(containerId: string, mark: string, value: string): void {
    const file = openSync(this.path(containerId), O_RDWR | O_APPEND);
    try {
      const line = Buffer.from(`${mark}${value}`);
      const earlier = lastLine(readFileSync(file), mark);
      if (earlier !== undefined && line.length <= earlier.bytes) {
        // pwrite(2) appends to a file that is open for appending, whatever it is told.
        this.#overwrite(containerId, filled(line, earlier.bytes), earlier.at);
        return;
      }
      const bytes = Math.ceil((line.length + 1) / NOTE_BYTES) * NOTE_BYTES - 1;
      writeWhole(file, Buffer.concat([filled(line, bytes), Buffer.from("\n")]));
    } finally {
      closeSync(file);
    }
  }

  #overwrite(containerId: string, line: Buffer, at: number): void {
    const file = openSync(this.path(containerId), O_WRONLY);
    try {
      writeSync(file, line, 0, line.length, at);
    } finally {
      closeSync(file);
    }
  }

  exists(containerId: string): boolean {
    return existsSync(this.path(containerId));
  }

  /** Undefined when there is none, or the agent died in the first line: nothing was started then. */
  read(containerId: string): ContainerLog | undefined {
    let text: string;
    try {
      text = readFileSync(this.path(containerId), "utf8");
    } catch (error) {
      return notThere(error);
    }
    return parseLog(text);
  }

  ids(): string[] {
    return readdirSync(this.containers);
  }

  remove(containerId: string): void {
    try {
      // Much quicker than rmSync in Bun.
      unlinkSync(this.path(containerId));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
  }
}

/** Throws when the disk is full before the end. */
function writeWhole(file: number, bytes: Buffer): void {
  const written = writeSync(file, bytes);
  if (written < bytes.length) throw new Error(`only ${written} of ${bytes.length} bytes could be written`);
}

function filled(line: Buffer, bytes: number): Buffer {
  return Buffer.concat([line, Buffer.alloc(bytes - line.length, " ")]);
}

/** The last whole line with the mark: where it begins, and its length without the newline. */
function lastLine(text: Buffer, mark: string): { readonly at: number; readonly bytes: number } | undefined {
  const before = text.lastIndexOf(`\n${mark}`);
  if (before === -1) return undefined;
  const end = text.indexOf("\n", before + 1);
  return end === -1 ? undefined : { at: before + 1, bytes: end - before - 1 };
}

/** The last note of the mark. The disk may have been full in the middle of one, with more behind it. */
function lastWhole<T>(lines: readonly string[], mark: string): T | undefined {
  for (const line of lines.toReversed()) {
    if (!line.startsWith(mark)) continue;
    try {
      return JSON.parse(line.slice(mark.length)) as T;
    } catch {
      // The one before it holds.
    }
  }
  return undefined;
}

function parseLog(text: string): ContainerLog | undefined {
  const [first, ...lines] = text.slice(0, text.lastIndexOf("\n") + 1).split("\n");
  if (first === undefined || first === "") return undefined;
  const record = JSON.parse(first) as ContainerRecord;
  if (record.version !== 1) return undefined;
  const after = (mark: string): string | undefined =>
    lines.findLast((line) => line.startsWith(mark))?.slice(mark.length);
  const [supervisor, task, exit] = [after(SUPERVISOR_MARK), after(TASK_MARK), after(EXIT_MARK)];
  const noted = <T>(mark: string): T | undefined => lastWhole<T>(lines, mark);
  const limitation = noted<Limitation>(LIMITATION_MARK);
  const terminal = noted<Launched>(TERMINAL_MARK);
  const gpus = noted<readonly string[]>(GPUS_MARK) ?? record.gpus;
  const resources = noted<ContainerResources>(RESOURCES_MARK) ?? record.resources;
  const marks = [SUPERVISOR_MARK, TASK_MARK, STARTED_MARK, EXIT_MARK, RESOURCES_MARK, LIMITATION_MARK];
  marks.push(TERMINAL_MARK, GPUS_MARK);
  return {
    record,
    ...(supervisor === undefined ? {} : { supervisor }),
    ...(task === undefined ? {} : { task }),
    started: after(STARTED_MARK) !== undefined,
    ...(exit !== undefined && /^\d{1,3}$/.test(exit) ? { status: Number.parseInt(exit, 10) } : {}),
    ...(resources === undefined ? {} : { resources }),
    ...(gpus === undefined ? {} : { gpus }),
    ...(limitation === undefined ? {} : { limitation }),
    ...(terminal === undefined ? {} : { terminal }),
    messages: lines.filter((line) => line !== "" && !marks.some((mark) => line.startsWith(mark))).join("\n"),
  };
}
