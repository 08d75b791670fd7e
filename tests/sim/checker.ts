/** All promises together, as the observer of every master and agent of a run. */
import type { AgentEffect } from "../../src/agent/types.ts";
import type { ContainerSpec, Exit } from "../../src/isolation/container.ts";
import type { PeerMessage, WriteEffect } from "../../src/master/node.ts";
import type { AgentToMaster, MasterToAgent } from "../../src/model/agent-protocol.ts";
import type { SchedulerEvent } from "../../src/model/v1/scheduler.ts";
import { decodeCommands } from "../../src/registry/codec.ts";
import { AgentPromises } from "./agent-promises.ts";
import { GroupPromises } from "./group-promises.ts";
import { OrderPromises } from "./order-promises.ts";
import { QuotaPromises } from "./quota-promises.ts";
import { RaftPromises } from "./raft-promises.ts";
import { ResourcePromises } from "./resource-promises.ts";
import type { AgentObserver, SimAgent, TaskRun } from "./sim-agent.ts";
import type { MasterObserver, SimMaster } from "./sim-master.ts";
import { TaskPromises } from "./task-promises.ts";

export class Checker implements MasterObserver, AgentObserver {
  readonly raft: RaftPromises;
  readonly tasks = new TaskPromises();
  readonly groups = new GroupPromises();
  readonly order = new OrderPromises();
  readonly resources = new ResourcePromises();
  readonly agents = new AgentPromises();
  readonly quotas = new QuotaPromises();
  /** How often what was answered how, "ACCEPT 202", and what else came to pass. */
  readonly answers = new Map<string, number>();

  constructor(masters: () => readonly SimMaster[]) {
    this.raft = new RaftPromises(masters, (entry) => {
      for (const command of entry.kind === "command" ? decodeCommands(entry.data) : []) {
        this.tasks.committed(command);
        this.groups.committed(command);
        this.order.committed(command, entry.term);
        this.agents.committed(command);
      }
    });
  }

  started(master: SimMaster): void {
    this.raft.started(master);
  }

  writes(master: SimMaster, write: WriteEffect["write"]): void {
    this.raft.writes(master, write);
  }

  sends(master: SimMaster, to: string, message: PeerMessage): void {
    this.raft.sends(master, to, message);
  }

  tellsFramework(master: SimMaster, event: SchedulerEvent): void {
    this.tasks.tellsFramework(master, event);
  }

  tellsAgent(master: SimMaster, message: MasterToAgent): void {
    this.tasks.tellsAgent(master, message);
  }

  turned(master: SimMaster): void {
    this.raft.turned(master);
    this.resources.turned(master);
    this.quotas.turned(master);
    this.agents.turned(master);
  }

  answered(what: string, status: number): void {
    this.#count(`${what} ${status}`);
  }

  starts(agent: SimAgent, spec: ContainerSpec): void {
    this.tasks.starting(agent, spec);
    this.groups.starting(agent, spec);
    if (spec.pod !== undefined) this.#count("task in its pod");
  }

  arrives(agent: SimAgent, executor: ContainerSpec, run: TaskRun): void {
    this.tasks.arriving(agent, executor, run);
    this.groups.arriving(agent, run.runId);
    this.#count("task at its executor");
  }

  ends(spec: ContainerSpec, exit: Exit): void {
    this.tasks.ended(spec, exit);
  }

  agentSends(agent: SimAgent, message: AgentToMaster): void {
    this.tasks.agentSends(agent, message);
    this.groups.agentSends(agent, message);
  }

  heeded(agent: SimAgent, message: MasterToAgent, effects: readonly AgentEffect[]): void {
    this.tasks.heeded(agent, message, effects);
  }

  #count(what: string): void {
    this.answers.set(what, (this.answers.get(what) ?? 0) + 1);
  }
}
