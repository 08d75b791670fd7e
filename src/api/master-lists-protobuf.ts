/**
 * The long v1 answers of a master as protobuf, in parts (in-parts.ts): GET_STATE and what it is made of, as
 * master-lists.ts makes them in JSON. A list is the same field again and again, so the bytes of its members
 * follow each other; what a message is in needs its length before it, so lengths are told when all is there.
 */
import type { ClusterView, FrameworkView } from "../master/port.ts";
import type { MessageName, MessageTypes } from "../model/v1/message-types.ts";
import { encodeProtobuf, encodeProtobufPart, protobufField } from "../wire/protobuf.ts";
import type { Slices } from "./in-parts.ts";
import type { ListCall } from "./master-lists.ts";
import { agentMessage, ExecutorNotes, frameworkMessage, masterTask } from "./master-messages.ts";

/** The bytes of one message. */
type Parts = readonly Uint8Array[];
/** Settles which members a list has, and gives what writes it. */
type Lists = (out: ListWriter, view: ClusterView) => () => Promise<Parts>;

const LISTS = {
  GET_STATE: { member: "get_state", lists: stateLists },
  GET_TASKS: { member: "get_tasks", lists: taskLists },
  GET_EXECUTORS: { member: "get_executors", lists: executorLists },
  GET_FRAMEWORKS: { member: "get_frameworks", lists: frameworkLists },
  GET_AGENTS: { member: "get_agents", lists: agentLists },
} as const satisfies Record<ListCall, { readonly member: string; readonly lists: Lists }>;

/** The MasterResponse to one of these calls. */
export async function listAnswerProtobuf(
  slices: Slices,
  view: ClusterView,
  type: ListCall,
): Promise<Uint8Array | Parts> {
  const { member, lists } = LISTS[type];
  const out = new ListWriter(slices);
  const parts = await lists(out, view)();
  return out.body([
    encodeProtobufPart("MasterResponse", { type }),
    ...protobufField("MasterResponse", member, parts),
  ]);
}

/** The MasterEvent SUBSCRIBED. Which tasks, agents and frameworks it has is settled before the first wait. */
export async function subscribedEventProtobuf(
  slices: Slices,
  view: ClusterView,
  heartbeatSeconds: number,
): Promise<Uint8Array | Parts> {
  const out = new ListWriter(slices);
  const state = await stateLists(out, view)();
  const subscribed = [
    ...protobufField("MasterEventSubscribed", "get_state", state),
    encodeProtobufPart("MasterEventSubscribed", { heartbeat_interval_seconds: heartbeatSeconds }),
  ];
  return out.body([
    encodeProtobufPart("MasterEvent", { type: "SUBSCRIBED" }),
    ...protobufField("MasterEvent", "subscribed", subscribed),
  ]);
}

class ListWriter {
  readonly slices: Slices;
  #waited = false;

  constructor(slices: Slices) {
    this.slices = slices;
  }

  /** Whole, unless making it took several turns. */
  body(parts: Parts): Uint8Array | Parts {
    return this.#waited ? parts : joined(parts);
  }

  /** One after the other; what is made in one turn is one part. */
  async list<T>(items: Iterable<T>, encode: (item: T) => Uint8Array | Promise<Parts>): Promise<Uint8Array[]> {
    const parts: Uint8Array[] = [];
    let made: Uint8Array[] = [];
    for (const item of items) {
      const bytes = encode(item);
      if (bytes instanceof Uint8Array) made.push(bytes);
      else made.push(...(await bytes));
      if (!this.slices.usedUp) continue;
      add(parts, made);
      made = [];
      this.#waited = true;
      await this.slices.giveWay();
    }
    add(parts, made);
    return parts;
  }
}

/** An empty part would be sent as a chunk that says that the body ends. */
function add(parts: Uint8Array[], made: Parts): void {
  const part = joined(made);
  if (part.length > 0) parts.push(part);
}

function joined(parts: Parts): Uint8Array {
  const [first] = parts;
  if (parts.length === 1 && first !== undefined) return first;
  return new Uint8Array(Buffer.concat(parts));
}

/** A message with nothing but one member of one of its lists. */
function member<N extends MessageName>(name: N, field: keyof MessageTypes[N] & string, value: unknown) {
  return encodeProtobufPart(name, { [field]: [value] } as Partial<MessageTypes[N]>);
}

function stateLists(out: ListWriter, view: ClusterView): () => Promise<Parts> {
  const members = [
    ["get_tasks", taskLists(out, view)],
    ["get_executors", executorLists(out, view)],
    ["get_frameworks", frameworkLists(out, view)],
    ["get_agents", agentLists(out, view)],
  ] as const;
  return async () => {
    const parts: Uint8Array[] = [];
    for (const [field, lists] of members) {
      parts.push(...protobufField("MasterResponseGetState", field, await lists()));
    }
    return parts;
  };
}

function taskLists(out: ListWriter, view: ClusterView): () => Promise<Parts> {
  const lists = [
    ["tasks", view.tasks()],
    ["unreachable_tasks", view.unreachableTasks()],
    ["completed_tasks", view.completedTasks()],
  ] as const;
  return async () => {
    const parts: Uint8Array[] = [];
    for (const [field, tasks] of lists) {
      parts.push(
        ...(await out.list(tasks, (task) => member("MasterResponseGetTasks", field, masterTask(task)))),
      );
    }
    return parts;
  };
}

function executorLists(out: ListWriter, view: ClusterView): () => Promise<Parts> {
  const tasks = view.tasks();
  return async () => {
    const notes = new ExecutorNotes();
    await out.list(tasks, (task) => {
      notes.addOfTask(task);
      return NOTHING;
    });
    await out.slices.each(view.executors(), ({ info, frameworkId, agentId }) =>
      notes.add(info, frameworkId, agentId),
    );
    return out.list(notes.all(), (one) => member("MasterResponseGetExecutors", "executors", one));
  };
}

const NOTHING = new Uint8Array(0);

function frameworkLists(out: ListWriter, view: ClusterView): () => Promise<Parts> {
  const lists = [
    ["frameworks", view.frameworks()],
    ["completed_frameworks", view.completedFrameworks()],
  ] as const;
  return async () => {
    await out.list(view.sumFrameworks(), () => NOTHING);
    const parts: Uint8Array[] = [];
    for (const [field, frameworks] of lists) {
      const write = async (framework: FrameworkView): Promise<Parts> =>
        protobufField("MasterResponseGetFrameworks", field, await writeFramework(out, framework));
      parts.push(...(await out.list(frameworks, write)));
    }
    return parts;
  };
}

/** One framework may have an offer of each agent. */
async function writeFramework(out: ListWriter, view: FrameworkView): Promise<Parts> {
  const name = "MasterResponseGetFrameworksFramework";
  const offers = await out.list(view.offers, (offer) => member(name, "offers", offer));
  return [encodeProtobuf(name, frameworkMessage({ ...view, offers: [] })), ...offers];
}

function agentLists(out: ListWriter, view: ClusterView): () => Promise<Parts> {
  const known = view.agents();
  return () =>
    out.list(known, (agent) => {
      if (agent.recovered) return member("MasterResponseGetAgents", "recovered_agents", agent.info);
      if (agent.unreachable) return NOTHING;
      return member("MasterResponseGetAgents", "agents", agentMessage(agent));
    });
}
