/**
 * JSON of messages, with one rule beyond the codec: the lists at the top of an
 * agent's GET_FRAMEWORKS, GET_EXECUTORS, GET_TASKS and GET_STATE answers are
 * written even when empty (mesos-wire.md section 2), as Mesos' hand-written
 * serialisers do. For a master's, which may be long, see master-lists.ts.
 */
import type { MessageName, MessageTypes } from "../model/v1/message-types.ts";
import { encodeJson } from "../wire/json-encode.ts";
import { type JsonText, list, object, quote } from "./json-text.ts";

/** A member of such a message: a list of messages, or a message with lists of its own. */
interface Member {
  readonly message: MessageName;
  readonly repeated: boolean;
}

function lists(message: MessageName, ...fields: readonly string[]): Record<string, Member> {
  return Object.fromEntries(fields.map((field) => [field, { message, repeated: true }]));
}

function parts(names: readonly string[]): Record<string, Member> {
  return Object.fromEntries(
    names.map((name) => {
      const camel = name.replace(/(?:^|_)([a-z])/g, (_, letter: string) => letter.toUpperCase());
      return [name, { message: `AgentResponse${camel}` as MessageName, repeated: false }];
    }),
  );
}

const AGENT_PARTS = ["get_state", "get_frameworks", "get_executors", "get_tasks"];

/** Messages with such lists, and how to reach them. */
const LISTED: Partial<Record<MessageName, Record<string, Member>>> = {
  AgentResponse: parts(AGENT_PARTS),
  AgentResponseGetState: parts(["get_tasks", "get_executors", "get_frameworks"]),
  AgentResponseGetFrameworks: lists(
    "AgentResponseGetFrameworksFramework",
    "frameworks",
    "completed_frameworks",
  ),
  AgentResponseGetExecutors: lists("AgentResponseGetExecutorsExecutor", "executors", "completed_executors"),
  AgentResponseGetTasks: lists(
    "Task",
    ...["pending_tasks", "queued_tasks", "launched_tasks", "terminated_tasks", "completed_tasks"],
  ),
};

/** The JSON text of a message of the type `name`. */
export function encodeListedJson<N extends MessageName>(name: N, value: MessageTypes[N]): JsonText {
  if (name === "AgentResponse") {
    const { type, ...body } = value as MessageTypes["AgentResponse"];
    const [field] = Object.keys(body);
    const member = field === undefined ? undefined : LISTED[name]?.[field];
    if (type === undefined || field === undefined || member === undefined) return encodeJson(name, value);
    const content = (body as Record<string, unknown>)[field];
    return object({ type: quote(type), [field]: encodeMember(member.message, content) });
  }
  return encodeJson(name, value);
}

function encodeMember(message: MessageName, value: unknown): JsonText {
  const members = LISTED[message];
  // The member tables follow the schema, which the value's type was generated from.
  if (members === undefined) return encodeJson(message, value as MessageTypes[MessageName]);
  const fields = value as Record<string, unknown>;
  const out: Record<string, JsonText | undefined> = {};
  for (const [field, member] of Object.entries(members)) {
    const content = fields[field];
    if (member.repeated) {
      out[field] = list((content ?? []) as readonly unknown[], (item) => encodeMember(member.message, item));
    } else if (content !== undefined) out[field] = encodeMember(member.message, content);
  }
  return object(out);
}
