/** Scheduler calls but SUBSCRIBE: steps 13 to 20 of the order of checks (Mesos: Master::Http::scheduler). */
import { assert } from "../base/assert.ts";
import type { SchedulerCall, SchedulerCallType } from "../model/v1/scheduler.ts";
import { accept } from "./accept.ts";
import { acknowledge } from "./acknowledge.ts";
import { decline } from "./decline.ts";
import { messageExecutor, shutdownExecutor } from "./executors.ts";
import { acceptInverseOffers, declineInverseOffers } from "./inverse-offers.ts";
import { kill } from "./kill.ts";
import type { Leader } from "./leader.ts";
import type { FrameworkMemory } from "./memory.ts";
import { acknowledgeOperation } from "./operation-status.ts";
import { reconcile } from "./reconcile.ts";
import { reconcileOperations } from "./reconcile-operations.ts";
import { proposeRemoval } from "./remove-framework.ts";
import { revive, suppress } from "./revive.ts";
import type { AnswerRef, CallInput } from "./types.ts";
import { updateFrameworkCall } from "./update-framework.ts";

type Handler = (leader: Leader, framework: FrameworkMemory, call: SchedulerCall, ref: AnswerRef) => void;

/** Accepted and without effect until there is something that it could act on. */
function nothingToActOn(): void {}

const HANDLERS: { readonly [K in SchedulerCallType]: Handler } = {
  UNKNOWN: () => assert(false, "UNKNOWN is answered before dispatch"),
  SUBSCRIBE: () => assert(false, "SUBSCRIBE comes as an input of its own"),
  TEARDOWN: (leader, framework) => {
    // Nobody waits for an answer, but the wish holds although the framework is connected.
    if (!leader.teardowns.has(framework.id)) leader.teardowns.set(framework.id, []);
    proposeRemoval(leader, framework.id);
  },
  ACCEPT: accept,
  DECLINE: decline,
  ACCEPT_INVERSE_OFFERS: acceptInverseOffers,
  DECLINE_INVERSE_OFFERS: declineInverseOffers,
  REVIVE: revive,
  SUPPRESS: suppress,
  KILL: kill,
  SHUTDOWN: shutdownExecutor,
  MESSAGE: messageExecutor,
  ACKNOWLEDGE: acknowledge,
  ACKNOWLEDGE_OPERATION_STATUS: acknowledgeOperation,
  RECONCILE: reconcile,
  RECONCILE_OPERATIONS: reconcileOperations,
  // Counted, then ignored, as by Mesos' own allocator (OFF-20).
  REQUEST: nothingToActOn,
  UPDATE_FRAMEWORK: updateFrameworkCall,
};

/** Names that Mesos gives its message counters (MET-9). */
const MESSAGE_COUNTERS: Partial<Record<SchedulerCallType, string>> = {
  TEARDOWN: "messages_unregister_framework",
  ACCEPT: "messages_launch_tasks",
  DECLINE: "messages_decline_offers",
  REVIVE: "messages_revive_offers",
  SUPPRESS: "messages_suppress_offers",
  KILL: "messages_kill_task",
  ACKNOWLEDGE: "messages_status_update_acknowledgement",
  RECONCILE: "messages_reconcile_tasks",
  RECONCILE_OPERATIONS: "messages_reconcile_operations",
  REQUEST: "messages_resource_request",
  MESSAGE: "messages_framework_to_executor",
};

export function schedulerCall(leader: Leader, input: CallInput): void {
  const { call, ref } = input;
  const framework = leader.frameworks.get(call.framework_id?.value ?? "");
  const refusal = framework === undefined ? UNKNOWN_FRAMEWORK : refusalOf(framework, input);
  if (framework === undefined || refusal !== undefined) {
    leader.answer(ref, refusal?.status ?? 400, refusal?.body);
    return;
  }
  const tooMany = leader.callRates.refuses(framework.info.principal, leader.now);
  if (tooMany !== undefined) {
    framework.counters.bump("calls_refused");
    leader.answer(ref, 429, tooMany);
    return;
  }
  const type = call.type ?? "UNKNOWN";
  framework.counters.bump("calls");
  framework.counters.bump(`calls/${type.toLowerCase()}`);
  const counter = MESSAGE_COUNTERS[type];
  if (counter !== undefined) leader.counters.bump(counter);
  if (type !== "UPDATE_FRAMEWORK") leader.answer(ref, 202);
  HANDLERS[type](leader, framework, call, ref);
}

interface Refusal {
  readonly status: number;
  readonly body: string;
}

const UNKNOWN_FRAMEWORK: Refusal = { status: 400, body: "Framework cannot be found" };

function refusalOf(framework: FrameworkMemory, { call, context }: CallInput): Refusal | undefined {
  const { principal, streamId } = context;
  if (principal !== undefined && principal !== framework.info.principal) {
    const body = `Authenticated principal '${principal}' does not match principal '${
      framework.info.principal ?? ""
    }' set in \`FrameworkInfo\``;
    return { status: 400, body };
  }
  if (framework.streamId === undefined) return { status: 403, body: "Framework is not subscribed" };
  if (streamId === undefined) {
    return { status: 400, body: "All non-subscribe calls should include the 'Mesos-Stream-Id' header" };
  }
  if (streamId !== framework.streamId) {
    const body =
      `The stream ID '${streamId}' included in this request didn't match the stream ID ` +
      `currently associated with framework ID ${framework.id}`;
    return { status: 400, body };
  }
  if ((call.type ?? "UNKNOWN") === "UNKNOWN") {
    return { status: 501, body: "Call type 'UNKNOWN' is not implemented; name a type of scheduler::Call" };
  }
  return undefined;
}
