/**
 * The scheduler API, `POST /api/v1/scheduler`: checks a call in the order of
 * mesos-wire.md section 4.1 and hands it to the master. Steps 3 to 12 are
 * here; 13 to 20 need the frameworks and are the master's.
 */

import type { SchedulerCall, SchedulerEvent } from "../model/v1/scheduler.ts";
import { checkSchedulerCall } from "../model/validate-scheduler-call.ts";
import { type MessageEncoder, negotiate, readCall } from "./codec.ts";
import type { Handler, MasterContext } from "./context.ts";
import { schedulerRecords } from "./event-records.ts";
import { EventStream } from "./event-stream.ts";
import { refuseFollower, refuseUnrecovered } from "./leader.ts";
import { methodNotAllowed, text } from "./respond.ts";
import { streamAnswer } from "./stream-answer.ts";

export function schedulerApi(context: MasterContext): Handler {
  const { port } = context;
  return async (request) => {
    const refused = refuseFollower(port, request) ?? refuseUnrecovered(port);
    if (refused) return refused;
    if (request.method !== "POST") return methodNotAllowed(["POST"], request.method);
    const call = await readCall(request, "SchedulerCall");
    if (!call.ok) return call.error;
    const problem = checkSchedulerCall(call.value);
    if (problem !== undefined) return text(400, `Failed to validate scheduler::Call: ${problem}`);
    return dispatch(context, request, call.value);
  };
}

async function dispatch(context: MasterContext, request: Request, call: SchedulerCall): Promise<Response> {
  const streamId = request.headers.get("Mesos-Stream-Id") ?? undefined;
  if (call.type === "SUBSCRIBE" || call.type === "RECONCILE_OPERATIONS") {
    const encoder = negotiate(request);
    if (!encoder.ok) return encoder.error;
    if (call.type === "SUBSCRIBE") {
      if (streamId === undefined) return subscribe(context, request, call, encoder.value);
      return text(400, "Subscribe calls should not include the 'Mesos-Stream-Id' header");
    }
  }
  const answer = await context.port.call(call, { streamId, principal: undefined });
  return text(answer.status, answer.body);
}

async function subscribe(
  context: MasterContext,
  request: Request,
  call: SchedulerCall,
  encoder: MessageEncoder,
): Promise<Response> {
  const stream = new EventStream<SchedulerEvent>({
    encode: (event) => schedulerRecords(encoder, event),
    log: context.log,
  });
  const subscription = context.port.subscribe(call, undefined, stream);
  stream.onDisconnect(() => subscription.disconnected());
  return streamAnswer(stream, request, {
    "Content-Type": encoder.contentType,
    "Mesos-Stream-Id": subscription.streamId,
  });
}
