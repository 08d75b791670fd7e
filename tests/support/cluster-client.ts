/** A framework and an agent of a cluster in virtual time (master-cluster.ts). */
import { expect } from "bun:test";
import type { MasterToAgent } from "../../src/model/agent-protocol.ts";
import type { FrameworkInfo } from "../../src/model/v1/frameworks.ts";
import type { OfferOperation } from "../../src/model/v1/offers.ts";
import type { SchedulerCall, SchedulerEvent } from "../../src/model/v1/scheduler.ts";
import type { TaskState } from "../../src/model/v1/tasks.ts";
import { encodeBlob } from "../../src/wire/blob.ts";
import { MasterBench } from "./master-bench.ts";
import type { MasterCluster } from "./master-cluster.ts";

/** What one framework and one agent (link 1) say to whichever master leads. */
export class ClusterClient {
  readonly cluster: MasterCluster;
  frameworkId = "";
  agentId: string | undefined;
  streamId = "";
  /** Of its FrameworkInfo, beside what every framework has. */
  info: Partial<FrameworkInfo> = {};
  #ref = 0;
  #streams = 0;
  #link = 0;

  constructor(cluster: MasterCluster) {
    this.cluster = cluster;
  }

  subscribe(): void {
    const leader = this.cluster.leader();
    this.streamId = `s${++this.#streams}-${leader.name}`;
    const id = this.frameworkId === "" ? {} : { id: { value: this.frameworkId } };
    const framework_info = { user: "u", name: "n", failover_timeout: 600, ...this.info, ...id };
    const call: SchedulerCall = { type: "SUBSCRIBE", subscribe: { framework_info } };
    this.cluster.give(leader.name, {
      kind: "subscribe",
      streamId: this.streamId,
      call,
      principal: undefined,
    });
    this.frameworkId = this.events()[0]?.subscribed?.framework_id.value ?? "";
  }

  register(tasks: { taskId: string; state: string }[] = []): void {
    const reports = tasks.map((task) => ({
      ...task,
      frameworkId: this.frameworkId,
      containerId: "c",
      settled: false,
      runId: this.runIdOf(task.taskId),
    }));
    const message = new MasterBench().registration(1, this.agentId, reports);
    this.#link++;
    this.cluster.give(this.cluster.leader().name, { kind: "agent-message", link: this.#link, message });
    for (const m of this.toAgent()) if (m.kind === "agent-registered") this.agentId = m.agentId;
  }

  events(): SchedulerEvent[] {
    return this.cluster
      .leader()
      .out.flatMap((e) => (e.kind === "scheduler-event" && e.streamId === this.streamId ? [e.event] : []));
  }

  toAgent(): MasterToAgent[] {
    return this.cluster
      .leader()
      .out.flatMap((e) => (e.kind === "agent-send" && e.link === this.#link ? [e.message] : []));
  }

  call(call: SchedulerCall): number | undefined {
    const leader = this.cluster.leader();
    const ref = ++this.#ref;
    const context = { streamId: this.streamId, principal: undefined };
    const full = { framework_id: { value: this.frameworkId }, ...call };
    this.cluster.give(leader.name, { kind: "call", ref, call: full, context });
    return leader.out.flatMap((e) => (e.kind === "answer" && e.ref === ref ? [e.status] : []))[0];
  }

  launch(...taskIds: string[]): void {
    const bench = new MasterBench().framework();
    const task_infos = taskIds.map((id) => bench.task(id, this.agentId ?? "", 0.001));
    this.accept({ type: "LAUNCH", launch: { task_infos } });
  }

  /** Of the newest offer. */
  accept(...operations: OfferOperation[]): void {
    const offers = this.events().flatMap((event) => event.offers?.offers ?? []);
    const offer_ids = [offers.at(-1)?.id ?? { value: "none" }];
    const filters = { refuse_seconds: 0 };
    expect(this.call({ type: "ACCEPT", accept: { offer_ids, operations, filters } })).toBe(202);
  }

  runIdOf(taskId: string): string | undefined {
    return this.cluster.leader().node.registry.task(this.frameworkId, taskId)?.runId;
  }

  update(
    taskId: string,
    state: TaskState,
    runId = this.runIdOf(taskId),
    uuid: Uint8Array = new Uint8Array(16).fill(++this.#ref),
  ): Uint8Array {
    const { frameworkId } = this;
    const status = encodeBlob("TaskStatus", { task_id: { value: taskId }, state, uuid });
    this.cluster.give(this.cluster.leader().name, {
      kind: "agent-message",
      link: this.#link,
      message: {
        kind: "status-update",
        frameworkId,
        taskId,
        uuid,
        state,
        latestState: state,
        status,
        runId,
      },
    });
    return uuid;
  }

  acknowledge(taskId: string, uuid: Uint8Array): void {
    const agent_id = { value: this.agentId ?? "" };
    this.call({ type: "ACKNOWLEDGE", acknowledge: { agent_id, task_id: { value: taskId }, uuid } });
  }
}
