import { describe, expect, test } from "bun:test";
import type { MasterToAgent } from "../../src/model/agent-protocol.ts";
import type { SchedulerCall, SchedulerEvent } from "../../src/model/v1/scheduler.ts";
import type { TaskState } from "../../src/model/v1/tasks.ts";
import { encodeBlob } from "../../src/wire/blob.ts";
import { MasterBench } from "../support/master-bench.ts";
import { MasterCluster } from "../support/master-cluster.ts";

/** What one framework and one agent (link 1) say to whichever master leads. */
class Client {
  readonly cluster: MasterCluster;
  frameworkId = "";
  agentId: string | undefined;
  streamId = "";
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
    const framework_info = { user: "u", name: "n", failover_timeout: 600, ...id };
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
    const offer = this.events()
      .flatMap((event) => event.offers?.offers ?? [])
      .at(-1);
    const bench = new MasterBench().framework();
    const task_infos = taskIds.map((id) => bench.task(id, this.agentId ?? "", 0.001));
    const offer_ids = [offer?.id ?? { value: "none" }];
    const filters = { refuse_seconds: 0 };
    const operations = [{ type: "LAUNCH" as const, launch: { task_infos } }];
    expect(this.call({ type: "ACCEPT", accept: { offer_ids, operations, filters } })).toBe(202);
  }

  runIdOf(taskId: string): string | undefined {
    return this.cluster.leader().node.registry.task(this.frameworkId, taskId)?.runId;
  }

  update(taskId: string, state: TaskState): Uint8Array {
    const uuid = new Uint8Array(16).fill(++this.#ref);
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
        runId: this.runIdOf(taskId),
      },
    });
    return uuid;
  }

  acknowledge(taskId: string, uuid: Uint8Array): void {
    const agent_id = { value: this.agentId ?? "" };
    this.call({ type: "ACKNOWLEDGE", acknowledge: { agent_id, task_id: { value: taskId }, uuid } });
  }
}

function digests(cluster: MasterCluster): Set<string> {
  return new Set([...cluster.members.values()].filter((m) => m.up).map((m) => m.node.registry.digest()));
}

function kinds(messages: readonly { kind: string }[]): string[] {
  return messages.map((message) => message.kind);
}

describe("one master", () => {
  test("launch, running, finished, acknowledged; all of it on disk", () => {
    const cluster = new MasterCluster(1);
    const client = new Client(cluster);
    client.register();
    client.subscribe();
    client.launch("t");
    expect(kinds(client.toAgent())).toEqual(["agent-registered", "run-task"]);
    client.acknowledge("t", client.update("t", "TASK_RUNNING"));
    const end = client.update("t", "TASK_FINISHED");
    client.acknowledge("t", end);
    expect(kinds(client.toAgent()).slice(2)).toEqual(["acknowledge-update", "acknowledge-update"]);
    const [leader] = cluster.members.values();
    const digest = leader?.node.registry.digest();
    cluster.restart(leader?.name ?? "");
    const again = cluster.leader();
    // The cluster's return adds one command: its framework lost its stream.
    expect(again.node.registry.frameworks.get(client.frameworkId)?.disconnectedAtMs).toBeDefined();
    expect(again.node.registry.digest()).not.toBe(digest ?? "");
    expect([...again.node.registry.completedTasksOf(client.frameworkId)].map((t) => t.taskId)).toEqual(["t"]);
  });

  test("all commands of a turn are one entry and one write", () => {
    const cluster = new MasterCluster(1);
    const client = new Client(cluster);
    client.register();
    client.subscribe();
    const { node, disk } = cluster.leader();
    const before = disk.lastIndex;
    const { frameworkId } = client;
    const inputs = Array.from({ length: 50 }, (_, i) => ({
      kind: "subscribe" as const,
      streamId: `many-${i}`,
      call: {
        type: "SUBSCRIBE",
        subscribe: { framework_info: { user: "u", name: `f${i}` } },
      } as SchedulerCall,
      principal: undefined,
    }));
    cluster.give(cluster.leader().name, ...inputs);
    expect(node.registry.frameworks.size).toBe(51);
    expect(disk.lastIndex).toBe(before + 1);
    expect(node.registry.frameworks.has(frameworkId)).toBe(true);
  });
});

describe("three masters", () => {
  test("replicas agree; followers know where the leader's API is", () => {
    const cluster = new MasterCluster(3);
    const client = new Client(cluster);
    client.register();
    client.subscribe();
    client.launch("a", "b");
    const leader = cluster.leader();
    cluster.until(() => digests(cluster).size === 1);
    for (const { node, name } of cluster.members.values()) {
      expect(node.registry.task(client.frameworkId, "a")?.state).toBe("TASK_STAGING");
      expect(node.leaderId()).toBe(leader.name);
      expect(node.leadership()).toEqual(
        name === leader.name
          ? { kind: "leading", recovered: true }
          : { kind: "following", leader: leader.node.settings.address },
      );
    }
  });

  test("a new leader goes on where the old one stopped", () => {
    const cluster = new MasterCluster(3);
    const client = new Client(cluster);
    client.register();
    client.subscribe();
    client.launch("ran", "never-got");
    client.update("ran", "TASK_RUNNING");
    const old = cluster.leader();
    cluster.until(() => digests(cluster).size === 1);
    cluster.stop(old.name);
    const next = cluster.leader();
    expect(next.name).not.toBe(old.name);
    client.subscribe();
    client.register([{ taskId: "ran", state: "TASK_RUNNING" }]);
    const messages = client.toAgent();
    expect(messages).toMatchObject([
      { kind: "agent-registered", agentId: client.agentId },
      { kind: "run-task", taskId: "never-got" },
    ]);
    const [registered] = messages;
    expect(registered?.kind === "agent-registered" && registered.term).toBeGreaterThan(1);
    client.acknowledge("ran", client.update("ran", "TASK_FINISHED"));
    cluster.restart(old.name);
    cluster.until(() => digests(cluster).size === 1);
    expect([...old.node.registry.completedTasksOf(client.frameworkId)].map((t) => t.state)).toEqual([
      "TASK_FINISHED",
    ]);
  });

  test("a leader cut off from the others stops leading and closes its streams", () => {
    const cluster = new MasterCluster(3);
    const client = new Client(cluster);
    client.subscribe();
    const leader = cluster.leader();
    const { streamId } = client;
    for (const { name } of cluster.members.values()) if (name !== leader.name) cluster.stop(name);
    cluster.until(() => leader.node.core.leader === undefined);
    expect(leader.out).toContainEqual({ kind: "close-stream", streamId });
    expect(leader.out).toContainEqual({ kind: "close-operator-streams" });
    expect(leader.node.leadership()).toEqual({ kind: "unknown" });
  });

  test("a master that was away long gets the state instead of the log", () => {
    const cluster = new MasterCluster(3, 5);
    const client = new Client(cluster);
    client.register();
    client.subscribe();
    const leader = cluster.leader();
    const away = [...cluster.members.keys()].find((name) => name !== leader.name) ?? "";
    cluster.stop(away);
    for (let i = 0; i < 16; i++) client.launch(`t${i}`);
    for (let i = 0; i < 16; i++) client.update(`t${i}`, "TASK_RUNNING");
    cluster.restart(away);
    cluster.until(() => digests(cluster).size === 1);
    const { node, disk } = cluster.member(away);
    expect([...node.registry.tasksOf(client.frameworkId)]).toHaveLength(16);
    expect(disk.snapshot.index).toBeGreaterThan(0);
  });
});
