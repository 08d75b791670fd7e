/** What each operator call of the master answers (mesos-wire.md section 6.1). */
import { assert } from "../base/assert.ts";
import type { MasterCall, MasterCallType } from "../model/v1/master.ts";
import type { MasterResponse } from "../model/v1/master-responses.ts";
import { agentChangeCall } from "./agent-changes.ts";
import type { MasterContext } from "./context.ts";
import { maintenanceCall } from "./maintenance.ts";
import type { ListCall } from "./master-lists.ts";
import { masterInfoMessage } from "./master-messages.ts";
import { operateCall, operationsMessage } from "./operate.ts";
import { text } from "./respond.ts";
import { quotaMessage, roleCall, weightsMessage } from "./role-settings.ts";
import { rolesMessage } from "./roles.ts";
import { sharedCalls } from "./shared-calls.ts";

/** A message to encode, or a whole answer. */
export type Answer = MasterResponse | Response;
type CallHandler = (context: MasterContext, call: MasterCall, request: Request) => Answer | Promise<Answer>;

/** SUBSCRIBE is a stream (operator-stream.ts), UNKNOWN is refused; long answers are of master-lists.ts. */
type AnsweredType = Exclude<MasterCallType, "SUBSCRIBE" | "UNKNOWN" | ListCall>;

/** Answers a call that passed validation: the body named after its type is there. */
export function answerMasterCall(
  context: MasterContext,
  type: AnsweredType,
  call: MasterCall,
  request: Request,
): Answer | Promise<Answer> {
  return HANDLERS[type](context, call, request);
}

const HANDLERS: Record<AnsweredType, CallHandler> = {
  ...sharedCalls(
    ({ files }: MasterContext) => files,
    ({ port, slices }) => slices.finish(port.metrics()),
  ),
  GET_OPERATIONS: ({ port }) => ({
    type: "GET_OPERATIONS",
    get_operations: operationsMessage(port.view()),
  }),
  GET_WEIGHTS: ({ port }) => ({
    type: "GET_WEIGHTS",
    get_weights: { weight_infos: weightsMessage(port.view()) },
  }),
  GET_MAINTENANCE_STATUS: ({ port }) => ({
    type: "GET_MAINTENANCE_STATUS",
    get_maintenance_status: { status: port.view().maintenanceStatus() },
  }),
  GET_MAINTENANCE_SCHEDULE: ({ port }) => ({
    type: "GET_MAINTENANCE_SCHEDULE",
    get_maintenance_schedule: { schedule: port.view().schedule() },
  }),
  GET_QUOTA: ({ port }) => ({ type: "GET_QUOTA", get_quota: { status: quotaMessage(port.view()) } }),
  GET_ROLES: async ({ port, slices }) => ({
    type: "GET_ROLES",
    get_roles: { roles: await rolesMessage(slices, port.view()) },
  }),
  GET_MASTER: ({ port }) => {
    const elected = port.electedAtMs();
    return {
      type: "GET_MASTER",
      get_master: {
        master_info: masterInfoMessage(port.address),
        start_time: port.startedAtMs / 1_000,
        ...(elected !== undefined && { elected_time: elected / 1_000 }),
      },
    };
  },
  TEARDOWN: async ({ port }, call) => {
    assert(call.teardown, "validated");
    const answer = await port.teardown(call.teardown.framework_id.value);
    return text(answer.status, answer.body);
  },
  UPDATE_WEIGHTS: roleCall,
  RESERVE_RESOURCES: operateCall,
  UNRESERVE_RESOURCES: operateCall,
  CREATE_VOLUMES: operateCall,
  DESTROY_VOLUMES: operateCall,
  GROW_VOLUME: operateCall,
  SHRINK_VOLUME: operateCall,
  UPDATE_MAINTENANCE_SCHEDULE: maintenanceCall,
  START_MAINTENANCE: maintenanceCall,
  STOP_MAINTENANCE: maintenanceCall,
  DRAIN_AGENT: agentChangeCall,
  DEACTIVATE_AGENT: agentChangeCall,
  REACTIVATE_AGENT: agentChangeCall,
  UPDATE_QUOTA: roleCall,
  SET_QUOTA: roleCall,
  REMOVE_QUOTA: roleCall,
  MARK_AGENT_GONE: agentChangeCall,
};
