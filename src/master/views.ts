/**
 * The cluster as the HTTP edge reads it: records of the registry with what
 * leader memory adds. Without a leader's memory (on a follower) nothing is
 * connected. A view is good for one request: sums are made once, on demand.
 * Which members a list has is settled when it is asked for; each is read when
 * its turn comes, in the same turn of the event loop or later.
 */

import { present } from "../base/assert.ts";
import { UNREACHABLE_TASKS_SHOWN_DEFAULT } from "../base/limits.ts";
import type { Instant } from "../base/time.ts";
import type { Quota } from "../model/quota.ts";
import { toResources } from "../model/resource-format.ts";
import { Resources } from "../model/resources.ts";
import { isTerminalState } from "../model/task-state.ts";
import type { ClusterStatus, Schedule } from "../model/v1/maintenance.ts";
import type { InverseOffer, Offer } from "../model/v1/offers.ts";
import type { Resource } from "../model/v1/resources.ts";
import type { TaskState } from "../model/v1/tasks.ts";
import { totalOf } from "../registry/agent-total.ts";
import type { AgentRecord, FrameworkRecord, TaskRecord } from "../registry/records.ts";
import { decodeBlob } from "../wire/blob.ts";
import { FrameworkSums } from "./framework-sums.ts";
import { inverseOfferMessage } from "./inverse-offers.ts";
import type { Leader, RegistryReader } from "./leader.ts";
import { maintenanceStatus } from "./maintenance-view.ts";
import type { AgentMemory, FrameworkMemory } from "./memory.ts";
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
  #sums: FrameworkSums | undefined;

  constructor(registry: RegistryReader, leader: Leader | undefined, now: Instant) {
    this.#registry = registry;
    this.#leader = leader;
    this.#now = now;
  }

  frameworks(): Iterable<FrameworkView> {
    return this.#frameworkViews(this.#registry.frameworks.values());
  }

  framework(id: string): FrameworkView | undefined {
    const record = this.#registry.frameworks.get(id);
    return record === undefined ? undefined : this.#frameworkView(record, this.#leader?.frameworks.get(id));
  }

  completedFrameworks(): Iterable<FrameworkView> {
    return this.#frameworkViews(this.#registry.completedFrameworks.values());
  }

  agents(): Iterable<AgentView> {
    const known = Array.from(this.#registry.agents.values(), (record) => ({
      record,
      memory: this.#leader?.agents.get(record.id),
    }));
    return lazily(known, ({ record, memory }) => this.#agentView(record, memory));
  }

  agent(id: string): AgentView | undefined {
    const record = this.#registry.agents.get(id);
    return record === undefined ? undefined : this.#agentView(record, this.#leader?.agents.get(id));
  }

  tasks(frameworkId?: string): Iterable<TaskView> {
    const tasks: TaskRecord[] = [];
    for (const task of this.#liveTasks(frameworkId)) if (!isLostWithAgent(task)) tasks.push(task);
    return lazily(tasks, taskView);
  }

  unreachableTasks(frameworkId?: string): Iterable<TaskView> {
    const tasks: TaskRecord[] = [];
    const ids = frameworkId === undefined ? this.#registry.frameworks.keys() : [frameworkId];
    for (const id of ids) {
      const lost: TaskRecord[] = [];
      for (const task of this.#registry.tasksOf(id)) if (isLostWithAgent(task)) lost.push(task);
      // The newest, as Mesos, which forgets the others.
      const shown = this.#leader?.settings.unreachableTasksShown ?? UNREACHABLE_TASKS_SHOWN_DEFAULT;
      for (const task of lost.slice(Math.max(0, lost.length - shown))) tasks.push(task);
    }
    return lazily(tasks, taskView);
  }

  completedTasks(frameworkId?: string): Iterable<TaskView> {
    const tasks: TaskRecord[] = [];
    for (const id of frameworkId === undefined ? this.#allFrameworkIds() : [frameworkId]) {
      for (const task of this.#registry.completedTasksOf(id)) tasks.push(task);
    }
    return lazily(tasks, (task) => taskView(task, endOf(task)));
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

  #frameworkView(record: FrameworkRecord, memory: FrameworkMemory | undefined): FrameworkView {
    const connected = memory?.streamId !== undefined;
    const sums = this.#frameworkSums();
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
      used: toResources(sums.usedBy(record.id)),
      offered: toResources(sums.offeredTo(record.id)),
      offers: memory === undefined ? [] : this.#offers(memory),
      inverseOffers: this.#inverseOffers(record.id),
    };
  }

  /** As they are when they are read: there may be one for each agent. */
  *#offers(memory: FrameworkMemory): Iterable<Offer> {
    for (const id of [...memory.offerIds]) {
      const offer = this.#leader?.offers.get(id);
      const agent = this.#leader?.agents.get(offer?.agentId ?? "");
      if (offer !== undefined && agent !== undefined) yield offerMessage(offer, memory, agent);
    }
  }

  #inverseOffers(frameworkId: string): InverseOffer[] {
    const leader = this.#leader;
    if (leader === undefined) return [];
    return leader.inverseOffers.ofFramework(frameworkId).map((offer) => inverseOfferMessage(leader, offer));
  }

  *sumFrameworks(): Iterable<unknown> {
    if (this.#sums !== undefined) return;
    const sums = new FrameworkSums();
    for (const agent of [...(this.#leader?.agents.values() ?? [])]) {
      for (const { frameworkId, role, resources } of agent.holdings.values()) {
        sums.used(frameworkId, resources.allocate(role));
      }
      for (const { frameworkId, role, resources } of agent.executors.values()) {
        sums.used(frameworkId, resources.allocate(role));
      }
      for (const id of agent.offerIds) {
        const offer = this.#leader?.offers.get(id);
        if (offer !== undefined) sums.offered(offer.frameworkId, offer.resources.allocate(offer.role));
      }
      yield agent.id;
    }
    this.#sums = sums;
  }

  #frameworkSums(): FrameworkSums {
    for (const _ of this.sumFrameworks());
    return present(this.#sums, "summed");
  }

  #frameworkViews(records: Iterable<FrameworkRecord>): Iterable<FrameworkView> {
    const known = Array.from(records, (record) => ({
      record,
      memory: this.#leader?.frameworks.get(record.id),
    }));
    return lazily(known, ({ record, memory }) => this.#frameworkView(record, memory));
  }

  #agentView(record: AgentRecord, memory: AgentMemory | undefined): AgentView {
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

function* lazily<T, V>(records: readonly T[], view: (record: T) => V): Generator<V> {
  for (const record of records) yield view(record);
}

/** The word of a completed task's end may have crossed that of its agent being out of reach. */
function endOf({ state, stateBeforeUnreachable: known }: TaskRecord): TaskState {
  return known !== undefined && isTerminalState(known) ? known : state;
}

/** A plain value: consumers spread it. Its cold parts are decoded whenever they are read. */
function taskView(record: TaskRecord, state = record.state): TaskView {
  const { frameworkId, taskId, agentId, role } = record;
  return {
    frameworkId,
    taskId,
    agentId,
    role,
    state,
    get statuses() {
      return record.statuses.map((status) => decodeBlob("TaskStatus", status));
    },
    get info() {
      return decodeBlob("TaskInfo", record.info);
    },
  };
}
