/** Which bytes stand for a message: the one place that knows content types. */
import { fail, ok, type Result } from "../base/result.ts";
import type { MessageName, MessageTypes } from "../model/v1/message-types.ts";
import { decodeJson } from "../wire/json-decode.ts";
import { decodeProtobuf, encodeProtobuf } from "../wire/protobuf.ts";
import { accepts } from "./accept.ts";
import { encodeListedJson } from "./listed-json.ts";
import { readBody } from "./request-body.ts";
import { text } from "./respond.ts";

export const JSON_TYPE = "application/json";
export const PROTOBUF_TYPE = "application/x-protobuf";
export const RECORDIO_TYPE = "application/recordio";

/** Writes messages as the client accepts them. */
export interface MessageEncoder {
  readonly contentType: string;
  encode<N extends MessageName>(name: N, message: MessageTypes[N]): string | Uint8Array;
}

export const jsonEncoder: MessageEncoder = { contentType: JSON_TYPE, encode: encodeListedJson };
export const protobufEncoder: MessageEncoder = { contentType: PROTOBUF_TYPE, encode: encodeProtobuf };

/**
 * The encoder for an `Accept` header: JSON first, as Mesos; undefined when
 * neither JSON nor protobuf is acceptable.
 */
export function negotiate(request: Request): Result<MessageEncoder, Response> {
  const accept = request.headers.get("Accept");
  if (accepts(accept, JSON_TYPE)) return ok(jsonEncoder);
  if (accepts(accept, PROTOBUF_TYPE)) return ok(protobufEncoder);
  return fail(text(406, `Expecting 'Accept' to allow '${PROTOBUF_TYPE}' or '${JSON_TYPE}'`));
}

/** Which media types an endpoint takes, as its 415 says. */
const EXPECTED_TYPES = `Expecting 'Content-Type' of ${JSON_TYPE} or ${PROTOBUF_TYPE}`;

/** Steps 6 to 8 of mesos-wire.md section 4.1: the call of the body, or the answer that refuses it. */
export async function readCall<N extends MessageName>(
  request: Request,
  name: N,
): Promise<Result<MessageTypes[N], Response>> {
  const contentType = request.headers.get("Content-Type");
  // The body is read whole even when it is refused: the connection stays usable.
  const body = await readBody(request);
  if (contentType === null) return fail(text(400, "Expecting 'Content-Type' to be present"));
  if (contentType !== JSON_TYPE && contentType !== PROTOBUF_TYPE) return fail(text(415, EXPECTED_TYPES));
  if (!body.ok) return body;
  if (contentType === JSON_TYPE) return readJsonCall(body.value, name);
  const call = decodeProtobuf(name, body.value);
  return call.ok ? call : fail(text(400, "Failed to parse body into Call protobuf"));
}

const utf8 = new TextDecoder();

function readJsonCall<N extends MessageName>(body: Uint8Array, name: N): Result<MessageTypes[N], Response> {
  const call = decodeJson(name, utf8.decode(body));
  if (call.ok) return call;
  const { kind, message } = call.error;
  if (kind === "syntax") return fail(text(400, `Failed to parse body into JSON: ${message}`));
  return fail(text(400, `Failed to convert JSON into Call protobuf: ${message}`));
}
