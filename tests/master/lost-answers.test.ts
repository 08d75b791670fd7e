/**
 * A leader dies after a change is committed and before its answer is out; the
 * client asks the next leader for the same again. Whatever it asked for has
 * happened once.
 */
import { expect, test } from "bun:test";
import type { NodeInput } from "../../src/master/node-types.ts";
import type { OfferOperation } from "../../src/model/v1/offers.ts";
import type { Resource } from "../../src/model/v1/resources.ts";
import type { SchedulerCall } from "../../src/model/v1/scheduler.ts";
import { FEATURE_LEVEL } from "../../src/registry/command-level.ts";
import { ClusterClient } from "../support/cluster-client.ts";
import { scalar } from "../support/master-bench.ts";
import { MasterCluster } from "../support/master-cluster.ts";

/** A cluster in which the client is at home. */
function start(): { readonly cluster: MasterCluster; readonly client: ClusterClient } {
  const cluster = new MasterCluster(3);
  const client = new ClusterClient(cluster);
  client.register();
  client.subscribe();
  return { cluster, client };
}

/** The leader dies; what it committed is on the others, what it answered nobody heard. */
function failover(cluster: MasterCluster): void {
  const old = cluster.leader();
  const committed = old.node.raftStatus().commitIndex;
  cluster.stop(old.name);
  expect(cluster.leader().node.raftStatus().commitIndex).toBeGreaterThan(committed);
}

/** Client and agent find the new leader. */
function comeBack(client: ClusterClient, tasks: { taskId: string; state: string }[] = []): void {
  client.subscribe();
  client.register(tasks);
}

/** Status and text of the answer to an operator's request. */
function ask(
  cluster: MasterCluster,
  input: NodeInput & { readonly ref: number },
): readonly [number, string] | undefined {
  const { name, out } = cluster.leader();
  cluster.give(name, input);
  return out.flatMap((e) =>
    e.kind === "answer" && e.ref === input.ref ? [[e.status, e.body] as const] : [],
  )[0];
}

function subscribeAs(cluster: MasterCluster, streamId: string, info: object): void {
  const framework_info = { user: "u", name: "n", ...info };
  const call: SchedulerCall = { type: "SUBSCRIBE", subscribe: { framework_info } };
  cluster.give(cluster.leader().name, { kind: "subscribe", streamId, call, principal: undefined });
}

test("SUBSCRIBE with an id of its own: one framework", () => {
  const cluster = new MasterCluster(3);
  subscribeAs(cluster, "one", { id: { value: "mine" }, failover_timeout: 60 });
  failover(cluster);
  subscribeAs(cluster, "two", { id: { value: "mine" }, failover_timeout: 60 });
  expect([...cluster.leader().node.registry.frameworks.keys()]).toEqual(["mine"]);
});

test("SUBSCRIBE without an id: what it left behind holds nothing, gets nothing, and goes by itself", () => {
  const cluster = new MasterCluster(3);
  subscribeAs(cluster, "one", { name: "same" });
  failover(cluster);
  subscribeAs(cluster, "two", { name: "same" });
  const { node, out } = cluster.leader();
  const [left = "", mine = ""] = [...node.registry.frameworks.keys()];
  expect(left).not.toBe(mine);
  const client = new ClusterClient(cluster);
  client.register();
  const offered = out.flatMap((e) => (e.kind === "scheduler-event" && e.event.offers ? [e.streamId] : []));
  expect(new Set(offered)).toEqual(new Set(["two"]));
  cluster.until(() => !node.registry.frameworks.has(left), 150_000);
  expect([...node.registry.frameworks.keys()]).toEqual([mine]);
});

test("an agent's first registration: one agent is left", () => {
  const cluster = new MasterCluster(3);
  new ClusterClient(cluster).register();
  const [lost] = [...cluster.leader().node.registry.agents.keys()];
  failover(cluster);
  const again = new ClusterClient(cluster);
  again.register();
  const agents = [...cluster.leader().node.registry.agents.keys()];
  expect(agents).toEqual([again.agentId ?? ""]);
  expect(agents).not.toContain(lost ?? "");
});

test("ACCEPT with a task: launched once, and told to the agent under one run id", () => {
  const { cluster, client } = start();
  client.launch("t");
  const runId = client.runIdOf("t");
  failover(cluster);
  comeBack(client);
  const tasks = (): unknown[] => [...cluster.leader().node.registry.tasksOf(client.frameworkId)];
  expect(client.toAgent().filter((m) => m.kind === "run-task")).toMatchObject([{ taskId: "t" }]);
  client.launch("t");
  expect(tasks()).toMatchObject([{ taskId: "t", runId }]);
  expect(client.toAgent().filter((m) => m.kind === "run-task")).toHaveLength(1);
});

test("a status update and its acknowledgement: one update, one end", () => {
  const { cluster, client } = start();
  client.launch("t");
  const runId = client.runIdOf("t");
  const uuid = client.update("t", "TASK_FINISHED");
  failover(cluster);
  comeBack(client, [{ taskId: "t", state: "TASK_FINISHED" }]);
  client.update("t", "TASK_FINISHED", runId, uuid);
  const task = cluster.leader().node.registry.task(client.frameworkId, "t");
  expect(task?.statuses).toHaveLength(1);
  client.acknowledge("t", uuid);
  failoverToo(cluster);
  comeBack(client, [{ taskId: "t", state: "TASK_FINISHED" }]);
  client.update("t", "TASK_FINISHED", runId, uuid);
  client.acknowledge("t", uuid);
  const { registry } = cluster.leader().node;
  expect([...registry.completedTasksOf(client.frameworkId)].map((one) => one.taskId)).toEqual(["t"]);
  expect(registry.task(client.frameworkId, "t")).toBeUndefined();
});

/** A second time: with one of three away, the first has to come back before. */
function failoverToo(cluster: MasterCluster): void {
  for (const { name, up } of cluster.members.values()) if (!up) cluster.restart(name);
  cluster.pass(1_000);
  failover(cluster);
}

test("TEARDOWN by an operator: completed once, and the second answer says that it is not there", () => {
  const { cluster, client } = start();
  const { frameworkId } = client;
  expect(ask(cluster, { kind: "teardown", ref: 900, frameworkId })?.[0]).toBe(200);
  failover(cluster);
  expect(ask(cluster, { kind: "teardown", ref: 901, frameworkId })).toEqual([
    400,
    "No framework found with specified ID",
  ]);
  expect([...cluster.leader().node.registry.completedFrameworks.keys()]).toEqual([frameworkId]);
});

test("KILL by an operator: the agent is told again, and a task that ended is not there", () => {
  const { cluster, client } = start();
  const { frameworkId } = client;
  client.launch("t");
  client.update("t", "TASK_RUNNING");
  const kill = (ref: number) => ask(cluster, { kind: "operator-kill", ref, frameworkId, taskId: "t" })?.[0];
  expect(kill(900)).toBe(202);
  failover(cluster);
  comeBack(client, [{ taskId: "t", state: "TASK_RUNNING" }]);
  expect(kill(901)).toBe(202);
  expect(client.toAgent().filter((m) => m.kind === "kill-task")).toHaveLength(1);
  client.acknowledge("t", client.update("t", "TASK_KILLED"));
  expect(kill(902)).toBe(404);
});

const RESERVED: Resource = {
  ...scalar("cpus", 0.5),
  reservations: [{ type: "DYNAMIC", role: "web" }],
};

function checkpointed(cluster: MasterCluster, client: ClusterClient): readonly Uint8Array[] {
  return cluster.leader().node.registry.agents.get(client.agentId ?? "")?.checkpointed ?? [];
}

test("RESERVE in ACCEPT with an operation id: the id is in use, nothing is reserved twice", () => {
  const cluster = new MasterCluster(3);
  const client = new ClusterClient(cluster);
  const types = ["MULTI_ROLE", "RESERVATION_REFINEMENT"] as const;
  client.info = { roles: ["web"], capabilities: types.map((type) => ({ type })) };
  client.register();
  client.subscribe();
  const operation: OfferOperation = {
    type: "RESERVE",
    id: { value: "op" },
    reserve: { resources: [RESERVED] },
  };
  client.accept(operation);
  const held = checkpointed(cluster, client);
  expect(held).toHaveLength(1);
  failover(cluster);
  comeBack(client);
  client.accept(operation);
  expect(checkpointed(cluster, client)).toEqual(held);
  const states = client.events().flatMap((e) => e.update_operation_status?.status.state ?? []);
  expect(states).toContain("OPERATION_ERROR");
});

test("RESERVE by an operator who named it: reserved once, also when nothing is left to reserve", () => {
  const { cluster, client } = start();
  cluster.until(() => cluster.leader().node.raftStatus().membership.featureLevel === FEATURE_LEVEL);
  const agentId = client.agentId ?? "";
  const all: Resource = { ...scalar("cpus", 4), reservations: [{ type: "DYNAMIC", role: "web" }] };
  const reserve = (ref: number, id: string, resource: Resource) => {
    const operation: OfferOperation = {
      type: "RESERVE",
      id: { value: id },
      reserve: { resources: [resource] },
    };
    return ask(cluster, { kind: "operate", ref, agentId, operation })?.[0];
  };
  expect(reserve(900, "one", RESERVED)).toBe(202);
  const held = checkpointed(cluster, client);
  failover(cluster);
  // Also before the agent is back.
  expect(reserve(901, "one", RESERVED)).toBe(202);
  comeBack(client);
  expect(reserve(902, "one", RESERVED)).toBe(202);
  expect(checkpointed(cluster, client)).toEqual(held);
  expect(reserve(903, "all", all)).toBe(409);
});
