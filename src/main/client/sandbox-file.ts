/**
 * Follows a log file of a task's sandbox, byte for byte, also where the agent
 * moves what is in it to `stdout.1`, `stdout.2` and so on (src/io/output-rotation.ts).
 *
 * The newest part is known by its size and its first bytes. As long as it is
 * the same after something was read, nothing was moved before. When it is
 * another, the parts that are new hold what follows. While the agent cuts the
 * file, `stdout.moving.1` is there: what was read then may be of either side.
 */
import { READ_BYTES, SandboxReader, type TaskPlace } from "./sandbox-reader.ts";

/** Enough to tell parts of a log that says the time, or counts, or anything. */
const HEAD_BYTES = 512;
/** Read one after the other before it is asked whether something was moved. */
const PIECES = 4;
/** Tries while the file is being moved all the time. */
const ATTEMPTS = 5;
/** Waits for one cut, and the time of each: a busy disk takes long. */
const MOVING_WAITS_MAX = 200;
const MOVING_WAIT_MS = 10;

interface Part {
  readonly id: string;
  readonly sizeBytes: number;
}

/** A part of which some is still to be read. */
interface Backlog {
  number: number;
  offset: number;
}

export class SandboxFile {
  readonly #reader: Pick<SandboxReader, "read">;
  readonly #name: string;
  /** In the file itself; what stands in `#backlog` comes before it. */
  #offset = 0;
  #backlog: Backlog[] = [];
  /** The newest part when the above was true; undefined: there was none. */
  #newest: string | undefined;
  #missed = false;

  readonly #waitMs: number;

  /** `name`: file name in the sandbox, "stdout" or "stderr". */
  constructor(place: TaskPlace | Pick<SandboxReader, "read">, name: string, waitMs = MOVING_WAIT_MS) {
    this.#waitMs = waitMs;
    this.#reader = "read" in place ? place : new SandboxReader(place);
    this.#name = name;
  }

  /** Whether something was thrown away before it was read. */
  get missed(): boolean {
    return this.#missed;
  }

  /**
   * What was appended since the last call: possibly nothing; undefined when the agent or the file is not
   * there.
   */
  async readOn(): Promise<Uint8Array | undefined> {
    let waits = 0;
    for (let attempt = 0; attempt < ATTEMPTS; ) {
      const chunk = await (this.#backlog.length > 0 ? this.#readPart() : this.#readFile());
      if (chunk === "again") attempt++;
      else if (chunk !== "moving") return chunk;
      else if (++waits > MOVING_WAITS_MAX) break;
      else await Bun.sleep(this.#waitMs);
    }
    return new Uint8Array(0);
  }

  /** Starts at the last `lines` lines of what is there now. */
  async seekToLastLines(lines: number): Promise<void> {
    for (let attempt = 0; attempt < MOVING_WAITS_MAX; attempt++) {
      const parts = await this.#parts();
      if (parts === undefined) return;
      this.#newest = parts[0]?.id;
      await this.#seek(lines, parts.length);
      const moving = await this.#reader.read(`${this.#name}.moving.1`, 0, 0);
      if (moving.kind !== "read" && (await this.#part(1)) === this.#newest) return;
      await Bun.sleep(this.#waitMs);
    }
  }

  /** Counts lines from the end backwards, through the parts if need be. */
  async #seek(lines: number, parts: number): Promise<void> {
    this.#backlog = [];
    this.#offset = 0;
    let found = 0;
    let last = true;
    for (let number = 0; number <= parts; number++) {
      const size = await this.#reader.read(this.#nameOf(number), 0, 0);
      if (size.kind !== "read") return;
      for (let to = size.sizeBytes; to > 0; ) {
        const from = Math.max(0, to - READ_BYTES);
        const block = await this.#reader.read(this.#nameOf(number), from, to - from);
        if (block.kind !== "read") return;
        for (let at = block.data.length - 1; at >= 0; at--) {
          const isEnd = block.data[at] === 0x0a;
          // The very last line end does not begin a line.
          if (isEnd && !last && ++found === lines) return this.#startAt(number, from + at + 1);
          last = false;
        }
        to = from;
      }
    }
    this.#startAt(parts, 0);
  }

  #startAt(number: number, offset: number): void {
    if (number === 0) this.#offset = offset;
    for (let part = number; part > 0; part--) {
      this.#backlog.push({ number: part, offset: part === number ? offset : 0 });
    }
  }

  async #readFile(): Promise<Uint8Array | undefined | "again" | "moving"> {
    const pieces: Uint8Array[] = [];
    let [atBytes, sizeBytes] = [this.#offset, 0];
    // Several at once: the questions after them are the same for all.
    do {
      const read = await this.#reader.read(this.#name, atBytes);
      if (read.kind !== "read") return undefined;
      pieces.push(read.data);
      atBytes += read.data.length;
      ({ sizeBytes } = read);
    } while (atBytes < sizeBytes && pieces.length < PIECES && pieces.at(-1)?.length !== 0);
    const moving = await this.#reader.read(`${this.#name}.moving.1`, 0, 0);
    if (moving.kind === "read") return "moving";
    const newest = await this.#part(1);
    if (moving.kind === "unreachable" || newest === "unreachable") return undefined;
    if (newest !== this.#newest) return await this.#moved();
    if (sizeBytes < this.#offset) {
      // Nothing is kept of it, or its task emptied it.
      this.#offset = 0;
      return "again";
    }
    this.#offset = atBytes;
    return Buffer.concat(pieces);
  }

  async #readPart(): Promise<Uint8Array | undefined | "again"> {
    const part = this.#backlog[0] as Backlog;
    const read = await this.#reader.read(this.#nameOf(part.number), part.offset);
    if (read.kind === "unreachable") return undefined;
    const newest = await this.#part(1);
    if (newest === "unreachable") return undefined;
    if (newest !== this.#newest) return await this.#moved();
    if (read.kind === "missing" || read.data.length === 0) {
      this.#missed ||= read.kind === "missing";
      this.#backlog.shift();
      return "again";
    }
    part.offset += read.data.length;
    return read.data;
  }

  /** Finds the place anew: what was in the file is in parts now, and the others have other numbers. */
  async #moved(): Promise<undefined | "again"> {
    const parts = await this.#parts();
    if (parts === undefined) return undefined;
    const known = parts.findIndex(({ id }) => id === this.#newest);
    // Where one part is kept, the next takes its place.
    const isKnown = known !== -1 || this.#newest === undefined || parts.length === 1;
    const added = known === -1 ? parts : parts.slice(0, known);
    if (isKnown) for (const part of this.#backlog) part.number += added.length;
    else {
      this.#missed = true;
      this.#backlog = [];
      this.#offset = 0;
    }
    for (let number = added.length; number > 0; number--) {
      const { sizeBytes } = added[number - 1] as Part;
      if (this.#offset < sizeBytes) {
        this.#backlog.push({ number, offset: this.#offset });
        this.#offset = 0;
      } else this.#offset -= sizeBytes;
    }
    this.#newest = parts[0]?.id;
    return "again";
  }

  /** The newest first; undefined when the agent cannot be reached. */
  async #parts(): Promise<readonly Part[] | undefined> {
    for (;;) {
      const parts: Part[] = [];
      for (;;) {
        const head = await this.#reader.read(this.#nameOf(parts.length + 1), 0, HEAD_BYTES);
        if (head.kind === "unreachable") return undefined;
        if (head.kind === "missing") break;
        parts.push({ id: idOf(head), sizeBytes: head.sizeBytes });
      }
      // Moved while they were looked at: some were seen twice.
      const newest = await this.#part(1);
      if (newest === "unreachable") return undefined;
      if (newest === parts[0]?.id) return parts;
    }
  }

  /** What a part is known by; undefined when there is none with the number. */
  async #part(number: number): Promise<string | undefined | "unreachable"> {
    const head = await this.#reader.read(this.#nameOf(number), 0, HEAD_BYTES);
    if (head.kind === "read") return idOf(head);
    return head.kind === "missing" ? undefined : head.kind;
  }

  /** 0: the file itself. */
  #nameOf(number: number): string {
    return number === 0 ? this.#name : `${this.#name}.${number}`;
  }
}

function idOf({ data, sizeBytes }: { readonly data: Uint8Array; readonly sizeBytes: number }): string {
  return `${sizeBytes} ${Buffer.from(data).toString("latin1")}`;
}
