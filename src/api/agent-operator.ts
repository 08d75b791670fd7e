/** An agent's operator API, `POST /api/v1`: checks in the order of mesos-wire.md section 6.3. */
import { accepts } from "./accept.ts";
import { answerAgentCall } from "./agent-calls.ts";
import { JSON_TYPE, negotiate, PROTOBUF_TYPE, RECORDIO_TYPE, readCall } from "./codec.ts";
import { attachInput } from "./container-input.ts";
import { negotiateStream } from "./container-output.ts";
import type { AgentContext, Handler } from "./context.ts";
import { answerStreamed, isStreamed } from "./output-calls.ts";
import { methodNotAllowed, payload, text } from "./respond.ts";
import { validateOperatorCall } from "./validate-operator-call.ts";

export function agentOperatorApi(context: AgentContext): Handler {
  return async (request) => {
    if (!context.port.recovered()) return text(503, "Agent has not finished recovery");
    if (request.method !== "POST") return methodNotAllowed(["POST"], request.method);
    const refused = refuseTypes(request);
    if (refused) return refused;
    if (request.headers.get("Content-Type") === RECORDIO_TYPE) {
      return attachInput(context, request, request.headers.get("Message-Content-Type") ?? JSON_TYPE);
    }
    const call = await readCall(request, "AgentCall");
    if (!call.ok) return call.error;
    const type = validateOperatorCall("AgentCall", call.value);
    if (!type.ok) return text(400, `Failed to validate agent::Call: ${type.error}`);
    if (type.value === "ATTACH_CONTAINER_INPUT") {
      return text(415, `Expecting 'Content-Type' to be ${RECORDIO_TYPE} for ATTACH_CONTAINER_INPUT`);
    }
    if (isStreamed(type.value)) {
      const stream = negotiateStream(request.headers);
      if (stream === undefined) return text(406, `Expecting 'Accept' to allow ${STREAM_TYPES}`);
      return answerStreamed(context, request, call.value, stream);
    }
    const encoder = negotiate(request);
    if (!encoder.ok) return encoder.error;
    if (type.value.startsWith("WAIT_")) context.neverIdle?.(request);
    const answer = await answerAgentCall(context, type.value, call.value, request.signal);
    if (answer instanceof Response) return answer;
    const { contentType } = encoder.value;
    return payload(request, contentType, encoder.value.encode("AgentResponse", answer));
  };
}

const STREAM_TYPES = `'${JSON_TYPE}' or '${PROTOBUF_TYPE}' or '${RECORDIO_TYPE}'`;

/** The checks of content types and `Accept` that come before the body is read. */
function refuseTypes(request: Request): Response | undefined {
  return refuseContentType(request.headers) ?? refuseAccept(request.headers);
}

function refuseContentType(headers: Headers): Response | undefined {
  const type = headers.get("Content-Type");
  const inner = headers.get("Message-Content-Type");
  if (type === null) return text(400, "Expecting 'Content-Type' to be present");
  if (type !== JSON_TYPE && type !== PROTOBUF_TYPE && type !== RECORDIO_TYPE) {
    return text(415, `Expecting 'Content-Type' of ${JSON_TYPE} or ${PROTOBUF_TYPE} or ${RECORDIO_TYPE}`);
  }
  if (type !== RECORDIO_TYPE) {
    if (inner === null) return undefined;
    return text(415, `Expecting 'Message-Content-Type' to be not set for 'Content-Type' ${type}`);
  }
  if (inner === null) return text(400, "Expecting 'Message-Content-Type' to be present");
  if (inner !== JSON_TYPE && inner !== PROTOBUF_TYPE) {
    return text(415, `Expecting 'Message-Content-Type' of ${JSON_TYPE} or ${PROTOBUF_TYPE}`);
  }
  return undefined;
}

function refuseAccept(headers: Headers): Response | undefined {
  const accept = headers.get("Accept");
  const inner = headers.get("Message-Accept");
  const single = accepts(accept, JSON_TYPE) || accepts(accept, PROTOBUF_TYPE);
  if (!single && !accepts(accept, RECORDIO_TYPE)) {
    return text(406, `Expecting 'Accept' to allow ${STREAM_TYPES}`);
  }
  if (inner === null) return undefined;
  if (single) return text(406, "Expecting 'Message-Accept' to be not set unless 'Accept' is recordio");
  if (accepts(inner, JSON_TYPE) || accepts(inner, PROTOBUF_TYPE)) return undefined;
  return text(406, `Expecting 'Message-Accept' to allow '${JSON_TYPE}' or '${PROTOBUF_TYPE}'`);
}
