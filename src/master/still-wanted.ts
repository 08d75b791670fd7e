/**
 * Commands that found the log full wait a moment. Meanwhile the framework or
 * agent that was away may be back: then the verdict on it counts no more.
 */
import type { Command } from "../registry/commands.ts";
import { startPings } from "./agent-liveness.ts";
import type { Leader } from "./leader.ts";
import { hasOpenPending } from "./subscribe.ts";

export function stillWanted(leader: Leader, command: Command): boolean {
  switch (command.kind) {
    case "disconnect-framework":
      return isAway(leader, command.frameworkId);
    case "remove-framework":
      return leader.teardowns.has(command.frameworkId) || isAway(leader, command.frameworkId);
    case "mark-agent-unreachable":
      return isOutOfReach(leader, command.agentId);
    default:
      return true;
  }
}

function isAway(leader: Leader, frameworkId: string): boolean {
  const framework = leader.frameworks.get(frameworkId);
  return framework !== undefined && framework.streamId === undefined && !hasOpenPending(leader, frameworkId);
}

function isOutOfReach(leader: Leader, agentId: string): boolean {
  const agent = leader.agents.get(agentId);
  if (agent === undefined || leader.pendingAgents.has(agentId)) return false;
  if (agent.link === undefined) return !agent.unreachable;
  if (agent.unansweredPings >= leader.settings.maxAgentPingTimeouts) return true;
  // It answers again; the verdict had ended its pings.
  startPings(leader, agent);
  return false;
}
