/**
 * Debian's mesos-go, unmodified, speaks v1 protobuf with clusters of the
 * binary: as a framework of two roles, and as an operator.
 */
import { beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { freePort } from "../../scripts/free-port.ts";
import { eventually, MeshProcess, TestCluster } from "../e2e/test-cluster.ts";
import { buildMesosGoClient } from "./mesos-go/build.ts";
import { type Line, MesosGoClient } from "./mesos-go/client.ts";

const ROLES = ["web", "batch/night"] as const;
const TASKS_PER_ROLE = 100;
const SLEEPERS = 6;
const LONG_MS = 60_000;
/** A build that finds nothing cached, on a busy machine. */
const BUILD_TIMEOUT_MS = 600_000;

beforeAll(async () => void (await buildMesosGoClient()), BUILD_TIMEOUT_MS);

function ids(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `${prefix}-${i}`);
}

function roleOf(line: Line): string | undefined {
  return line.role;
}

/** The same key twice counts twice. */
function countBy(lines: readonly Line[], keyOf: (line: Line) => string | undefined): Map<string, number> {
  const counts = new Map<string, number>();
  for (const line of lines) {
    const key = keyOf(line) ?? "";
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
}

function finished(client: MesosGoClient): Set<string | undefined> {
  return new Set(
    client
      .updates()
      .filter(({ state }) => state === "TASK_FINISHED")
      .map(({ task }) => task),
  );
}

/** A framework of both roles that is subscribed: before, mesos-go refuses its calls itself. */
async function startScheduler(cluster: TestCluster, codec = "protobuf"): Promise<MesosGoClient> {
  const masters = cluster.masterAddresses.join();
  const client = await MesosGoClient.start("scheduler", codec, masters, ROLES.join());
  await eventually("the framework to subscribe", () => client.of("subscribed").length > 0);
  return client;
}

/** Tasks of both roles wait, then offers come. */
function launchInBothRoles(client: MesosGoClient, command: string): string[] {
  const all: string[] = [];
  for (const role of ROLES) {
    const names = ids(role.replace("/", "-"), TASKS_PER_ROLE);
    client.order({ do: "launch", role, ids: names, command });
    all.push(...names);
  }
  client.order({ do: "revive" });
  return all;
}

/** Each status was delivered before its acknowledgement, and both as often as the other. */
function expectEachAcknowledged(client: MesosGoClient): void {
  const waiting = new Map<string, number>();
  for (const line of client.lines) {
    const uuid = line.uuid ?? "";
    if (uuid === "") continue;
    const open = waiting.get(uuid) ?? 0;
    if (line.event === "update") waiting.set(uuid, open + 1);
    else if (line.event === "call") {
      expect(open).toBe(1);
      waiting.set(uuid, 0);
    }
  }
  expect([...waiting].filter(([, open]) => open !== 0)).toEqual([]);
}

/** Different statuses of each task in the order they came first; one that was sent again counts once. */
function histories(client: MesosGoClient): Map<string, Line[]> {
  const seen = new Set<string | undefined>();
  const found = new Map<string, Line[]>();
  for (const line of client.updates()) {
    if (line.uuid !== "" && seen.has(line.uuid)) continue;
    seen.add(line.uuid);
    found.set(line.task ?? "", [...(found.get(line.task ?? "") ?? []), line]);
  }
  return found;
}

function expectFinishedInOrder(client: MesosGoClient, names: readonly string[]): void {
  const all = histories(client);
  expect([...all.keys()].sort()).toEqual([...names].sort());
  for (const [task, history] of all) {
    // What a dying leader's ACCEPT or a void offer left has no uuid and started nothing.
    const real = history.filter(({ uuid }) => uuid !== "");
    expect({ task, states: real.map(({ state }) => state) }).toEqual({
      task,
      states: ["TASK_STARTING", "TASK_RUNNING", "TASK_FINISHED"],
    });
    const times = real.map(({ timestamp }) => timestamp ?? 0);
    expect(times).toEqual([...times].sort((a, b) => a - b));
  }
}

/** What the tasks' shells wrote themselves: each ran exactly once. */
function expectStartedOnce(record: string, names: readonly string[]): void {
  const started = readFileSync(record, "utf8").trim().split("\n");
  expect(started.sort()).toEqual([...names].sort());
}

/** Shell line that records the id of its task. */
function recordingCommand(record: string): string {
  return `echo {id} >> ${record}; sleep 0.1`;
}

describe("mesos-go as a framework", () => {
  test("offers of two roles: declined, revived and suppressed role by role", async () => {
    await using cluster = await TestCluster.start({ masters: 1, agents: 1 });
    await using client = await startScheduler(cluster);
    try {
      const [web, night] = ROLES;
      const offers = (from: number): Line[] => client.of("offer", from);
      const declines = (): number => client.of("call").filter(({ call }) => call === "DECLINE").length;
      await eventually("an offer of each role", () => new Set(offers(0).map(roleOf)).size === 2);
      await eventually("both to be declined for an hour", () => declines() === offers(0).length);
      for (const offer of offers(0)) {
        expect(offer.ip).toBe("127.0.0.1");
        expect(cluster.agentAddresses).toEqual([`${offer.ip}:${offer.port}`]);
        expect(offer.framework).toBe(client.of("subscribed")[0]?.framework);
        expect(offer.resources?.map(({ name }) => name).sort()).toEqual(["cpus", "disk", "mem", "ports"]);
        expect(offer.resources?.every(({ role }) => role === offer.role)).toBe(true);
      }

      // Only the revived role is offered again; it is declined for no time, so it comes again and again.
      client.order({ do: "refuse", seconds: 0 });
      const reviving = client.lines.length;
      client.order({ do: "revive", roles: [night] });
      await eventually("three offers of the revived role", () => offers(reviving).length >= 3);
      expect([...countBy(offers(reviving), roleOf).keys()]).toEqual([night]);

      const both = client.lines.length;
      client.order({ do: "revive", roles: [web] });
      await eventually("offers of both roles", () => new Set(offers(both).map(roleOf)).size === 2);

      const suppressing = client.lines.length;
      client.order({ do: "suppress", roles: [night] });
      await eventually("SUPPRESS to be answered", () =>
        client.of("obeyed", suppressing).some((line) => line.do === "suppress"),
      );
      // Those that were on their way have come when an offer of the other role has.
      await eventually("an offer behind it", () => offers(suppressing).some(({ role }) => role === web));
      const suppressed = client.lines.length;
      await eventually("three more offers", () => offers(suppressed).length >= 3);
      expect([...countBy(offers(suppressed), roleOf).keys()]).toEqual([web]);

      // Declined for a second, an offer of the same role comes after that second and not before.
      client.order({ do: "refuse", seconds: 1 });
      const filtering = client.lines.length;
      client.order({ do: "revive" });
      const afterOrder = (role: string): Line[] =>
        offers(client.lines.findIndex((line, i) => i > filtering && line.do === "revive")).filter(
          (line) => line.role === role,
        );
      await eventually("three offers of each role", () =>
        ROLES.every((role) => afterOrder(role).length >= 3),
      );
      for (const role of ROLES) {
        const times = afterOrder(role).map(({ at }) => at);
        for (const [i, at] of times.slice(2).entries()) expect(at - (times[i + 1] ?? 0)).toBeGreaterThan(1);
      }

      client.order({ do: "suppress" });
      client.order({ do: "stop" });
      expect(await client.exited()).toBe(0);
      expect(client.failedCalls).toEqual([]);
    } catch (error) {
      console.error(client.tail(), cluster.logTails());
      throw error;
    }
  }, 120_000);

  test("200 tasks of two roles: each status acknowledged once; then kill and reconcile", async () => {
    await using cluster = await TestCluster.start({ masters: 1, agents: 2 });
    await using client = await startScheduler(cluster);
    try {
      const record = join(cluster.directory, "started");
      const names = launchInBothRoles(client, recordingCommand(record));
      await eventually("all to finish", () => finished(client).size === names.length, LONG_MS);
      expectFinishedInOrder(client, names);
      expectStartedOnce(record, names);
      expectEachAcknowledged(client);
      // Nothing died: no status came twice.
      expect(new Set(client.updates().map(({ uuid }) => uuid)).size).toBe(3 * names.length);

      const sleepers = ids("sleeper", SLEEPERS);
      client.order({ do: "launch", role: ROLES[0], ids: sleepers, command: "sleep 1000" });
      client.order({ do: "revive" });
      const states = (state: string): Line[] =>
        client.updates().filter((line) => line.state === state && sleepers.includes(line.task ?? ""));
      await eventually("the sleepers to run", () => states("TASK_RUNNING").length === SLEEPERS, LONG_MS);
      const agents = new Map(states("TASK_RUNNING").map((line) => [line.task ?? "", line.agent ?? ""]));
      await expectReconciled(client, sleepers, agents);
      await expectKilled(client, sleepers, agents);
      expectEachAcknowledged(client);

      client.order({ do: "stop" });
      expect(await client.exited()).toBe(0);
      expect(client.failedCalls).toEqual([]);
    } catch (error) {
      console.error(client.tail(), cluster.logTails());
      throw error;
    }
  }, 180_000);

  test("the same over JSON, with fewer tasks", async () => {
    await using cluster = await TestCluster.start({ masters: 1, agents: 1 });
    await using client = await startScheduler(cluster, "json");
    try {
      const names = ids("json", SLEEPERS);
      client.order({ do: "launch", role: ROLES[1], ids: names, command: "true" });
      client.order({ do: "revive" });
      await eventually("all to finish", () => finished(client).size === names.length, LONG_MS);
      expectFinishedInOrder(client, names);
      expectEachAcknowledged(client);
      client.order({ do: "stop" });
      expect(await client.exited()).toBe(0);
      expect(client.failedCalls).toEqual([]);
    } catch (error) {
      console.error(client.tail(), cluster.logTails());
      throw error;
    }
  }, 60_000);

  test("200 tasks while the leading master is killed: none lost, none run twice", async () => {
    await using cluster = await TestCluster.start({ masters: 3, agents: 2 });
    await using client = await startScheduler(cluster);
    try {
      const record = join(cluster.directory, "started");
      const names = launchInBothRoles(client, recordingCommand(record));
      await eventually("a quarter to finish", () => finished(client).size >= names.length / 4, LONG_MS);
      await cluster.masters[await cluster.leader()]?.kill("SIGKILL");
      expect(finished(client).size).toBeLessThan(names.length);
      await eventually("all to finish", () => finished(client).size === names.length, LONG_MS);

      const subscriptions = client.of("subscribed").map(({ framework }) => framework);
      expect(subscriptions.length).toBeGreaterThanOrEqual(2);
      expect(new Set(subscriptions).size).toBe(1);
      expectFinishedInOrder(client, names);
      expectStartedOnce(record, names);
      // What was open is sent and acknowledged again: then nothing is left to reconcile.
      await expectNothingKnown(client);
      expectEachAcknowledgedAtLeastOnce(client);
      client.order({ do: "stop" });
      expect(await client.exited()).toBe(0);
      expect(client.of("ERROR")).toEqual([]);
    } catch (error) {
      console.error(client.tail(), cluster.logTails());
      throw error;
    }
  }, 180_000);
});

/** Explicit reconciliation tells of all that is asked for, implicit of the running only. */
async function expectReconciled(
  client: MesosGoClient,
  running: readonly string[],
  agents: ReadonlyMap<string, string>,
): Promise<void> {
  const [anyAgent = ""] = agents.values();
  const explicit = client.lines.length;
  const asked = { ...Object.fromEntries(agents), "never-seen": anyAgent, "nowhere-seen": "" };
  client.order({ do: "reconcile", tasks: asked });
  const wanted = Object.keys(asked).length;
  await eventually("all answers", () => client.reconciled(explicit).length >= wanted);
  const states = new Map(client.reconciled(explicit).map(({ task, state }) => [task, state]));
  // The agent is there and does not know the task; without an agent nobody can tell.
  expect(states.get("never-seen")).toBe("TASK_GONE");
  expect(states.get("nowhere-seen")).toBe("TASK_UNKNOWN");
  for (const task of running) expect(states.get(task)).toBe("TASK_RUNNING");

  const implicit = client.lines.length;
  client.order({ do: "reconcile" });
  await eventually("the running ones", () => client.reconciled(implicit).length >= running.length);
  expect(
    client
      .reconciled(implicit)
      .map(({ task }) => task ?? "")
      .sort(),
  ).toEqual([...running].sort());
  for (const answer of client.reconciled(explicit)) {
    expect(answer).toMatchObject({ uuid: "", source: "SOURCE_MASTER", reason: "REASON_RECONCILIATION" });
  }
}

/** Half by task and agent, half by task alone; one that nobody knows is answered as a reconciliation. */
async function expectKilled(
  client: MesosGoClient,
  running: readonly string[],
  agents: ReadonlyMap<string, string>,
): Promise<void> {
  const killing = client.lines.length;
  const half = running.length / 2;
  const tasks = running.map((task, i) => [task, i < half ? (agents.get(task) ?? "") : ""] as const);
  client.order({ do: "kill", tasks: Object.fromEntries([...tasks, ["never-seen", ""]]) });
  const told = (): Line[] => client.updates(killing).filter(({ state }) => state === "TASK_KILLED");
  await eventually("all to be killed", () => new Set(told().map(({ task }) => task)).size === running.length);
  expect(
    told()
      .map(({ task }) => task ?? "")
      .sort(),
  ).toEqual([...running].sort());
  await eventually("the unknown one to be answered", () =>
    client.reconciled(killing).some((line) => line.task === "never-seen" && line.state === "TASK_UNKNOWN"),
  );
  await expectNothingKnown(client);
}

/** Ended and acknowledged tasks are forgotten: no task of the framework is left to reconcile. */
async function expectNothingKnown(client: MesosGoClient): Promise<void> {
  await eventually(
    "every task to be forgotten",
    async () => {
      const asking = client.lines.length;
      client.order({ do: "reconcile" });
      // Answers come in order on the stream: that of the explicit question is behind those of the implicit.
      client.order({ do: "reconcile", tasks: { "end-of-answers": "" } });
      await eventually("the answers", () =>
        client.reconciled(asking).some(({ task }) => task === "end-of-answers"),
      );
      return client.reconciled(asking).length === 1;
    },
    LONG_MS,
  );
}

/** A leader that dies may take acknowledgements with it: what is then sent again is acknowledged again. */
function expectEachAcknowledgedAtLeastOnce(client: MesosGoClient): void {
  const delivered = new Set(client.updates().map(({ uuid }) => uuid ?? ""));
  delivered.delete("");
  const acknowledged = client.of("call").filter(({ uuid, error }) => uuid !== undefined && error === "");
  expect([...countBy(acknowledged, ({ uuid }) => uuid).keys()].sort()).toEqual([...delivered].sort());
}

describe("mesos-go as an operator", () => {
  test("reads all there is; watches agent, framework and task come and go in order", async () => {
    await using cluster = await TestCluster.start({ masters: 1, agents: 0 });
    const master = cluster.masterAddresses[0] ?? "";
    await using watcher = await MesosGoClient.start("watch", master);
    await eventually("the stream", () => watcher.of("HEARTBEAT").length > 0);
    const agent = startAgent(cluster, master);
    await eventually("the agent", () => watcher.of("AGENT_ADDED").length > 0);
    await using client = await startScheduler(cluster);
    try {
      client.order({ do: "launch", role: ROLES[1], ids: ["one"], command: "echo {id}; sleep 1000" });
      client.order({ do: "revive" });
      await eventually("the task to run", () =>
        client.updates().some(({ state }) => state === "TASK_RUNNING"),
      );
      await expectAnswers(master);
      await expectAgentAnswers(cluster.agentAddresses[0] ?? "", watcher.of("AGENT_ADDED")[0]?.agent ?? "");

      client.order({ do: "kill", tasks: { one: "" } });
      await eventually("its end", () => client.updates().some(({ state }) => state === "TASK_KILLED"));
      client.order({ do: "stop" });
      expect(await client.exited()).toBe(0);
      await eventually("the framework to go", () => watcher.of("FRAMEWORK_REMOVED").length > 0);
      // It says goodbye and ends.
      await agent.kill("SIGUSR1");
      await eventually("the agent to go", () => watcher.of("AGENT_REMOVED").length > 0);

      const names = watcher.lines.map(({ event, state }) =>
        state === undefined ? event : `${event} ${state}`,
      );
      const heartbeats = (name: string, i: number): boolean => name === "HEARTBEAT" && i > 1;
      expect(names.filter((name, i) => !heartbeats(name, i))).toEqual([
        ...["SUBSCRIBED", "HEARTBEAT", "AGENT_ADDED", "FRAMEWORK_ADDED", "TASK_ADDED TASK_STAGING"],
        ...["TASK_UPDATED TASK_STARTING", "TASK_UPDATED TASK_RUNNING", "TASK_UPDATED TASK_KILLING"],
        ...["TASK_UPDATED TASK_KILLED", "FRAMEWORK_REMOVED", "AGENT_REMOVED"],
      ]);
      const framework = client.of("subscribed")[0]?.framework;
      for (const line of watcher.lines.filter((one) => "framework" in one)) {
        expect(line.framework).toBe(framework);
      }
    } catch (error) {
      console.error(watcher.tail(), client.tail(), cluster.logTails());
      throw error;
    }
  }, 120_000);
});

/** An agent that comes while somebody watches; gone with the cluster. */
function startAgent(cluster: TestCluster, master: string): MeshProcess {
  const port = freePort();
  cluster.agentAddresses.push(`127.0.0.1:${port}`);
  const place = ["--ip", "127.0.0.1", "--port", String(port)];
  const work = ["--work-dir", join(cluster.directory, "late"), "--resources", "cpus:4;mem:512;disk:100"];
  const agent = new MeshProcess(cluster.directory, "agent-late", [
    ...["agent", "--master", master, ...place, ...work],
  ]);
  cluster.agents.push(agent);
  return agent;
}

/** Every call that only reads, answered in its own type, with one agent, framework and task. */
async function expectAnswers(master: string): Promise<void> {
  await using asking = await MesosGoClient.start("ask", master);
  expect(await asking.exited()).toBe(0);
  const answers = new Map(asking.lines.map((line) => [line.call ?? "", line]));
  expect([...answers.values()].filter(({ error }) => error !== "")).toEqual([]);
  // mesos-go refuses an answer with a content type where there is no content.
  expect(answers.has("SET_LOGGING_LEVEL")).toBe(true);
  answers.delete("SET_LOGGING_LEVEL");
  expect(answers.size).toBe(16);
  for (const [call, { type }] of answers) expect(type).toBe(call);
  expect(answers.get("GET_HEALTH")?.healthy).toBe(true);
  expect(answers.get("GET_VERSION")?.version).toMatch(/^\d+\.\d+\.\d+$/);
  expect(answers.get("GET_METRICS")?.metrics).toBeGreaterThan(50);
  expect(answers.get("GET_FLAGS")?.flags).toBeGreaterThan(5);
  expect(answers.get("GET_MASTER")?.port).toBe(Number(master.split(":")[1]));
  expect(answers.get("GET_FRAMEWORKS")?.frameworks).toBe(1);
  expect(answers.get("GET_TASKS")?.tasks).toBe(1);
  // Roles above those that are subscribed to are known as well (QTA-11).
  expect(answers.get("GET_ROLES")?.roles).toEqual(["batch", ...ROLES].sort());
  const state = answers.get("GET_STATE");
  expect(state?.tasks).toBe(1);
  expect(state?.agents).toEqual(answers.get("GET_AGENTS")?.agents);
  expect(state?.agents).toMatchObject([
    { total: { cpus: 4, mem: 512, disk: 100 }, used: { cpus: 0.05, mem: 16 } },
  ]);
}

/** The same of the agent that runs the task, down to the task's own words. */
async function expectAgentAnswers(address: string, id: string): Promise<void> {
  await using asking = await MesosGoClient.start("ask-agent", address);
  expect(await asking.exited()).toBe(0);
  const answers = new Map(asking.lines.map((line) => [line.call ?? "", line]));
  expect([...answers.values()].filter(({ error }) => error !== "")).toEqual([]);
  expect(answers.size).toBe(13);
  for (const [call, { type }] of answers) expect(type).toBe(call);
  expect(answers.get("GET_CONTAINERS")?.containers).toBe(1);
  expect(answers.get("GET_TASKS")?.tasks).toBe(1);
  expect(answers.get("GET_AGENT")?.agent).toBe(id);
  const names = answers.get("LIST_FILES")?.paths?.map((path) => path.split("/").at(-1));
  expect(names).toEqual(expect.arrayContaining(["stdout", "stderr"]));
  expect(answers.get("READ_FILE")).toMatchObject({ size: 4, text: "one\n" });
}
