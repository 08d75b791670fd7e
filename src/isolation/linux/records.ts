/**
 * What is on disk about containers while they live, below the runtime directory:
 *
 *     containers/<id>/container.json   the agent, before the start
 *     containers/<id>/messages         the shells' own stderr
 *     events/<id>.started              the task process: the supervisor's stat line, then its own
 *     events/<id>.exit                 the supervisor: wait status as a shell gives it
 *
 * events/ is one directory so that one inotify watch serves all containers. A
 * file there counts once it ends with a newline: the shells write each with one
 * write(2). Nothing is synced, as nothing here is of use after a reboot; the
 * boot id in container.json tells that.
 */
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
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
      messages: `${this.#containers}/${containerId}/messages`,
    };
  }

  write(record: ContainerRecord): void {
    const directory = `${this.#containers}/${record.containerId}`;
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    writeFileSync(`${directory}/container.json`, `${JSON.stringify(record)}\n`);
  }

  /** Undefined when there is none, or the agent died while writing it (nothing was started then). */
  read(containerId: string): ContainerRecord | undefined {
    const text = readText(`${this.#containers}/${containerId}/container.json`);
    if (text?.endsWith("\n") !== true) return undefined;
    const record = JSON.parse(text) as ContainerRecord;
    return record.version === 1 ? record : undefined;
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

  ids(): string[] {
    return readdirSync(this.#containers);
  }

  remove(containerId: string): void {
    const { started, exit } = this.paths(containerId);
    for (const path of [started, exit]) rmSync(path, { force: true });
    rmSync(`${this.#containers}/${containerId}`, { recursive: true, force: true });
  }
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
