/**
 * The cluster as the HTTP edge reads it: records of the registry with what
 * leader memory adds. Without a leader's memory (on a follower) nothing is
 * connected. A view is good for one request: sums are made once, on demand.
 */

import { UNREACHABLE_TASKS_SHOWN_DEFAULT } from "../base/limits.ts";
import type { Instant } from "../base/time.ts";
import type { Quota } from "../model/quota.ts";
import { toResources } from "../model/resource-format.ts";
import { Resources } from "../model/resources.ts";
import type { ClusterStatus, Schedule } from "../model/v1/maintenance.ts";
import type { InverseOffer, Offer } from "../model/v1/offers.ts";
import type { Resource } from "../model/v1/resources.ts";
import { totalOf } from "../registry/agent-total.ts";
import type { AgentRecord, FrameworkRecord, TaskRecord } from "../registry/records.ts";
import { decodeBlob } from "../wire/blob.ts";
import { inverseOfferMessage } from "./inverse-offers.ts";
import type { Leader, RegistryReader } from "./leader.ts";
import { maintenanceStatus } from "./maintenance-view.ts";
import { offerMessage } from "./offers.ts";
import type {
  AgentView,
  ClusterView,
  ConstraintsDebugView,
  ExecutorView,
  FrameworkView,
  OperationView,
  TaskView,
  WhyView,
} from "./port.ts";
import { constraintsDebugView, whyView } from "./why.ts";

export class MasterView implements ClusterView {
  readonly #registry: RegistryReader;
  readonly #leader: Leader | undefined;
  readonly #now: Instant;
  #usedByFramework: Map<string, Resources> | undefined;

  constructor(registry: RegistryReader, leader: Leader | undefined, now: Instant) {
    this.#registry = registry;
    this.#leader = leader;
    this.#now = now;
  }

  *frameworks(): Iterable<FrameworkView> {
    for (const record of this.#registry.frameworks.values()) yield this.#frameworkView(record);
  }

  framework(id: string): FrameworkView | undefined {
    const record = this.#registry.frameworks.get(id);
    return record === undefined ? undefined : this.#frameworkView(record);
  }

  *completedFrameworks(): Iterable<FrameworkView> {
    for (const record of this.#registry.completedFrameworks.values()) yield this.#frameworkView(record);
  }

  *agents(): Iterable<AgentView> {
    for (const record of this.#registry.agents.values()) yield this.#agentView(record);
  }

  agent(id: string): AgentView | undefined {
    const record = this.#registry.agents.get(id);
    return record === undefined ? undefined : this.#agentView(record);
  }

  *tasks(frameworkId?: string): Iterable<TaskView> {
    for (const task of this.#liveTasks(frameworkId)) if (!isLostWithAgent(task)) yield taskView(task);
  }

  *unreachableTasks(frameworkId?: string): Iterable<TaskView> {
    const ids = frameworkId === undefined ? this.#registry.frameworks.keys() : [frameworkId];
    for (const id of ids) {
      const lost = [...this.#registry.tasksOf(id)].filter(isLostWithAgent);
      // The newest, as Mesos, which forgets the others.
      const shown = this.#leader?.settings.unreachableTasksShown ?? UNREACHABLE_TASKS_SHOWN_DEFAULT;
      for (const task of lost.slice(Math.max(0, lost.length - shown))) yield taskView(task);
    }
  }

  *completedTasks(frameworkId?: string): Iterable<TaskView> {
    for (const id of frameworkId === undefined ? this.#allFrameworkIds() : [frameworkId]) {
      for (const task of this.#registry.completedTasksOf(id)) yield taskView(task);
    }
  }

  *executors(): Iterable<ExecutorView> {
    for (const agent of this.#leader?.agents.values() ?? []) {
      for (const { frameworkId, info } of agent.executors.values()) {
        yield { frameworkId, agentId: agent.id, info: decodeBlob("ExecutorInfo", info) };
      }
    }
  }

  *operations(): Iterable<OperationView> {
    for (const { frameworkId, agentId, info, status, statusUuid } of this.#registry.operations()) {
      yield {
        frameworkId,
        agentId,
        info: decodeBlob("OfferOperation", info),
        status: decodeBlob("OperationStatus", status),
        uuid: statusUuid,
      };
    }
  }

  why(frameworkId: string, role?: string): WhyView | undefined {
    return this.#leader === undefined ? undefined : whyView(this.#leader, frameworkId, this.#now, role);
  }

  constraintsDebug(): readonly ConstraintsDebugView[] {
    return this.#leader === undefined ? [] : constraintsDebugView(this.#leader);
  }

  schedule(): Schedule {
    return this.#registry.maintenance.schedule;
  }

  maintenanceStatus(): ClusterStatus {
    return maintenanceStatus(this.#registry, this.#leader);
  }

  weights(): ReadonlyMap<string, number> {
    return sorted(this.#registry.weights);
  }

  quotas(): ReadonlyMap<string, Quota> {
    return sorted(this.#registry.quotas);
  }

  *#liveTasks(frameworkId: string | undefined): Iterable<TaskRecord> {
    for (const id of frameworkId === undefined ? this.#registry.frameworks.keys() : [frameworkId]) {
      yield* this.#registry.tasksOf(id);
    }
  }

  *#allFrameworkIds(): Iterable<string> {
    yield* this.#registry.frameworks.keys();
    yield* this.#registry.completedFrameworks.keys();
  }

  #frameworkView(record: FrameworkRecord): FrameworkView {
    const memory = this.#leader?.frameworks.get(record.id);
    const connected = memory?.streamId !== undefined;
    const offers: Offer[] = [];
    const offered: Resources[] = [];
    for (const id of memory?.offerIds ?? []) {
      const offer = this.#leader?.offers.get(id);
      const agent = this.#leader?.agents.get(offer?.agentId ?? "");
      if (memory === undefined || offer === undefined || agent === undefined) continue;
      offers.push(offerMessage(offer, memory, agent));
      offered.push(offer.resources.allocate(offer.role));
    }
    return {
      id: record.id,
      info: memory?.info ?? decodeBlob("FrameworkInfo", record.info),
      suppressedRoles: [...(memory?.suppressedRoles ?? [])],
      constraints: memory?.constraints.given,
      active: connected,
      connected,
      recovered: memory?.recovered ?? record.removedAtMs === undefined,
      registeredAtMs: record.registeredAtMs,
      reregisteredAtMs: record.reregisteredAtMs,
      unregisteredAtMs: record.removedAtMs,
      used: messages(this.#used().get(record.id)),
      offered: messages(Resources.sum(offered)),
      offers,
      inverseOffers: this.#inverseOffers(record.id),
    };
  }

  #inverseOffers(frameworkId: string): InverseOffer[] {
    const leader = this.#leader;
    if (leader === undefined) return [];
    return leader.inverseOffers.ofFramework(frameworkId).map((offer) => inverseOfferMessage(leader, offer));
  }

  #used(): Map<string, Resources> {
    if (this.#usedByFramework !== undefined) return this.#usedByFramework;
    const parts = new Map<string, Resources[]>();
    for (const agent of this.#leader?.agents.values() ?? []) {
      for (const { frameworkId, role, resources } of [
        ...agent.holdings.values(),
        ...agent.executors.values(),
      ]) {
        const known = parts.get(frameworkId);
        const part = resources.allocate(role);
        if (known === undefined) parts.set(frameworkId, [part]);
        else known.push(part);
      }
    }
    this.#usedByFramework = new Map([...parts].map(([id, list]) => [id, Resources.sum(list)]));
    return this.#usedByFramework;
  }

  #agentView(record: AgentRecord): AgentView {
    const memory = this.#leader?.agents.get(record.id);
    const info = memory?.info ?? decodeBlob("AgentInfo", record.info);
    const used: Resources[] = [];
    const offered: Resources[] = [];
    for (const { role, resources } of memory?.holdings.values() ?? []) used.push(resources.allocate(role));
    for (const { role, resources } of memory?.executors.values() ?? []) used.push(resources.allocate(role));
    for (const id of memory?.offerIds ?? []) {
      const offer = this.#leader?.offers.get(id);
      if (offer !== undefined) offered.push(offer.resources.allocate(offer.role));
    }
    return {
      id: record.id,
      info,
      ip: record.ip,
      version: record.version,
      capabilities: record.capabilities,
      active: memory?.link !== undefined && !record.deactivated,
      recovered: memory?.recovered ?? record.unreachableAtMs === undefined,
      unreachable: record.unreachableAtMs !== undefined,
      deactivated: record.deactivated,
      drain: record.drain,
      registeredAtMs: record.registeredAtMs,
      reregisteredAtMs: record.reregisteredAtMs,
      total: messages(memory?.total ?? committedTotal(record)),
      used: messages(Resources.sum(used)),
      offered: messages(Resources.sum(offered)),
    };
  }
}

function sorted<T>(byRole: ReadonlyMap<string, T>): Map<string, T> {
  return new Map([...byRole].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function committedTotal(record: AgentRecord): Resources | undefined {
  const total = totalOf(record);
  return total.ok ? total.value : undefined;
}

function messages(resources: Resources | undefined): Resource[] {
  return resources === undefined ? [] : toResources(resources);
}

/** The agent is unreachable: the state says so, or TASK_LOST stands for it. */
function isLostWithAgent(task: TaskRecord): boolean {
  return task.stateBeforeUnreachable !== undefined;
}

/** Decodes a task's cold values only when they are asked for. */

/** A plain value: consumers spread it. */
function taskView(record: TaskRecord): TaskView {
  const { frameworkId, taskId, agentId, role, state } = record;
  return {
    frameworkId,
    taskId,
    agentId,
    role,
    state,
    statuses: record.statuses.map((status) => decodeBlob("TaskStatus", status)),
    info: decodeBlob("TaskInfo", record.info),
  };
}
