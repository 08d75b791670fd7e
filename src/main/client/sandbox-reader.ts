/** Reads files of a task's sandbox through the agent's public READ_FILE call, byte for byte. */

import { directFetch } from "../../io/direct-fetch.ts";
import { decodeJson } from "../../wire/json-decode.ts";
import { encodeJson } from "../../wire/json-encode.ts";

/** Bytes asked for at once; agents answer at most 64 KiB (mesos-wire.md 6.1). */
export const READ_BYTES = 65_536;
/** An agent that does not answer in this time counts as gone for now. */
const READ_TIMEOUT_MS = 5_000;

export interface TaskPlace {
  /** `host:port` of the agent's HTTP API. */
  readonly agent: string;
  readonly frameworkId: string;
  readonly executorId: string;
  /** Of a pod's task: its sandbox is inside that of its executor. */
  readonly taskId?: string;
}

export type ReadAnswer =
  | { readonly kind: "read"; readonly data: Uint8Array; readonly sizeBytes: number }
  /** The agent has no such file. */
  | { readonly kind: "missing" }
  /** The agent is restarting, or gone; the caller decides how long to try. */
  | { readonly kind: "unreachable" };

export class SandboxReader {
  readonly #agent: string;
  readonly #sandbox: string;

  constructor({ agent, executorId, frameworkId, taskId }: TaskPlace) {
    this.#agent = agent;
    const sandbox = `/frameworks/${frameworkId}/executors/${executorId}/runs/latest`;
    this.#sandbox = taskId === undefined ? sandbox : `${sandbox}/tasks/${taskId}`;
  }

  /** What the file holds from the offset on, up to READ_BYTES of it. */
  async read(name: string, offset: number, lengthBytes = READ_BYTES): Promise<ReadAnswer> {
    const call = encodeJson("AgentCall", {
      type: "READ_FILE",
      read_file: { path: `${this.#sandbox}/${name}`, offset, length: lengthBytes },
    });
    try {
      const response = await directFetch(`http://${this.#agent}/api/v1`, {
        method: "POST",
        body: call,
        signal: AbortSignal.timeout(READ_TIMEOUT_MS),
        headers: { "Content-Type": "application/json", Accept: "application/json" },
      });
      const text = await response.text();
      if (response.status === 404) return { kind: "missing" };
      const answer = response.status === 200 ? decodeJson("AgentResponse", text) : undefined;
      const file = answer?.ok === true ? answer.value.read_file : undefined;
      return file === undefined
        ? { kind: "unreachable" }
        : { kind: "read", data: file.data, sizeBytes: file.size };
    } catch {
      return { kind: "unreachable" };
    }
  }
}
