/** What each operator call of an agent answers (mesos-wire.md section 6.3). */
import { present } from "../base/assert.ts";
import { drainMembers } from "../model/drain-info.ts";
import type { AgentCall, AgentCallType } from "../model/v1/agent.ts";
import type { AgentResponse } from "../model/v1/agent-responses.ts";
import {
  agentExecutorsMessage,
  agentFrameworksMessage,
  agentStateMessage,
  agentTasksMessage,
  containersMessage,
} from "./agent-messages.ts";
import type { AgentContext } from "./context.ts";
import { killContainer, launchContainer, removeContainer, waitContainer } from "./nested-calls.ts";
import { notImplemented, text } from "./respond.ts";
import { sharedCalls } from "./shared-calls.ts";

export type AgentAnswer = AgentResponse | Response;
type CallHandler = (
  context: AgentContext,
  call: AgentCall,
  /** Aborted when nobody waits for the answer any more. */
  signal: AbortSignal,
) => AgentAnswer | Promise<AgentAnswer>;

/** Answers a call that passed validation: the body named after its type is there. */
export function answerAgentCall(
  context: AgentContext,
  type: AgentCallType,
  call: AgentCall,
  signal: AbortSignal,
): AgentAnswer | Promise<AgentAnswer> {
  return HANDLERS[type](context, call, signal);
}

function needed<T>(body: T | undefined): T {
  return present(body, "A call that passed validation has its body");
}

function notYet(type: AgentCallType): CallHandler {
  return () => notImplemented(type);
}

const HANDLERS: Record<AgentCallType, CallHandler> = {
  UNKNOWN: notYet("UNKNOWN"),
  ...sharedCalls(
    ({ port }: AgentContext) => port,
    ({ port }) => port.metrics(),
  ),
  GET_STATE: ({ port }) => ({ type: "GET_STATE", get_state: agentStateMessage(port) }),
  GET_CONTAINERS: async (context, call) => ({
    type: "GET_CONTAINERS",
    get_containers: await containersMessage(context, call.get_containers),
  }),
  GET_FRAMEWORKS: ({ port }) => ({ type: "GET_FRAMEWORKS", get_frameworks: agentFrameworksMessage(port) }),
  GET_EXECUTORS: ({ port }) => ({ type: "GET_EXECUTORS", get_executors: agentExecutorsMessage(port) }),
  // Nothing makes an operation or a resource provider yet, so there are none.
  GET_OPERATIONS: () => ({ type: "GET_OPERATIONS", get_operations: {} }),
  GET_RESOURCE_PROVIDERS: () => ({ type: "GET_RESOURCE_PROVIDERS", get_resource_providers: {} }),
  GET_TASKS: ({ port }) => ({ type: "GET_TASKS", get_tasks: agentTasksMessage(port) }),
  GET_AGENT: ({ port }) => {
    const drain = drainMembers(port.drain());
    return {
      type: "GET_AGENT",
      get_agent: {
        agent_info: port.info(),
        ...(drain && {
          drain_config: drain.drain_info.config,
          estimated_drain_start_time: drain.estimated_drain_start_time,
        }),
      },
    };
  },
  LAUNCH_NESTED_CONTAINER: (context, { launch_nested_container: body }) =>
    launchContainer(context, needed(body), "launch_nested_container"),
  WAIT_NESTED_CONTAINER: (context, { wait_nested_container: body }, signal) =>
    waitContainer(context, needed(body).container_id, "WAIT_NESTED_CONTAINER", signal),
  KILL_NESTED_CONTAINER: (context, { kill_nested_container: body }) =>
    killContainer(context, needed(body).container_id, body?.signal),
  REMOVE_NESTED_CONTAINER: (context, { remove_nested_container: body }) =>
    removeContainer(context, needed(body).container_id),
  // The three that stream are answered before (agent-operator.ts).
  LAUNCH_NESTED_CONTAINER_SESSION: notYet("LAUNCH_NESTED_CONTAINER_SESSION"),
  ATTACH_CONTAINER_INPUT: notYet("ATTACH_CONTAINER_INPUT"),
  ATTACH_CONTAINER_OUTPUT: notYet("ATTACH_CONTAINER_OUTPUT"),
  LAUNCH_CONTAINER: (context, { launch_container: body }) =>
    launchContainer(context, needed(body), "launch_container"),
  WAIT_CONTAINER: (context, { wait_container: body }, signal) =>
    waitContainer(context, needed(body).container_id, "WAIT_CONTAINER", signal),
  KILL_CONTAINER: (context, { kill_container: body }) =>
    killContainer(context, needed(body).container_id, body?.signal),
  REMOVE_CONTAINER: (context, { remove_container: body }) =>
    removeContainer(context, needed(body).container_id),
  ADD_RESOURCE_PROVIDER_CONFIG: notYet("ADD_RESOURCE_PROVIDER_CONFIG"),
  UPDATE_RESOURCE_PROVIDER_CONFIG: notYet("UPDATE_RESOURCE_PROVIDER_CONFIG"),
  REMOVE_RESOURCE_PROVIDER_CONFIG: notYet("REMOVE_RESOURCE_PROVIDER_CONFIG"),
  MARK_RESOURCE_PROVIDER_GONE: notYet("MARK_RESOURCE_PROVIDER_GONE"),
  PRUNE_IMAGES: async ({ pruneImages }, { prune_images: call }) => {
    const named = (call?.excluded_images ?? []).map(({ docker }) => docker?.name);
    const names = named.filter((name) => name !== undefined);
    if (names.length < named.length) return text(400, "Expecting every excluded image to be of type DOCKER");
    const pruned = await pruneImages?.(names);
    return pruned?.ok === false ? text(400, pruned.error) : text(200, "");
  },
};
