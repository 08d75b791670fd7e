/**
 * Follows one file of a task's sandbox through the agent's public READ_FILE
 * call, byte for byte.
 */
import { decodeJson } from "../../wire/json-decode.ts";
import { encodeJson } from "../../wire/json-encode.ts";

/** Bytes asked for at once; agents answer at most 64 KiB (mesos-wire.md 6.1). */
const READ_BYTES = 65_536;
/** An agent that does not answer in this time counts as gone for now. */
const READ_TIMEOUT_MS = 5_000;

export interface TaskPlace {
  /** `host:port` of the agent's HTTP API. */
  readonly agent: string;
  readonly frameworkId: string;
  readonly executorId: string;
}

export class SandboxFile {
  readonly #agent: string;
  readonly #path: string;
  #offset: number;

  /** `name`: file name in the sandbox, "stdout" or "stderr". */
  constructor(place: TaskPlace, name: string, offset = 0) {
    this.#agent = place.agent;
    this.#path = `/frameworks/${place.frameworkId}/executors/${place.executorId}/runs/latest/${name}`;
    this.#offset = offset;
  }

  /**
   * What was appended since the last call: possibly nothing; undefined when the agent or the file is not
   * there.
   */
  async readOn(): Promise<Uint8Array | undefined> {
    const chunk = await this.#read(this.#offset);
    if (chunk !== undefined) this.#offset += chunk.data.length;
    return chunk?.data;
  }

  /** Starts at the last `lines` lines of what is there now. */
  async seekToLastLines(lines: number): Promise<void> {
    const size = (await this.#read(0))?.size ?? 0;
    const from = Math.max(0, size - READ_BYTES);
    const tail = (await this.#read(from))?.data ?? new Uint8Array(0);
    let at = tail.length;
    for (let found = 0; at > 0; at--) {
      if (tail[at - 1] === 0x0a && at !== tail.length && ++found === lines) break;
    }
    this.#offset = from + at;
  }

  async #read(offset: number): Promise<{ data: Uint8Array; size: number } | undefined> {
    const call = encodeJson("AgentCall", {
      type: "READ_FILE",
      read_file: { path: this.#path, offset, length: READ_BYTES },
    });
    try {
      const response = await fetch(`http://${this.#agent}/api/v1`, {
        method: "POST",
        body: call,
        signal: AbortSignal.timeout(READ_TIMEOUT_MS),
        headers: { "Content-Type": "application/json", Accept: "application/json" },
      });
      const text = await response.text();
      if (response.status !== 200) return undefined;
      const answer = decodeJson("AgentResponse", text);
      return answer.ok ? answer.value.read_file : undefined;
    } catch {
      // The agent is restarting, or gone; the caller decides how long to try.
      return undefined;
    }
  }
}
