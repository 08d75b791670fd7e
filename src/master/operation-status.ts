/** Ends of operations on their way to frameworks, until they are acknowledged (RES-29). */
import { present } from "../base/assert.ts";
import { sameBytes } from "../base/bytes.ts";
import { MINUTE_MS, SECOND_MS } from "../base/time.ts";
import type { OperationStatus } from "../model/v1/offers.ts";
import type { SchedulerCall } from "../model/v1/scheduler.ts";
import { decodeBlob } from "../wire/blob.ts";
import type { Leader } from "./leader.ts";
import type { FrameworkMemory } from "./memory.ts";
import { timerName } from "./timer-names.ts";

/** As status updates are repeated (Mesos slave/constants.hpp). */
const RETRY_MIN_MS = 10 * SECOND_MS;
const RETRY_MAX_MS = 10 * MINUTE_MS;

export function operationKey(frameworkId: string, operationId: string): string {
  return `${frameworkId}/${operationId}`;
}

export function sendOperationStatus(
  leader: Leader,
  framework: FrameworkMemory,
  status: OperationStatus,
): void {
  leader.send(framework, { type: "UPDATE_OPERATION_STATUS", update_operation_status: { status } });
}

/** All that the framework has not acknowledged; the distance to the next time starts anew. */
export function resendOperations(leader: Leader, framework: FrameworkMemory): void {
  framework.operationRetryMs = 0;
  resend(leader, framework);
}

export function operationsDue(leader: Leader, frameworkId: string): void {
  const framework = leader.frameworks.get(frameworkId);
  if (framework?.streamId !== undefined) resend(leader, framework);
}

function resend(leader: Leader, framework: FrameworkMemory): void {
  let sent = false;
  for (const { status } of leader.registry.operations(framework.id)) {
    sendOperationStatus(leader, framework, decodeBlob("OperationStatus", status));
    sent = true;
  }
  if (sent) repeatLater(leader, framework);
}

function repeatLater(leader: Leader, framework: FrameworkMemory): void {
  const retryMs = Math.min(Math.max(2 * framework.operationRetryMs, RETRY_MIN_MS), RETRY_MAX_MS);
  framework.operationRetryMs = retryMs;
  leader.timers.set(timerName("operations", framework.id), leader.now.monotonicMs + retryMs);
}

/** The end of an operation is committed: for the first time the framework hears of it. */
export function announceEnd(leader: Leader, framework: FrameworkMemory, status: Uint8Array): void {
  leader.counters.bump("operations/finished");
  sendOperationStatus(leader, framework, decodeBlob("OperationStatus", status));
  framework.operationRetryMs = 0;
  repeatLater(leader, framework);
}

export function acknowledgeOperation(leader: Leader, framework: FrameworkMemory, call: SchedulerCall): void {
  const body = present(call.acknowledge_operation_status, "The call must have been validated");
  const operationId = body.operation_id.value;
  const operation = leader.registry.operation(framework.id, operationId);
  if (operation === undefined || !sameBytes(operation.statusUuid, body.uuid)) return;
  const { statusUuid } = operation;
  leader.propose({ kind: "acknowledge-operation", frameworkId: framework.id, operationId, statusUuid });
}
