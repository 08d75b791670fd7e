/**
 * The long v1 answers of a master as JSON, in parts (in-parts.ts): GET_STATE and what it is made of. Their
 * lists are written even when empty, as Mesos' hand-written serialisers do (mesos-wire.md section 2,
 * master/readonly_handler.cpp).
 */
import type { AgentView, ClusterView, FrameworkView, TaskView } from "../master/port.ts";
import type { TimeInfo } from "../model/v1/ids.ts";
import type { Resource } from "../model/v1/resources.ts";
import { encodeJson } from "../wire/json-encode.ts";
import { type Body, DocumentWriter, type MemberValue, type Slices } from "./in-parts.ts";
import { bool, double, type JsonText, list, quote } from "./json-text.ts";
import { agentMessage, ExecutorNotes, frameworkMessage, masterTask } from "./master-messages.ts";

/** Settles which members a list has, and gives what writes it. */
type Lists = (out: DocumentWriter, view: ClusterView) => () => Promise<void>;

const LISTS = {
  GET_STATE: { member: "get_state", lists: stateLists },
  GET_TASKS: { member: "get_tasks", lists: taskLists },
  GET_EXECUTORS: { member: "get_executors", lists: executorLists },
  GET_FRAMEWORKS: { member: "get_frameworks", lists: frameworkLists },
  GET_AGENTS: { member: "get_agents", lists: agentLists },
} as const satisfies Record<string, { readonly member: string; readonly lists: Lists }>;

export type ListCall = keyof typeof LISTS;

export function isListCall(type: string): type is ListCall {
  return Object.hasOwn(LISTS, type);
}

/** The MasterResponse to one of these calls. */
export async function listAnswer(slices: Slices, view: ClusterView, type: ListCall): Promise<Body> {
  const { member, lists } = LISTS[type];
  const out = new DocumentWriter(slices);
  await out.object({ type: quote(type), [member]: lists(out, view) });
  return out.end();
}

/** The MasterEvent SUBSCRIBED. Which tasks, agents and frameworks it has is settled before the first wait. */
export async function subscribedEvent(
  slices: Slices,
  view: ClusterView,
  heartbeatSeconds: number,
): Promise<Body> {
  const out = new DocumentWriter(slices);
  const subscribed = (): Promise<void> =>
    out.object({
      get_state: stateLists(out, view),
      heartbeat_interval_seconds: double(heartbeatSeconds),
    });
  await out.object({ type: quote("SUBSCRIBED"), subscribed });
  return out.end();
}

function stateLists(out: DocumentWriter, view: ClusterView): () => Promise<void> {
  const members = {
    get_tasks: taskLists(out, view),
    get_executors: executorLists(out, view),
    get_frameworks: frameworkLists(out, view),
    get_agents: agentLists(out, view),
  };
  return () => out.object(members);
}

function taskLists(out: DocumentWriter, view: ClusterView): () => Promise<void> {
  const [tasks, unreachable, completed] = [view.tasks(), view.unreachableTasks(), view.completedTasks()];
  const encode = (task: TaskView): JsonText => encodeJson("Task", masterTask(task));
  return () =>
    out.object({
      tasks: () => out.list(tasks, encode),
      unreachable_tasks: () => out.list(unreachable, encode),
      completed_tasks: () => out.list(completed, encode),
    });
}

function executorLists(out: DocumentWriter, view: ClusterView): () => Promise<void> {
  const tasks = view.tasks();
  return async () => {
    const notes = new ExecutorNotes();
    await out.slices.each(tasks, (task) => notes.addOfTask(task));
    await out.slices.each(view.executors(), ({ info, frameworkId, agentId }) =>
      notes.add(info, frameworkId, agentId),
    );
    await out.object({
      executors: () =>
        out.list(notes.all(), (executor) => encodeJson("MasterResponseGetExecutorsExecutor", executor)),
    });
  };
}

function frameworkLists(out: DocumentWriter, view: ClusterView): () => Promise<void> {
  const [frameworks, completed] = [view.frameworks(), view.completedFrameworks()];
  const write = (framework: FrameworkView): Promise<void> => writeFramework(out, framework);
  return async () => {
    await out.slices.each(view.sumFrameworks(), () => {});
    await out.object({
      frameworks: () => out.listOfLong(frameworks, write),
      completed_frameworks: () => out.listOfLong(completed, write),
    });
  };
}

function agentLists(out: DocumentWriter, view: ClusterView): () => Promise<void> {
  const known = view.agents();
  return async () => {
    const agents = await out.slices.gather(known);
    const encode = (agent: AgentView): JsonText =>
      encodeJson("MasterResponseGetAgentsAgent", agentMessage(agent));
    await out.object({
      agents: () =>
        out.list(
          agents.filter((agent) => !agent.recovered && !agent.unreachable),
          encode,
        ),
      recovered_agents: () =>
        out.list(
          agents.filter((agent) => agent.recovered),
          ({ info }) => encodeJson("AgentInfo", info),
        ),
    });
  };
}

/** Member by member in the order of the schema: one framework may have an offer of each agent. */
async function writeFramework(out: DocumentWriter, view: FrameworkView): Promise<void> {
  const offers = await out.slices.gather(view.offers);
  const message = frameworkMessage({ ...view, offers: [] });
  const time = (value: TimeInfo | undefined): JsonText | undefined => value && encodeJson("TimeInfo", value);
  const members: Record<string, MemberValue> = {
    framework_info: encodeJson("FrameworkInfo", message.framework_info),
    active: bool(message.active),
    connected: bool(message.connected),
    recovered: bool(message.recovered),
    registered_time: time(message.registered_time),
    reregistered_time: time(message.reregistered_time),
    unregistered_time: time(message.unregistered_time),
    offers: offers.length === 0 ? undefined : () => out.list(offers, (offer) => encodeJson("Offer", offer)),
    inverse_offers: filledList(message.inverse_offers, (offer) => encodeJson("InverseOffer", offer)),
    allocated_resources: filledList(message.allocated_resources, resource),
    offered_resources: filledList(message.offered_resources, resource),
    offer_constraints: encodeJson("OfferConstraints", message.offer_constraints ?? {}),
  };
  await out.object(members);
}

function resource(value: Resource): JsonText {
  return encodeJson("Resource", value);
}

/** Nothing for an empty list, as everywhere else in v1. */
function filledList<T>(items: readonly T[] | undefined, encode: (item: T) => JsonText): JsonText | undefined {
  return items === undefined || items.length === 0 ? undefined : list(items, encode);
}
