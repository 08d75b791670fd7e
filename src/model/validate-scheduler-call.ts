/**
 * What a scheduler call must carry, whatever the cluster's state (Mesos
 * master/validation.cpp, `scheduler::call::validate`).
 */
import { UUID_BYTES } from "../base/uuid.ts";
import type { FrameworkInfo } from "./v1/frameworks.ts";
import type { SchedulerCall, SchedulerCallType } from "./v1/scheduler.ts";

/** The body each call needs; calls without one need none. */
const BODIES: Readonly<Record<SchedulerCallType, keyof SchedulerCall | undefined>> = {
  UNKNOWN: undefined,
  SUBSCRIBE: "subscribe",
  TEARDOWN: undefined,
  ACCEPT: "accept",
  DECLINE: "decline",
  ACCEPT_INVERSE_OFFERS: "accept_inverse_offers",
  DECLINE_INVERSE_OFFERS: "decline_inverse_offers",
  REVIVE: undefined,
  KILL: "kill",
  SHUTDOWN: "shutdown",
  ACKNOWLEDGE: "acknowledge",
  ACKNOWLEDGE_OPERATION_STATUS: "acknowledge_operation_status",
  RECONCILE: "reconcile",
  RECONCILE_OPERATIONS: "reconcile_operations",
  MESSAGE: "message",
  REQUEST: "request",
  SUPPRESS: undefined,
  UPDATE_FRAMEWORK: "update_framework",
};

/** A call whose `type` was found present. */
export type TypedSchedulerCall = SchedulerCall & { readonly type: SchedulerCallType };

export function isTyped(call: SchedulerCall): call is TypedSchedulerCall {
  return call.type !== undefined;
}

/**
 * Why the call is refused with 400, without the prefix "Failed to validate
 * scheduler::Call: ", or undefined. `principal` is the authenticated one, if any.
 */
export function checkSchedulerCall(call: SchedulerCall, principal?: string): string | undefined {
  if (!isTyped(call)) return "Expecting 'type' to be present";
  if (call.type !== "SUBSCRIBE" && !call.framework_id) return "Expecting 'framework_id' to be present";
  const body = BODIES[call.type];
  if (body !== undefined && call[body] === undefined) return `Expecting '${body}' to be present`;
  return checkBody(call, principal);
}

function checkBody(call: TypedSchedulerCall, principal: string | undefined): string | undefined {
  switch (call.type) {
    case "SUBSCRIBE":
      return (
        checkSameId(call, call.subscribe?.framework_info, "subscribe") ??
        checkPrincipal(call.subscribe?.framework_info, principal)
      );
    case "UPDATE_FRAMEWORK":
      return (
        checkSameId(call, call.update_framework?.framework_info, "update_framework") ??
        checkPrincipal(call.update_framework?.framework_info, principal)
      );
    case "ACKNOWLEDGE":
      return checkUuid(call.acknowledge?.uuid);
    case "ACKNOWLEDGE_OPERATION_STATUS":
      if (call.acknowledge_operation_status?.agent_id === undefined) {
        return "Expecting 'agent_id' to be present";
      }
      return checkUuid(call.acknowledge_operation_status.uuid);
    default:
      return undefined;
  }
}

function checkSameId(call: SchedulerCall, info: FrameworkInfo | undefined, body: string): string | undefined {
  // Mesos compares messages of protobuf, where an unset id has the value "".
  if ((call.framework_id?.value ?? "") === (info?.id?.value ?? "")) return undefined;
  return `'framework_id' differs from '${body}.framework_info.id'`;
}

function checkPrincipal(info: FrameworkInfo | undefined, principal: string | undefined): string | undefined {
  if (principal === undefined || info?.principal === undefined || info.principal === principal)
    return undefined;
  return `Authenticated principal '${principal}' does not match principal '${info.principal}' set in 'FrameworkInfo'`;
}

function checkUuid(uuid: Uint8Array | undefined): string | undefined {
  return uuid?.length === UUID_BYTES ? undefined : "Not a valid UUID";
}
