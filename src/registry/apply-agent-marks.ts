/** What operators say of an agent that stays in the cluster: draining, deactivated, active again. */

import type { ActivateAgent, AgentDrained, DrainAgent } from "./agent-commands.ts";
import { ACCEPTED, refused } from "./apply-outcome.ts";
import type { Outcome } from "./commands.ts";
import type { RegistryState } from "./state.ts";

/** Asked again it starts anew, with the newer wishes. */
export function drainAgent(state: RegistryState, command: DrainAgent): Outcome {
  const { agentId: id, maxGraceMs, markGone, atMs } = command;
  const agent = state.agents.get(id);
  if (agent === undefined) return refused("agent-unknown");
  agent.deactivated = true;
  agent.drain = { drained: false, maxGraceMs, markGone, startedAtMs: atMs };
  state.touch({ kind: "agent", id });
  return ACCEPTED;
}

export function agentDrained(state: RegistryState, { agentId: id }: AgentDrained): Outcome {
  const agent = state.agents.get(id);
  if (agent?.drain === undefined) return refused("agent-unknown");
  agent.drain = { ...agent.drain, drained: true };
  state.touch({ kind: "agent", id });
  return ACCEPTED;
}

/** What still drains cannot be called back (Mesos: Master::reactivateAgent). */
export function activateAgent(state: RegistryState, { agentId: id, active }: ActivateAgent): Outcome {
  const agent = state.agents.get(id);
  if (agent === undefined) return refused("agent-unknown");
  if (active && agent.drain?.drained === false) return refused("agent-draining");
  agent.deactivated = !active;
  if (active) agent.drain = undefined;
  state.touch({ kind: "agent", id });
  return ACCEPTED;
}
