/**
 * The executor API, `POST /api/v1/executor` on the agent: checks in the order
 * of mesos-wire.md section 5.1.
 */
import type { CallAnswer } from "../agent/port.ts";
import { fail, ok, type Result } from "../base/result.ts";
import { UUID_BYTES } from "../base/uuid.ts";
import type {
  ExecutorCall,
  ExecutorCallType,
  ExecutorCallUpdate,
  ExecutorEvent,
} from "../model/v1/executor.ts";
import { negotiate, readCall } from "./codec.ts";
import type { AgentContext, Handler } from "./context.ts";
import { EventStream } from "./event-stream.ts";
import { authenticate, claimsProblem } from "./executor-authentication.ts";
import { methodNotAllowed, notImplemented, text } from "./respond.ts";
import { streamAnswer } from "./stream-answer.ts";

export function executorApi(context: AgentContext): Handler {
  const { port } = context;
  return async (request) => {
    const caller = authenticate(request, context);
    if (!caller.ok) return caller.error;
    if (!port.recovered()) return text(503, "Agent has not finished recovery");
    if (request.method !== "POST") return methodNotAllowed(["POST"], request.method);
    const decoded = await readCall(request, "ExecutorCall");
    if (!decoded.ok) return decoded.error;
    const call = decoded.value;
    const type = validate(call);
    if (!type.ok) return text(400, `Failed to validate Executor::Call: ${type.error}`);
    if (type.value === "SUBSCRIBE") {
      const encoder = negotiate(request);
      if (!encoder.ok) return encoder.error;
    }
    if (type.value === "HEARTBEAT") return text(202, "");
    const standing = port.executors.standing(call.framework_id.value, call.executor_id.value);
    if (standing === "framework-unknown") return text(400, "Framework cannot be found");
    if (standing === "executor-unknown") return text(400, "Executor cannot be found");
    const [fid, eid] = [call.framework_id.value, call.executor_id.value];
    const claims = { fid, eid, cid: port.executors.containerOf(fid, eid) ?? "" };
    const foreign = caller.value && claimsProblem(caller.value, claims);
    if (foreign !== undefined) return text(403, foreign);
    if (type.value === "SUBSCRIBE") return subscribe(context, request, call);
    if (standing === "registering") return text(403, "Executor is not subscribed");
    if (type.value === "UNKNOWN") return notImplemented(type.value);
    const answer = await new Promise<CallAnswer>((answered) => port.executors.call(call, answered));
    return text(answer.status, answer.body);
  };
}

async function subscribe(context: AgentContext, request: Request, call: ExecutorCall): Promise<Response> {
  const encoder = negotiate(request);
  if (!encoder.ok) return encoder.error;
  const { contentType, encode } = encoder.value;
  const stream = new EventStream<ExecutorEvent>({
    encode: (event) => [encode("ExecutorEvent", event)],
    log: context.log,
  });
  const subscription = context.port.executors.subscribe(call, stream);
  stream.onDisconnect(() => subscription.disconnected());
  context.neverIdle?.(request);
  return streamAnswer(stream, request, { "Content-Type": contentType });
}

/** slave/validation.cpp, executor::call::validate. */
function validate(call: ExecutorCall): Result<ExecutorCallType> {
  const { type } = call;
  if (type === undefined) return fail("Expecting 'type' to be present");
  // Without a body, as npm's mesos-framework sends it, SUBSCRIBE counts as an empty one; Mesos refuses it.
  if (type === "MESSAGE" && call.message === undefined) return fail("Expecting 'message' to be present");
  if (type === "UPDATE" && call.update === undefined) return fail("Expecting 'update' to be present");
  const problem = updatesOf(call)
    .map((update) => checkUpdate(call, update))
    .find((found) => found !== undefined);
  return problem === undefined ? ok(type) : fail(problem);
}

/** The update of an UPDATE; of a SUBSCRIBE those not acknowledged, which are taken as if they came alone. */
function updatesOf({ type, subscribe, update }: ExecutorCall): readonly ExecutorCallUpdate[] {
  if (type === "SUBSCRIBE") return subscribe?.unacknowledged_updates ?? [];
  return type === "UPDATE" && update !== undefined ? [update] : [];
}

function checkUpdate(call: ExecutorCall, { status }: ExecutorCallUpdate): string | undefined {
  if (status.uuid === undefined) return "Expecting 'uuid' to be present";
  if (status.uuid.length !== UUID_BYTES) return "Not a valid UUID";
  const { executor_id: executorId, source, state } = status;
  if (executorId !== undefined && executorId.value !== call.executor_id.value) {
    const [got, expected] = [executorId.value, call.executor_id.value];
    return `ExecutorID in Call: ${expected} does not match ExecutorID in TaskStatus: ${got}`;
  }
  if (source !== "SOURCE_EXECUTOR") {
    return `Received Call from executor ${call.executor_id.value} with invalid source, expecting SOURCE_EXECUTOR`;
  }
  if (state === "TASK_STAGING") return "Received TASK_STAGING from executor, which is not allowed";
  return holdsNaN(status) ? "Expecting numbers in TaskStatus, got NaN" : undefined;
}

/** Only protobuf can say it, and a master refuses the link of an agent that passes it on. */
function holdsNaN(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return Number.isNaN(value);
  return !(value instanceof Uint8Array) && Object.values(value).some(holdsNaN);
}
