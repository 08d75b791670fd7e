/**
 * What is on disk about containers while they live, below the runtime directory:
 *
 *     containers/<id>.json       the agent: the record before the start, then the supervisor's stat line
 *     containers/<id>.messages   the shells' own stderr
 *     events/<id>.started        the task process; without a pid namespace the stat lines of its
 *                                supervisor and of itself
 *     events/<id>.exit           init, else the supervisor: wait status as a shell gives it
 *
 * events/ is one directory so that one inotify watch serves all containers. A
 * file there counts once it ends with a newline: the shells write each with one
 * write(2). Nothing is synced, as nothing here is of use after a reboot; the
 * boot id in the record tells that.
 *
 * Plain files and no directory for each container: every file operation is part
 * of the time a launch takes on the agent's only thread.
 */
import {
  appendFileSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { SUPERVISOR_MESSAGES_MAX_BYTES } from "../../base/limits.ts";
import type { Namespace } from "../container.ts";
import type { ContainerPaths } from "../plan.ts";

/** What must be known to watch and end a container that another agent process started. */
export interface ContainerRecord {
  readonly version: 1;
  readonly containerId: string;
  readonly bootId: string;
  readonly cgroup?: string;
  readonly namespaces: readonly Namespace[];
  /** The task leads a session of its own; else it is in the supervisor's. */
  readonly ownSession: boolean;
}

const MESSAGES = ".messages";

export class Records {
  readonly directory: string;
  readonly events: string;
  readonly #containers: string;

  /** Makes the directories. Throws what mkdir(2) says. */
  constructor(directory: string) {
    this.directory = directory;
    this.events = `${directory}/events`;
    this.#containers = `${directory}/containers`;
    // Only the agent's user: command lines and records are nobody else's business.
    mkdirSync(this.events, { recursive: true, mode: 0o700 });
    mkdirSync(this.#containers, { recursive: true, mode: 0o700 });
  }

  paths(containerId: string): ContainerPaths {
    return {
      started: `${this.events}/${containerId}.started`,
      exit: `${this.events}/${containerId}.exit`,
      messages: `${this.#containers}/${containerId}${MESSAGES}`,
    };
  }

  write(record: ContainerRecord): void {
    writeFileSync(this.#record(record.containerId), `${JSON.stringify(record)}\n`);
  }

  exists(containerId: string): boolean {
    return existsSync(this.#record(containerId));
  }

  /** Undefined when there is none, or the agent died while writing it (nothing was started then). */
  read(containerId: string): ContainerRecord | undefined {
    const text = readText(this.#record(containerId));
    const end = text?.indexOf("\n") ?? -1;
    if (text === undefined || end === -1) return undefined;
    const record = JSON.parse(text.slice(0, end)) as ContainerRecord;
    return record.version === 1 ? record : undefined;
  }

  /** Notes the supervisor, as its line of /proc/<pid>/stat. */
  addSupervisor(containerId: string, stat: string): void {
    appendFileSync(this.#record(containerId), `${stat.trimEnd()}\n`);
  }

  /** Undefined when the agent died before it was noted. */
  supervisor(containerId: string): string | undefined {
    const text = readText(this.#record(containerId));
    return text?.endsWith("\n") ? text.split("\n")[1] || undefined : undefined;
  }

  /** Lines of the start record, once it is complete. */
  started(containerId: string): readonly string[] | undefined {
    const text = readText(this.paths(containerId).started);
    return text?.endsWith("\n") ? text.split("\n") : undefined;
  }

  /** Wait status, once it is recorded. */
  exitStatus(containerId: string): number | undefined {
    const text = readText(this.paths(containerId).exit);
    return text !== undefined && /^\d{1,3}\n$/.test(text) ? Number.parseInt(text, 10) : undefined;
  }

  /** The end of what the shells said. */
  messages(containerId: string): string {
    const path = this.paths(containerId).messages;
    if (!existsSync(path)) return "";
    const file = openSync(path, "r");
    try {
      const buffer = new Uint8Array(SUPERVISOR_MESSAGES_MAX_BYTES);
      return new TextDecoder().decode(buffer.subarray(0, readSync(file, buffer)));
    } finally {
      closeSync(file);
    }
  }

  /** Containers of which anything is on disk. */
  ids(): string[] {
    const names = [...readdirSync(this.#containers), ...readdirSync(this.events)];
    return [...new Set(names.map((name) => name.slice(0, name.lastIndexOf("."))))];
  }

  /** The record goes last: while it is there, the container can be found again. */
  remove(containerId: string): void {
    const { started, exit, messages } = this.paths(containerId);
    for (const path of [started, exit, messages, this.#record(containerId)]) removeFile(path);
  }

  #record(containerId: string): string {
    return `${this.#containers}/${containerId}.json`;
  }
}

/** rmSync would do it too, but takes twenty times as long in Bun. */
function removeFile(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
