import { describe, expect, test } from "bun:test";
import type { SchedulerCall } from "../../src/model/v1/scheduler.ts";
import { FEATURE_LEVEL } from "../../src/registry/command-level.ts";
import { ClusterClient } from "../support/cluster-client.ts";
import { MasterCluster } from "../support/master-cluster.ts";

function digests(cluster: MasterCluster): Set<string> {
  return new Set([...cluster.members.values()].filter((m) => m.up).map((m) => m.node.registry.digest()));
}

function kinds(messages: readonly { kind: string }[]): string[] {
  return messages.map((message) => message.kind);
}

describe("one master", () => {
  test("launch, running, finished, acknowledged; all of it on disk", () => {
    const cluster = new MasterCluster(1);
    const client = new ClusterClient(cluster);
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
    const client = new ClusterClient(cluster);
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
    const client = new ClusterClient(cluster);
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
    const client = new ClusterClient(cluster);
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
    const client = new ClusterClient(cluster);
    client.subscribe();
    const leader = cluster.leader();
    const { streamId } = client;
    for (const { name } of cluster.members.values()) if (name !== leader.name) cluster.stop(name);
    cluster.until(() => leader.node.core.leader === undefined);
    expect(leader.out).toContainEqual({ kind: "close-stream", streamId });
    expect(leader.out).toContainEqual({ kind: "close-operator-streams" });
    expect(leader.node.leadership()).toEqual({ kind: "unknown" });
  });

  test("a transfer whose heir fails to be elected is answered, also when the old leader is elected again", () => {
    const cluster = new MasterCluster(3);
    const leader = cluster.leader();
    const others = [...cluster.members.keys()].filter((name) => name !== leader.name);
    const [heir = ""] = others;
    const subscribe: SchedulerCall = {
      type: "SUBSCRIBE",
      subscribe: { framework_info: { user: "u", name: "f" } },
    };
    for (const name of others) cluster.stop(name);
    // Only the old leader has this, so that nobody else can be elected.
    cluster.give(leader.name, { kind: "subscribe", streamId: "s", call: subscribe, principal: undefined });
    cluster.give(leader.name, { kind: "transfer", ref: 77, to: heir });
    const { term } = leader.node.raftStatus();
    const message = { kind: "vote", term: term + 1, lastIndex: 0, lastTerm: 0, transfer: true } as const;
    cluster.give(leader.name, { kind: "message", from: heir, message });
    const answers = () => leader.out.filter((effect) => effect.kind === "answer" && effect.ref === 77);
    expect([leader.node.raftStatus().role, answers()]).toEqual(["follower", []]);
    for (const name of others) cluster.restart(name);
    expect(cluster.leader().name).toBe(leader.name);
    expect(answers()).toMatchObject([{ status: 503, body: expect.stringContaining("did not take over") }]);
  });

  test("a master that was away long gets the state instead of the log", () => {
    const cluster = new MasterCluster(3, 5);
    const client = new ClusterClient(cluster);
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

test("what is behind a part that the log refuses does not enter it: not all machines are down, so none is", () => {
  const cluster = new MasterCluster(3, undefined, [], 200);
  const leader = cluster.leader();
  cluster.until(() => leader.node.raftStatus().membership.featureLevel === FEATURE_LEVEL);
  cluster.pass(50);
  // One more than an entry takes; the last one alone fits the log.
  const machines = Array.from({ length: 17 }, (_, i) => ({ ip: `10.0.2.${i}` }));
  const unavailability = { start: { nanoseconds: 5e15 }, duration: { nanoseconds: 1e9 } };
  const schedule = { windows: [{ machine_ids: machines, unavailability }] };
  cluster.give(leader.name, { kind: "change", ref: 1, change: { kind: "schedule", schedule } });
  const others = [...cluster.members.keys()].filter((name) => name !== leader.name);
  for (const name of others) cluster.stop(name);
  const command = { kind: "put-note", key: "k", value: new Uint8Array(10), ifVersion: undefined } as const;
  cluster.give(leader.name, { kind: "note", ref: 2, command });
  cluster.give(leader.name, { kind: "change", ref: 3, change: { kind: "machines-down", machines } });
  for (const name of others) cluster.restart(name);
  const statusOf = (ref: number) =>
    leader.out.flatMap((effect) => (effect.kind === "answer" && effect.ref === ref ? [effect.status] : []));
  cluster.until(() => statusOf(2).length > 0);
  expect([statusOf(1), statusOf(2), statusOf(3)]).toEqual([[200], [200], [503]]);
  expect(leader.node.registry.maintenance.down).toEqual([]);
});
