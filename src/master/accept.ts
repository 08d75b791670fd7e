/**
 * ACCEPT (Mesos: Master::accept). The offers named are used up in any case;
 * operations take from their sum in order, what is left goes back with a
 * filter. Launched tasks hold their resources from here on.
 */
import { present } from "../base/assert.ts";
import { Resources } from "../model/resources.ts";
import type { OfferOperation, OfferOperationType } from "../model/v1/offers.ts";
import type { SchedulerCall, SchedulerCallAccept } from "../model/v1/scheduler.ts";
import type { TaskInfo } from "../model/v1/tasks.ts";
import { type AcceptContext, convert, newConversions, proposeConversions } from "./convert.ts";
import { refuseMs } from "./decline.ts";
import { isPartitionAware } from "./framework-memory.ts";
import { launchOperation, proposeLaunches } from "./launch.ts";
import { launchGroup } from "./launch-group.ts";
import type { Leader } from "./leader.ts";
import type { FrameworkMemory, OfferMemory } from "./memory.ts";
import { forgetOffer, giveBack, giveBackOffer } from "./offers.ts";
import { refuseOperation } from "./refuse-operation.ts";
import { refuseTask } from "./refuse-task.ts";
import { joinOffers } from "./shared-volumes.ts";
import { lostState } from "./task-status.ts";

export function accept(leader: Leader, framework: FrameworkMemory, call: SchedulerCall): void {
  const body = present(call.accept, "ACCEPT must have been validated");
  const checked = checkOffers(leader, framework, body);
  if (typeof checked === "string") {
    refuseAll(leader, framework, body, checked);
    return;
  }
  framework.counters.bump("offers/accepted", checked.length);
  for (const offer of checked) forgetOffer(leader, offer);
  const [first] = checked;
  const offered = joinOffers(leader, checked);
  const context: AcceptContext = {
    framework,
    agentId: first.agentId,
    role: first.role,
    remaining: offered,
    tasks: [],
    needs: Resources.EMPTY,
    groups: [],
    ...newConversions(leader.agent(first.agentId), offered),
  };
  for (const operation of body.operations ?? []) applyOperation(leader, context, operation);
  const rest = { ...first, resources: context.remaining, refuseMs: refuseMs(body.filters) };
  const converts = proposeConversions(leader, context, rest);
  if (context.tasks.length > 0 || context.groups.length > 0) {
    framework.idleDeclines = 0;
    proposeLaunches(leader, context);
  }
  if (!converts) giveBack(leader, first, rest.resources, rest.refuseMs);
}

type Offers = readonly [OfferMemory, ...OfferMemory[]];

/** The offers, or why they cannot be used together (Mesos: validation::offer::validate). */
function checkOffers(leader: Leader, framework: FrameworkMemory, body: SchedulerCallAccept): Offers | string {
  const seen = new Set<string>();
  const offers: OfferMemory[] = [];
  for (const { value: id } of body.offer_ids ?? []) {
    if (seen.has(id)) return `Duplicate offer ${id} in offer list`;
    seen.add(id);
    const offer = leader.offers.get(id);
    if (offer === undefined) return `Offer ${id} is no longer valid`;
    if (offer.frameworkId !== framework.id) {
      return `Offer ${id} has invalid framework ${offer.frameworkId} while framework ${framework.id} is expected`;
    }
    const first = offers[0] ?? offer;
    if (first.agentId !== offer.agentId) {
      return (
        "Aggregated offers must belong to one single agent. " +
        `Offer ${id} uses agent ${offer.agentId} and agent ${first.agentId} is expected`
      );
    }
    if (first.role !== offer.role) {
      return (
        "Aggregated offers must be allocated to the same role. " +
        `Offer ${id} uses role ${offer.role} but another is using role ${first.role}`
      );
    }
    offers.push(offer);
  }
  const [first, ...rest] = offers;
  return first === undefined ? "No offers specified" : [first, ...rest];
}

/** One bad offer spoils the call: the good ones end too, every task and operation is answered (OFF-24). */
function refuseAll(
  leader: Leader,
  framework: FrameworkMemory,
  body: SchedulerCallAccept,
  error: string,
): void {
  for (const { value } of body.offer_ids ?? []) {
    const offer = leader.offers.get(value);
    if (offer?.frameworkId === framework.id) giveBackOffer(leader, offer);
  }
  for (const operation of body.operations ?? []) {
    const tasks = tasksOf(operation);
    if (tasks === undefined) {
      refuseOperation(leader, framework, operation, `Operation attempted with invalid offers: ${error}`);
      continue;
    }
    const state = lostState(isPartitionAware(framework), "TASK_DROPPED");
    const message = `Task launched with invalid offers: ${error}`;
    for (const task of tasks) {
      refuseTask(leader, framework, { ...named(task), state, reason: "REASON_INVALID_OFFERS", message });
    }
  }
}

/** Undefined for operations that launch nothing. */
function tasksOf(operation: OfferOperation): readonly TaskInfo[] | undefined {
  if (operation.type === "LAUNCH") return operation.launch?.task_infos ?? [];
  if (operation.type === "LAUNCH_GROUP") return operation.launch_group?.task_group.tasks ?? [];
  return undefined;
}

function named(task: TaskInfo): { readonly taskId: string; readonly agentId: string } {
  return { taskId: task.task_id.value, agentId: task.agent_id.value };
}

type OperationHandler = (leader: Leader, context: AcceptContext, operation: OfferOperation) => void;

const notSupported: OperationHandler = (leader, { framework }, operation) => {
  const type = operation.type ?? "UNKNOWN";
  refuseOperation(leader, framework, operation, `Operation ${type} is not supported by this master yet`);
};

const OPERATIONS: { readonly [K in OfferOperationType]: OperationHandler } = {
  // Mesos logs and drops an operation without a known type.
  UNKNOWN: () => {},
  LAUNCH: launchOperation,
  LAUNCH_GROUP: launchGroup,
  RESERVE: convert,
  UNRESERVE: convert,
  CREATE: convert,
  DESTROY: convert,
  GROW_VOLUME: convert,
  SHRINK_VOLUME: convert,
  CREATE_DISK: notSupported,
  DESTROY_DISK: notSupported,
};

function applyOperation(leader: Leader, context: AcceptContext, operation: OfferOperation): void {
  const type = operation.type ?? "UNKNOWN";
  context.framework.counters.bump("operations");
  context.framework.counters.bump(`operations/${type.toLowerCase()}`);
  OPERATIONS[type](leader, context, operation);
}
