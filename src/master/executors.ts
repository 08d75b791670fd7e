/**
 * Custom executors on agents: calls about them, what they say, their ends
 * (Mesos: Master::exitedExecutor, Master::reconcileKnownSlave). Which ones there
 * are is memory: a registering agent says which it has.
 */
import { present } from "../base/assert.ts";
import type { AgentExecutorReport, ExecutorExited, ExecutorMessage } from "../model/agent-protocol.ts";
import { Resources } from "../model/resources.ts";
import { ANY_ROLE } from "../model/roles.ts";
import type { SchedulerCall } from "../model/v1/scheduler.ts";
import { decodeBlob } from "../wire/blob.ts";
import type { ExecutorHolding } from "./executor-holdings.ts";
import type { Leader } from "./leader.ts";
import type { AgentMemory, FrameworkMemory } from "./memory.ts";

/** MESSAGE: best effort, to an agent that is linked (OFF-21). */
export function messageExecutor(leader: Leader, framework: FrameworkMemory, call: SchedulerCall): void {
  const body = present(call.message, "MESSAGE must have been validated");
  const agent = leader.agents.get(body.agent_id.value);
  if (agent?.link === undefined) {
    leader.counters.bump("invalid_framework_to_executor_messages");
    return;
  }
  leader.counters.bump("valid_framework_to_executor_messages");
  leader.sendAgent(agent, {
    kind: "framework-message",
    term: leader.term,
    frameworkId: framework.id,
    executorId: body.executor_id.value,
    data: body.data,
  });
}

/** SHUTDOWN: its agent ends it; FAILURE tells when that is done (OFF-22). */
export function shutdownExecutor(leader: Leader, framework: FrameworkMemory, call: SchedulerCall): void {
  const body = present(call.shutdown, "SHUTDOWN must have been validated");
  const agent = leader.agents.get(body.agent_id.value);
  if (agent === undefined) return;
  leader.sendAgent(agent, {
    kind: "shutdown-executor",
    term: leader.term,
    frameworkId: framework.id,
    executorId: body.executor_id.value,
  });
}

export function executorMessage(leader: Leader, agent: AgentMemory, message: ExecutorMessage): void {
  leader.counters.bump("messages_executor_to_framework");
  const framework = leader.frameworks.get(message.frameworkId);
  if (framework?.streamId === undefined) {
    leader.counters.bump("invalid_executor_to_framework_messages");
    return;
  }
  leader.counters.bump("valid_executor_to_framework_messages");
  leader.send(framework, {
    type: "MESSAGE",
    message: {
      agent_id: { value: agent.id },
      executor_id: { value: message.executorId },
      data: message.data,
    },
  });
}

export function executorExited(leader: Leader, agent: AgentMemory, message: ExecutorExited): void {
  leader.counters.bump("messages_exited_executor");
  const { frameworkId, executorId, status } = message;
  // While tasks of it are not ended in the registry, the next leader counts it with them: so does this one.
  const executor = agent.executors.disown({ frameworkId, executorId });
  if (executor !== undefined) freeExecutor(leader, agent, executor);
  const framework = leader.frameworks.get(frameworkId);
  if (framework === undefined) return;
  leader.send(framework, {
    type: "FAILURE",
    failure: { agent_id: { value: agent.id }, executor_id: { value: executorId }, status },
  });
}

/** Its resources are nobody's. */
export function freeExecutor(leader: Leader, agent: AgentMemory, executor: ExecutorHolding): void {
  const { frameworkId, role, resources } = executor;
  leader.allocator.recover({ frameworkId, role, agentId: agent.id, resources }, leader.now);
  leader.allocationDue = true;
}

/** The framework is no more: its executors end with it. */
export function dropExecutors(leader: Leader, agent: AgentMemory, frameworkId: string): void {
  for (const executor of [...agent.executors.values()]) {
    if (executor.frameworkId !== frameworkId) continue;
    agent.executors.remove(frameworkId, executor.executorId);
    freeExecutor(leader, agent, executor);
  }
}

/** A registering agent's custom executors against those this leader counts; before its tasks are compared. */
export function compareExecutors(
  leader: Leader,
  agent: AgentMemory,
  report: readonly AgentExecutorReport[],
): void {
  const reported = new Map(report.map((one) => [`${one.frameworkId}/${one.executorId}`, one]));
  for (const executor of [...agent.executors.values()]) {
    if (!executor.custom || reported.has(`${executor.frameworkId}/${executor.executorId}`)) continue;
    const ended = agent.executors.disown(executor);
    if (ended !== undefined) freeExecutor(leader, agent, ended);
  }
  for (const { frameworkId, executorId, info } of reported.values()) {
    const framework = leader.frameworks.get(frameworkId);
    if (framework === undefined) {
      leader.sendAgent(agent, { kind: "shutdown-framework", term: leader.term, frameworkId });
      continue;
    }
    framework.agentIds.add(agent.id);
    const { resources = [] } = decodeBlob("ExecutorInfo", info);
    const parsed = Resources.from(resources);
    const role = resources[0]?.allocation_info?.role ?? ANY_ROLE;
    const held = (parsed.ok ? parsed.value : Resources.EMPTY).unallocated();
    const executor = { frameworkId, executorId, role, resources: held, info, custom: true };
    if (agent.executors.adopt(executor)) {
      leader.allocator.charge({ frameworkId, role, agentId: agent.id, resources: held });
    }
  }
}
