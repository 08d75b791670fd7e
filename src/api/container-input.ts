/**
 * ATTACH_CONTAINER_INPUT: a request whose body is a RecordIO stream, first the
 * container's id, then ProcessIO messages. The body is read as fast as the
 * program takes it.
 */
import type { ContainerInput } from "../agent/port.ts";
import { fail, ok, type Result } from "../base/result.ts";
import type { AgentCall, ProcessIO } from "../model/v1/agent.ts";
import { decodeJson } from "../wire/json-decode.ts";
import { decodeProtobuf } from "../wire/protobuf.ts";
import { RecordDecoder } from "../wire/record-io.ts";
import { JSON_TYPE } from "./codec.ts";
import { validateContainerId } from "./container-id.ts";
import type { AgentContext } from "./context.ts";
import { text } from "./respond.ts";

const utf8 = new TextDecoder();

/** @param messageType content type of the records */
export async function attachInput(
  context: AgentContext,
  request: Request,
  messageType: string,
): Promise<Response> {
  context.neverIdle?.(request);
  const calls = inputCalls(request, messageType);
  const first = await calls.next();
  if (first.done === true) return text(400, "Expecting the container's id as the first record");
  if (!first.value.ok) return first.value.error;
  const { type, attach_container_input: body } = first.value.value;
  if (type !== "ATTACH_CONTAINER_INPUT") {
    return text(415, `Requests as RecordIO are for ATTACH_CONTAINER_INPUT only, and not for ${type}`);
  }
  const id = body?.container_id;
  if (body?.type !== "CONTAINER_ID" || id === undefined) {
    return text(400, "Expecting 'attach_container_input.type' to be CONTAINER_ID in the first record");
  }
  const wrong = validateContainerId(id, "attach_container_input.container_id");
  if (wrong !== undefined) return text(400, `Failed to validate agent::Call: ${wrong}`);
  const input = context.port.containers.attachInput(id);
  if (!input.ok) return text(input.error.status, input.error.body);
  try {
    return await give(input.value, calls);
  } finally {
    input.value.release();
  }
}

async function give(
  input: ContainerInput,
  calls: AsyncIterable<Result<AgentCall, Response>>,
): Promise<Response> {
  for await (const call of calls) {
    if (!call.ok) return call.error;
    const body = call.value.attach_container_input;
    if (body?.type !== "PROCESS_IO" || body.process_io === undefined) {
      return text(400, "Expecting 'attach_container_input.type' to be PROCESS_IO after the first record");
    }
    const problem = await take(input, body.process_io);
    if (problem !== undefined) return text(400, problem);
  }
  return text(200, "");
}

/** Why a message cannot be followed. */
async function take(input: ContainerInput, { type, data, control }: ProcessIO): Promise<string | undefined> {
  if (type === "DATA") {
    if (data?.type !== "STDIN") return "Expecting 'process_io.data.type' to be STDIN";
    const bytes = data.data ?? new Uint8Array();
    // In Mesos data of no length is the end of input.
    if (bytes.length === 0) input.end();
    else if (!(await input.write(bytes))) return "Failed to write: the program takes no more input";
    return undefined;
  }
  if (type !== "CONTROL") return "Expecting 'process_io.type' to be DATA or CONTROL";
  if (control?.type !== "TTY_INFO") return undefined;
  const size = control.tty_info?.window_size;
  if (size === undefined) return "Expecting 'process_io.control.tty_info.window_size' to be present";
  if (!input.resize(size)) return "Failed to change the window size: the program has no terminal";
  return undefined;
}

/** Ends after the first error. */
async function* inputCalls(
  request: Request,
  messageType: string,
): AsyncGenerator<Result<AgentCall, Response>> {
  const decoder = new RecordDecoder();
  try {
    for await (const chunk of (request.body ?? []) as AsyncIterable<Uint8Array>) {
      const records = decoder.push(chunk);
      if (!records.ok) {
        yield fail(text(400, records.error));
        return;
      }
      for (const record of records.value) yield decodeCall(record, messageType);
    }
  } catch {
    // The client went away: what came whole was given.
  }
}

function decodeCall(record: Uint8Array, messageType: string): Result<AgentCall, Response> {
  if (messageType !== JSON_TYPE) {
    const call = decodeProtobuf("AgentCall", record);
    return call.ok ? call : fail(text(400, "Failed to parse body into Call protobuf"));
  }
  const call = decodeJson("AgentCall", utf8.decode(record));
  return call.ok ? ok(call.value) : fail(text(400, `Failed to parse body into Call: ${call.error.message}`));
}
