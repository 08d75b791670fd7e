/** Which agents the next allocation has to look at. */
import type { AgentRecord } from "./agent-record.ts";

export class VisitList {
  /** Every agent that is open, and some that were; see AgentRecord.listed. */
  #maybeOpen: AgentRecord[] = [];
  /** Agents that are stale or have woken clients. */
  #noted: AgentRecord[] = [];
  /** The last allocation left agents to the next. */
  postponed = false;

  /** Everyone is to be considered for the agent again. `known`: how many agents there are. */
  noteStale(agent: AgentRecord, known: number): void {
    agent.stale = true;
    this.note(agent);
    if (agent.listed) return;
    agent.listed = true;
    this.#maybeOpen.push(agent);
    // Agents that came and went; the list is otherwise cleared when someone is fresh.
    if (this.#maybeOpen.length > 2 * known + 64) {
      this.#maybeOpen = this.#maybeOpen.filter((listed) => !listed.removed);
    }
  }

  note(agent: AgentRecord): void {
    if (agent.noted) return;
    agent.noted = true;
    this.#noted.push(agent);
  }

  /** They are visited in a later allocation, with everyone considered: whoever is fresh now is not then. */
  postpone(agents: Iterable<AgentRecord>, known: number): void {
    for (const agent of agents) {
      this.postponed = true;
      agent.noted = false;
      agent.heldOnly = false;
      this.noteStale(agent, known);
    }
  }

  /** Those noted, and when someone is fresh all that are open. */
  take(anyFresh: boolean): AgentRecord[] {
    const visits = this.#noted.filter((agent) => !agent.removed);
    this.#noted = [];
    this.postponed = false;
    if (!anyFresh) return visits;
    this.#maybeOpen = this.#maybeOpen.filter((agent) => {
      agent.listed = agent.isOpen;
      if (agent.listed && !agent.noted) visits.push(agent);
      return agent.listed;
    });
    return visits;
  }
}
