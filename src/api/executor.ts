/**
 * The executor API, `POST /api/v1/executor` on the agent: checks in the order
 * of mesos-wire.md section 5.1. The agent runs no executors of frameworks
 * yet, so that no call gets beyond step 8.
 */
import { fail, ok, type Result } from "../base/result.ts";
import { UUID_BYTES } from "../base/uuid.ts";
import type { ExecutorCall, ExecutorCallType } from "../model/v1/executor.ts";
import { negotiate, readCall } from "./codec.ts";
import type { AgentContext, Handler } from "./context.ts";
import { methodNotAllowed, notImplemented, text } from "./respond.ts";

export function executorApi(context: AgentContext): Handler {
  const { port } = context;
  return async (request) => {
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
    const framework = port.framework(call.framework_id.value);
    if (framework === undefined) return text(400, "Framework cannot be found");
    const known = framework.executors.some(
      (executor) => !executor.completed && executor.executorId === call.executor_id.value,
    );
    if (!known) return text(400, "Executor cannot be found");
    return notImplemented(type.value);
  };
}

/** slave/validation.cpp, executor::call::validate. */
function validate(call: ExecutorCall): Result<ExecutorCallType> {
  const { type } = call;
  if (type === undefined) return fail("Expecting 'type' to be present");
  if (type === "SUBSCRIBE" && call.subscribe === undefined)
    return fail("Expecting 'subscribe' to be present");
  if (type === "MESSAGE" && call.message === undefined) return fail("Expecting 'message' to be present");
  const problem = type === "UPDATE" ? checkUpdate(call) : undefined;
  return problem === undefined ? ok(type) : fail(problem);
}

function checkUpdate(call: ExecutorCall): string | undefined {
  const status = call.update?.status;
  if (status === undefined) return "Expecting 'update' to be present";
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
  return undefined;
}
