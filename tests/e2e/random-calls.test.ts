/**
 * Thousands of calls that are nearly right, to masters and agents, as schedulers, operators and executors
 * send them, many at once: no process ends or answers 500, nothing stays taken, and the cluster goes on.
 */
import { expect, test } from "bun:test";
import { Random } from "../../src/base/random.ts";
import { MasterClient } from "../../src/main/client/master-client.ts";
import { SchedulerClient } from "../../src/main/client/scheduler-client.ts";
import type { AgentResponse } from "../../src/model/v1/agent-responses.ts";
import type { MasterCall } from "../../src/model/v1/master.ts";
import type { MasterResponse } from "../../src/model/v1/master-responses.ts";
import type { MessageName } from "../../src/model/v1/message-types.ts";
import { encodeJson } from "../../src/wire/json-encode.ts";
import { type Live, RandomCalls } from "./random-calls.ts";
import { eventually, mesh, TestCluster } from "./test-cluster.ts";

const CALLS = Number(process.env["MESH_RANDOM_CALLS"] ?? 4_000);
const AT_ONCE = 8;
/** As in Mesos, where the containerizer's refusal of a container that runs is an error of the server. */
const STILL_RUNS = /it still runs$/;
/** Streams and waits for containers are left after this time. */
const PATIENCE_MS = 1_500;
const JSON_HEADERS = { "Content-Type": "application/json", Accept: "application/json" };

test(
  `${CALLS} calls that are nearly right`,
  async () => {
    const seed = Number(process.env["MESH_SEED"] ?? crypto.getRandomValues(new Uint32Array(1))[0]);
    console.log(`seed ${seed}`);
    const agentFlags = ["--isolation", "posix", "--executor-registration-timeout", "2secs"];
    await using cluster = await TestCluster.start({ masters: 3, agents: 2, agentFlags });
    await using storm = new Storm(cluster, new Random(seed));
    await storm.subscribe(2);
    for (let sent = 0; sent < CALLS; sent += AT_ONCE) {
      await Promise.all(Array.from({ length: AT_ONCE }, () => storm.call()));
      if (sent % (20 * AT_ONCE) === 0) await storm.look();
    }
    expect(storm.faults, `seed ${seed}`).toEqual([]);
    const processes = [...cluster.masters, ...cluster.agents];
    expect(processes.filter(({ running }) => !running).map(({ name, log }) => `${name}: ${log}`)).toEqual([]);
    await storm.calm();
    const masters = cluster.masterAddresses.join(",");
    expect(await mesh(["run", "--master", masters, "--", "true"])).toMatchObject({ status: 0 });
    await eventually("the masters to agree", async () => {
      return (await mesh(["raft", "check", "--master", masters])).status === 0;
    });
  },
  60_000 + CALLS * 20,
);

class Storm implements AsyncDisposable {
  /** What is never answered. */
  readonly faults: string[] = [];
  readonly #cluster: TestCluster;
  readonly #random: Random;
  readonly #calls: RandomCalls;
  readonly #schedulers: SchedulerClient[] = [];
  readonly #live = {
    ...{ agents: [] as string[], containers: [] as string[], frameworks: [] as string[] },
    ...{ executors: [], offers: [], tasks: [], updates: [] },
  } satisfies Live as { -readonly [K in keyof Live]: Live[K] };
  #leader = "";

  constructor(cluster: TestCluster, random: Random) {
    this.#cluster = cluster;
    this.#random = random;
    this.#calls = new RandomCalls(random, this.#live);
  }

  async subscribe(count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      const capabilities = ["MULTI_ROLE", "PARTITION_AWARE", "RESERVATION_REFINEMENT"] as const;
      const client = new SchedulerClient(new MasterClient(this.#cluster.masterAddresses), {
        ...{ user: "root", name: `storm-${i}`, roles: ["storm"], checkpoint: true, failover_timeout: 1_000 },
        capabilities: capabilities.map((type) => ({ type })),
      });
      this.#schedulers.push(client);
      void this.#follow(client).catch(() => {});
    }
    await eventually("the frameworks", () => this.#schedulers.every((one) => one.frameworkId !== undefined));
    await this.look();
  }

  async #follow(client: SchedulerClient): Promise<void> {
    for await (const { offers, update } of client.events()) {
      this.#live.offers.push(...(offers?.offers ?? []));
      if (update?.status.uuid !== undefined) this.#live.updates.push(update.status);
    }
  }

  /** At what there is just now. */
  async look(): Promise<void> {
    this.#leader = this.#cluster.masterAddresses[await this.#cluster.leader()] ?? "";
    this.#live.frameworks = this.#schedulers.flatMap(({ frameworkId }) => frameworkId ?? []);
    const { get_agents } = await this.#ask({ type: "GET_AGENTS" });
    this.#live.agents = (get_agents?.agents ?? []).flatMap(({ agent_info }) => agent_info.id?.value ?? []);
    for (const value of this.#live.agents) {
      await this.#ask({ type: "REACTIVATE_AGENT", reactivate_agent: { agent_id: { value } } });
    }
    const found = await Promise.all(
      this.#cluster.agentAddresses.map((address) => this.#containersOf(address)),
    );
    this.#live.containers = found.flat().map(({ container_id }) => container_id.value);
    this.#live.executors = found.flat().flatMap(({ executor_id, framework_id }) => {
      if (executor_id === undefined || framework_id === undefined) return [];
      return [{ executorId: executor_id.value, frameworkId: framework_id.value }];
    });
  }

  async #containersOf(address: string) {
    const body = `{"type": "GET_CONTAINERS", "get_containers": {"show_standalone": true}}`;
    const answer = await fetch(`http://${address}/api/v1`, { method: "POST", headers: JSON_HEADERS, body });
    return ((await answer.json()) as AgentResponse).get_containers?.containers ?? [];
  }

  async call(): Promise<void> {
    const agent = this.#random.pick(this.#cluster.agentAddresses);
    switch (this.#random.below(6)) {
      case 0:
        return this.#send(this.#leader, "/api/v1", "MasterCall", this.#calls.operator("MasterCall"));
      case 1:
        return this.#send(agent, "/api/v1", "AgentCall", this.#calls.operator("AgentCall"));
      case 2:
        return this.#send(agent, "/api/v1/executor", "ExecutorCall", this.#calls.executor());
      default: {
        const client = this.#random.pick(this.#schedulers);
        const call = this.#calls.scheduler(client.frameworkId ?? "");
        const headers = { "Mesos-Stream-Id": client.streamId };
        return this.#send(this.#leader, "/api/v1/scheduler", "SchedulerCall", call, headers);
      }
    }
  }

  async #send(address: string, path: string, name: MessageName, call: Record<string, unknown>, more = {}) {
    const encoded = this.#calls.encoded(name, call);
    if (encoded === undefined) return;
    const { type, body } = encoded;
    const headers = { "Content-Type": type, Accept: "application/json", ...more };
    const signal = AbortSignal.timeout(PATIENCE_MS);
    try {
      const answer = await fetch(`http://${address}${path}`, { method: "POST", headers, body, signal });
      if (answer.status !== 500) return void (await answer.body?.cancel());
      const text = await answer.text();
      if (!STILL_RUNS.test(text)) this.faults.push(`${path}: ${text}: ${JSON.stringify(call)}`);
    } catch {
      // It waited for something, or its process is gone, which is looked at in the end.
    }
  }

  async #ask(call: MasterCall): Promise<MasterResponse> {
    const body = encodeJson("MasterCall", call);
    const url = `http://${this.#leader}/api/v1`;
    const answer = await fetch(url, { method: "POST", headers: JSON_HEADERS, body });
    const text = await answer.text();
    return answer.ok && text !== "" ? (JSON.parse(text) as MasterResponse) : {};
  }

  /** Ends the frameworks and what operators began; then nothing may be offered, in use or running. */
  async calm(): Promise<void> {
    for (const client of this.#schedulers) client.close();
    await this.look();
    const { get_frameworks } = await this.#ask({ type: "GET_FRAMEWORKS" });
    for (const { framework_info } of get_frameworks?.frameworks ?? []) {
      const { id } = framework_info;
      if (id !== undefined) await this.#ask({ type: "TEARDOWN", teardown: { framework_id: id } });
    }
    await this.#ask({
      type: "UPDATE_MAINTENANCE_SCHEDULE",
      update_maintenance_schedule: { schedule: {} },
    });
    const quota = (await this.#ask({ type: "GET_QUOTA" })).get_quota?.status.configs ?? [];
    const quota_configs = quota.map(({ role }) => ({ role }));
    await this.#ask({ type: "UPDATE_QUOTA", update_quota: { force: true, quota_configs } });
    await eventually("nothing to be in use", async () => {
      const { get_agents } = await this.#ask({ type: "GET_AGENTS" });
      return get_agents?.agents?.every(({ active, allocated_resources = [], offered_resources = [] }) => {
        return active && allocated_resources.length + offered_resources.length === 0;
      });
    });
    await eventually("executors to end", async () => {
      const states = this.#cluster.agentAddresses.map((address) => fetch(`http://${address}/state`));
      const found = await Promise.all(
        states.map(async (answer) => (await (await answer).json()) as AgentState),
      );
      return found.every(({ frameworks }) => frameworks.every(({ executors }) => executors.length === 0));
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#schedulers) client.close();
  }
}

interface AgentState {
  readonly frameworks: readonly { readonly executors: readonly unknown[] }[];
}
