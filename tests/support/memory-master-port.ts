/**
 * A master for the tests of the HTTP edge: a fixed view, and the answers to
 * calls that need nothing but the list of subscribed frameworks (steps 13 to
 * 20 of mesos-wire.md section 4.1).
 */
import type {
  AgentView,
  CallAnswer,
  CallContext,
  ClusterChange,
  ConstraintsDebugView,
  EventSink,
  ExecutorView,
  FrameworkView,
  Leadership,
  MasterAddress,
  MasterChange,
  MasterPort,
  NoteView,
  OperationView,
  RaftStatus,
  Subscription,
  TaskView,
  WhyView,
} from "../../src/master/port.ts";
import type { Quota } from "../../src/model/quota.ts";
import type { ClusterStatus, Schedule } from "../../src/model/v1/maintenance.ts";
import type { MasterEvent } from "../../src/model/v1/master-events.ts";
import type { OfferOperation } from "../../src/model/v1/offers.ts";
import type { SchedulerCall, SchedulerEvent } from "../../src/model/v1/scheduler.ts";
import type { NoteCommand } from "../../src/registry/commands.ts";

export interface MemoryView {
  frameworks: FrameworkView[];
  completedFrameworks: FrameworkView[];
  agents: AgentView[];
  tasks: TaskView[];
  unreachableTasks: TaskView[];
  completedTasks: TaskView[];
  executors: ExecutorView[];
  operations: OperationView[];
  whys: Map<string, WhyView>;
  constraintsDebug: ConstraintsDebugView[];
  schedule: Schedule;
  maintenance: ClusterStatus;
  weights: Map<string, number>;
  quotas: Map<string, Quota>;
}

interface Subscribed {
  readonly streamId: string;
  readonly sink: EventSink<SchedulerEvent>;
}

export class MemoryMasterPort implements MasterPort {
  readonly kills: { readonly frameworkId: string; readonly taskId: string }[] = [];
  readonly address: MasterAddress = { id: "m-1", hostname: "127.0.0.1", ip: "127.0.0.1", port: 5050 };
  readonly startedAtMs = 1_763_805_489_250;
  leadershipNow: Leadership = { kind: "leading", recovered: true };
  readonly contents: MemoryView = {
    frameworks: [],
    completedFrameworks: [],
    agents: [],
    tasks: [],
    unreachableTasks: [],
    completedTasks: [],
    executors: [],
    operations: [],
    whys: new Map(),
    constraintsDebug: [],
    schedule: {},
    maintenance: {},
    weights: new Map(),
    quotas: new Map(),
  };
  /** Calls that reached the master, in order. */
  readonly calls: { readonly call: SchedulerCall; readonly context: CallContext }[] = [];
  readonly subscribed = new Map<string, Subscribed>();
  readonly operatorSinks = new Set<EventSink<MasterEvent>>();
  /** Framework ids of streams whose client went away. */
  readonly disconnected: string[] = [];
  /** Whether SUBSCRIBED and HEARTBEAT are sent at once. */
  answersSubscribe = true;
  readonly notes = new Map<string, NoteView>();
  #nextId = 0;

  electedAtMs(): number {
    return this.startedAtMs + 750;
  }

  leadership(): Leadership {
    return this.leadershipNow;
  }

  agentLink(): { hostname: string; port: number } {
    return { hostname: "127.0.0.1", port: 5060 };
  }

  flags(): Record<string, string> {
    return { port: "5050", quorum: "1" };
  }

  // biome-ignore lint/correctness/useYield: the port's answer comes in steps, and this one has none.
  *metrics(): Generator<undefined, Record<string, number>> {
    return { "master/elected": 1, "master/uptime_secs": 12.5 };
  }

  raftStatus(): RaftStatus {
    const indexes = { commitIndex: 7, appliedIndex: 7, firstIndex: 1, lastIndex: 7 };
    const members = [{ id: "m-1", address: "127.0.0.1:5060", votes: true }];
    const group = { members, joint: undefined, featureLevel: 1, peers: [] };
    return {
      self: "m-1",
      address: "127.0.0.1:5060",
      role: "leader",
      term: 2,
      leader: "m-1",
      ...indexes,
      ...group,
    };
  }

  readonly readIndexAnswers: CallAnswer[] = [];
  readonly masterChanges: MasterChange[] = [];
  readonly transfers: (string | undefined)[] = [];

  async readIndex(): Promise<CallAnswer> {
    return this.readIndexAnswers.shift() ?? { status: 200, body: "" };
  }

  async changeMasters(change: MasterChange): Promise<CallAnswer> {
    this.masterChanges.push(change);
    return { status: 200, body: "" };
  }

  async transferLeadership(to: string | undefined): Promise<CallAnswer> {
    this.transfers.push(to);
    return { status: 200, body: "m-2" };
  }

  view() {
    const { contents } = this;
    const of = (tasks: TaskView[], id: string | undefined): TaskView[] =>
      id === undefined ? tasks : tasks.filter((task) => task.frameworkId === id);
    return {
      sumFrameworks: () => [],
      frameworks: () => contents.frameworks,
      framework: (id: string) => contents.frameworks.find((framework) => framework.id === id),
      completedFrameworks: () => contents.completedFrameworks,
      agents: () => contents.agents,
      agent: (id: string) => contents.agents.find((agent) => agent.id === id),
      tasks: (id?: string) => of(contents.tasks, id),
      unreachableTasks: (id?: string) => of(contents.unreachableTasks, id),
      completedTasks: (id?: string) => of(contents.completedTasks, id),
      executors: () => contents.executors,
      operations: () => contents.operations,
      why: (id: string, role?: string) => {
        const why = contents.whys.get(id);
        if (why === undefined || role === undefined) return why;
        return { ...why, roles: why.roles.filter((one) => one.role === role) };
      },
      constraintsDebug: () => contents.constraintsDebug,
      schedule: () => contents.schedule,
      maintenanceStatus: () => contents.maintenance,
      weights: () => contents.weights,
      quotas: () => contents.quotas,
    };
  }

  subscribe(call: SchedulerCall, _: string | undefined, sink: EventSink<SchedulerEvent>): Subscription {
    const number = this.#nextId++;
    const frameworkId = call.framework_id?.value ?? `framework-${number}`;
    const streamId = `stream-${number}`;
    this.subscribed.set(frameworkId, { streamId, sink });
    if (this.answersSubscribe) {
      sink.send({
        type: "SUBSCRIBED",
        subscribed: { framework_id: { value: frameworkId }, heartbeat_interval_seconds: 15 },
      });
      sink.send({ type: "HEARTBEAT" });
    }
    return { streamId, disconnected: () => this.disconnected.push(frameworkId) };
  }

  note(key: string): NoteView | undefined {
    return this.notes.get(key);
  }

  noteKeys(prefix: string): readonly string[] {
    return [...this.notes.keys()].filter((key) => key.startsWith(prefix)).sort();
  }

  async changeNote(change: NoteCommand): Promise<CallAnswer> {
    const { key, ifVersion } = change;
    if (ifVersion !== undefined && ifVersion !== (this.notes.get(key)?.version ?? 0)) {
      return { status: 412, body: "its version is another one" };
    }
    if (change.kind === "delete-note") {
      return this.notes.delete(key) ? { status: 200, body: "" } : { status: 404, body: "there is none" };
    }
    const version = ++this.#nextId;
    this.notes.set(key, { value: change.value, version });
    return { status: 200, body: String(version) };
  }

  async call(call: SchedulerCall, context: CallContext): Promise<CallAnswer> {
    this.calls.push({ call, context });
    const id = call.framework_id?.value ?? "";
    const framework = this.subscribed.get(id);
    if (framework === undefined) return { status: 400, body: "Framework cannot be found" };
    if (context.streamId === undefined) {
      return { status: 400, body: "All non-subscribe calls should include the 'Mesos-Stream-Id' header" };
    }
    if (context.streamId !== framework.streamId) {
      const body =
        `The stream ID '${context.streamId}' included in this request didn't match ` +
        `the stream ID currently associated with framework ID ${id}`;
      return { status: 400, body };
    }
    if (call.type === "UNKNOWN") return { status: 501, body: "Unknown call" };
    return { status: 202, body: "" };
  }

  /** Changes that operators asked for, in order. */
  readonly operated: { readonly agentId: string; readonly operation: OfferOperation }[] = [];
  operateAnswer: CallAnswer = { status: 202, body: "" };

  async operate(agentId: string, operation: OfferOperation): Promise<CallAnswer> {
    this.operated.push({ agentId, operation });
    return this.operateAnswer;
  }

  /** What operators asked for, in order. */
  readonly changes: ClusterChange[] = [];
  changeAnswer: CallAnswer = { status: 200, body: "" };

  async change(change: ClusterChange): Promise<CallAnswer> {
    this.changes.push(change);
    return this.changeAnswer;
  }

  async kill(frameworkId: string, taskId: string): Promise<CallAnswer> {
    this.kills.push({ frameworkId, taskId });
    return { status: 202, body: "" };
  }

  async teardown(frameworkId: string): Promise<CallAnswer> {
    const known = this.contents.frameworks.some(({ id }) => id === frameworkId);
    return known ? { status: 200, body: "" } : { status: 400, body: "No framework found with specified ID" };
  }

  subscribeOperator(sink: EventSink<MasterEvent>): Subscription {
    this.operatorSinks.add(sink);
    return { streamId: "operator", disconnected: () => this.operatorSinks.delete(sink) };
  }
}
