/**
 * What was promised of agents and their offers: no offer of an agent that is
 * deactivated, drained, gone, on a machine that is down or not whitelisted, or
 * for a role that the framework gave up; no agent that is gone among those of
 * the cluster, and no task on a machine that is down.
 */
import type { Command } from "../../src/registry/commands.ts";
import type { SimMaster } from "./sim-master.ts";
import { Violation } from "./violation.ts";

export class AgentPromises {
  /** Ids of agents that were marked gone or forgotten: what they ran ends without their word. */
  readonly lost = new Set<string>();
  /** Host names of machines that were taken down once: the same holds for what ran there. */
  readonly takenDown = new Set<string>();
  /** Changes that were committed, by kind. */
  readonly committedChanges = new Map<string, number>();
  readonly #offersSeen = new Set<string>();

  committed(command: Command): void {
    switch (command.kind) {
      case "mark-agent-gone":
        this.lost.add(command.agentId);
        break;
      case "forget-agents":
        for (const id of command.agentIds) this.lost.add(id);
        break;
      case "start-maintenance":
        for (const { hostname } of command.machines) if (hostname !== undefined) this.takenDown.add(hostname);
        break;
      case "drain-agent":
      case "agent-drained":
      case "activate-agent":
      case "update-maintenance":
      case "stop-maintenance":
        break;
      default:
        return;
    }
    this.committedChanges.set(command.kind, (this.committedChanges.get(command.kind) ?? 0) + 1);
  }

  turned({ name, node }: SimMaster): void {
    const leader = node?.core.leader;
    if (leader === undefined) return;
    const { agents, removedAgents, maintenance } = leader.registry;
    for (const offer of leader.offers.values()) {
      const owner = leader.frameworks.get(offer.frameworkId);
      if (owner?.roles.includes(offer.role) !== true) {
        throw new Violation(`${name} offers role ${offer.role} to ${offer.frameworkId}, which has it not`);
      }
      const record = agents.get(offer.agentId);
      const agent = leader.agents.get(offer.agentId);
      const away =
        record === undefined || agent === undefined
          ? "not there"
          : record.deactivated
            ? "deactivated"
            : record.unreachableAtMs !== undefined
              ? "unreachable"
              : maintenance.isDown(agent.info.hostname, agent.ip)
                ? "down"
                : undefined;
      // Outstanding offers stay when the whitelist changes.
      const listed = this.#offersSeen.has(offer.id) || leader.whitelist?.has(agent?.info.hostname ?? "");
      this.#offersSeen.add(offer.id);
      if (listed === false) throw new Violation(`${name} offers ${offer.agentId}, which is not whitelisted`);
      if (away !== undefined) throw new Violation(`${name} offers agent ${offer.agentId}, which is ${away}`);
    }
    for (const agent of leader.agents.values()) {
      if (removedAgents.has(agent.id)) throw new Violation(`${name} has agent ${agent.id}, which is gone`);
      if (!maintenance.isDown(agent.info.hostname, agent.ip)) continue;
      if (agent.link !== undefined) throw new Violation(`${name} is linked to ${agent.id}, which is down`);
      for (const { taskId } of leader.registry.tasksOnAgent(agent.id)) {
        throw new Violation(`${name} has task ${taskId} on ${agent.id}, whose machine is down`);
      }
    }
  }
}
