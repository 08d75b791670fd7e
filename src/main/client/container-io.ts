/**
 * Input and output of containers by an agent's public API: RecordIO streams of
 * ProcessIO messages, in protobuf, where bytes stay bytes.
 */
import { MeshError } from "../../base/errors.ts";
import { directFetch } from "../../io/direct-fetch.ts";
import type { AgentCall, ProcessIO } from "../../model/v1/agent.ts";
import type { AgentResponse } from "../../model/v1/agent-responses.ts";
import type { ContainerID } from "../../model/v1/ids.ts";
import { decodeProtobuf, encodeProtobuf } from "../../wire/protobuf.ts";
import { encodeRecord, RecordDecoder } from "../../wire/record-io.ts";
import { codeOf } from "./master-client.ts";

const PROTOBUF = "application/x-protobuf";
const RECORDIO = "application/recordio";

/** Bun's fetch ends requests that are silent for five minutes, unless told otherwise. */
const FOR_EVER = { timeout: false } as const;

function refused(call: AgentCall["type"], status: number, text: string): MeshError {
  return new MeshError("REQUEST_REFUSED", `The agent refused ${call}: ${status} ${text.trim()}`);
}

/** What to throw for an error of a connection. It tells nothing to who has given the request up. */
function away(agent: string, what: string, error: unknown, signal?: AbortSignal): unknown {
  if (signal?.aborted === true) return error;
  return new MeshError(
    "AGENT_UNREACHABLE",
    `The agent at '${agent}' ${what}${codeOf(error)}: start it again, or wait for it; its tasks run on`,
  );
}

async function asked(agent: string, init: RequestInit & { signal?: AbortSignal }): Promise<Response> {
  try {
    return await directFetch(`http://${agent}/api/v1`, { ...init, ...FOR_EVER });
  } catch (error) {
    throw away(agent, "does not answer", error, init.signal);
  }
}

/** A call that is answered by one message, or none. */
export async function agentCall(agent: string, call: AgentCall): Promise<AgentResponse> {
  const response = await asked(agent, {
    method: "POST",
    body: encodeProtobuf("AgentCall", call),
    headers: { "Content-Type": PROTOBUF, Accept: PROTOBUF },
  });
  if (response.status !== 200) throw refused(call.type, response.status, await response.text());
  const answer = decodeProtobuf("AgentResponse", await response.bytes());
  if (answer.ok) return answer.value;
  throw new MeshError("REQUEST_REFUSED", `Answer to ${call.type} cannot be read: ${answer.error}`);
}

/** A call that is answered by a stream. Resolves when the agent has begun it. */
export async function openOutput(
  agent: string,
  call: AgentCall,
  signal: AbortSignal,
): Promise<AsyncGenerator<ProcessIO>> {
  const response = await asked(agent, {
    method: "POST",
    body: encodeProtobuf("AgentCall", call),
    headers: { "Content-Type": PROTOBUF, Accept: RECORDIO, "Message-Accept": PROTOBUF },
    signal,
  });
  if (response.status !== 200 || response.body === null) {
    throw refused(call.type, response.status, await response.text());
  }
  return messages(response.body, (error) => away(agent, "broke off", error, signal));
}

async function* messages(
  body: ReadableStream<Uint8Array>,
  broken: (error: unknown) => unknown,
): AsyncGenerator<ProcessIO> {
  const decoder = new RecordDecoder();
  const reader = body.getReader();
  for (;;) {
    const { done, value } = await reader.read().catch((error: unknown) => {
      throw broken(error);
    });
    if (done) return;
    const records = decoder.push(value);
    if (!records.ok)
      throw new MeshError("REQUEST_REFUSED", `The agent's output cannot be read: ${records.error}`);
    for (const record of records.value) {
      const message = decodeProtobuf("ProcessIO", record);
      if (message.ok) yield message.value;
    }
  }
}

/** Feeds the input of a container over one request. */
export class InputRequest {
  /** Why the agent took no more; undefined when it took everything, or the request was given up. */
  readonly refusal: Promise<string | undefined>;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;

  constructor(agent: string, containerId: ContainerID, signal: AbortSignal) {
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    this.#writer = writable.getWriter();
    this.#writer.closed.catch(() => {});
    this.refusal = directFetch(`http://${agent}/api/v1`, {
      method: "POST",
      body: readable,
      headers: { "Content-Type": RECORDIO, "Message-Content-Type": PROTOBUF, Accept: PROTOBUF },
      signal,
      ...FOR_EVER,
    }).then(
      async (response) => (response.status === 200 ? undefined : await response.text()),
      () => undefined,
    );
    void this.#send({ type: "CONTAINER_ID", container_id: containerId });
  }

  /** Resolves when there is room for more; false when the agent takes no more. */
  give(message: ProcessIO): Promise<boolean> {
    return this.#send({ type: "PROCESS_IO", process_io: message });
  }

  async #send(body: NonNullable<AgentCall["attach_container_input"]>): Promise<boolean> {
    const call: AgentCall = { type: "ATTACH_CONTAINER_INPUT", attach_container_input: body };
    try {
      await this.#writer.write(encodeRecord(encodeProtobuf("AgentCall", call)));
      await this.#writer.ready;
      return true;
    } catch {
      return false;
    }
  }

  /** Everything was given. */
  async end(): Promise<void> {
    await this.#writer.close().catch(() => {});
  }
}
