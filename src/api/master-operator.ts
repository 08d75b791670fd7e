/** The master's operator API, `POST /api/v1`: checks in the order of mesos-wire.md section 6.1. */
import { JSON_TYPE, type MessageEncoder, negotiate, readCall } from "./codec.ts";
import type { Handler, MasterContext } from "./context.ts";
import { refuseFollower, refuseUnrecovered } from "./leader.ts";
import { answerMasterCall } from "./master-calls.ts";
import { isListCall, listAnswer } from "./master-lists.ts";
import { listAnswerProtobuf } from "./master-lists-protobuf.ts";
import { OperatorStreams } from "./operator-stream.ts";
import { methodNotAllowed, notImplemented, payload, text } from "./respond.ts";
import { validateOperatorCall } from "./validate-operator-call.ts";

export function masterOperatorApi(context: MasterContext): Handler {
  const { port } = context;
  const streams = new OperatorStreams(context);
  return async (request) => {
    const refused = refuseFollower(port, request) ?? refuseUnrecovered(port);
    if (refused) return refused;
    if (request.method !== "POST") return methodNotAllowed(["POST"], request.method);
    const call = await readCall(request, "MasterCall");
    if (!call.ok) return call.error;
    const type = validateOperatorCall("MasterCall", call.value);
    if (!type.ok) return text(400, `Failed to validate master::Call: ${type.error}`);
    const encoder = negotiate(request);
    if (!encoder.ok) return encoder.error;
    if (type.value === "UNKNOWN") return notImplemented("UNKNOWN");
    if (type.value === "SUBSCRIBE") return streams.subscribe(request, encoder.value);
    if (isListCall(type.value)) {
      const { contentType } = encoder.value;
      const answer = contentType === JSON_TYPE ? listAnswer : listAnswerProtobuf;
      return payload(request, contentType, await answer(context.slices, port.view(), type.value));
    }
    const answer = await answerMasterCall(context, type.value, call.value, request);
    return answer instanceof Response ? answer : encoded(request, encoder.value, answer);
  };
}

function encoded(
  request: Request,
  encoder: MessageEncoder,
  answer: Parameters<typeof encoder.encode<"MasterResponse">>[1],
): Promise<Response> {
  return payload(request, encoder.contentType, encoder.encode("MasterResponse", answer));
}
