/** Reservations and a persistent volume, from RESERVE to UNRESERVE, on the binary. */
import { expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MasterClient } from "../../src/main/client/master-client.ts";
import { SchedulerClient } from "../../src/main/client/scheduler-client.ts";
import type { Offer, OfferOperation } from "../../src/model/v1/offers.ts";
import type { Resource } from "../../src/model/v1/resources.ts";
import type { SchedulerEvent } from "../../src/model/v1/scheduler.ts";
import { eventually, TestCluster } from "./test-cluster.ts";

const ROLE = "web";

function reserved(name: string, value: number): Resource {
  return { name, type: "SCALAR", scalar: { value }, reservations: [{ type: "DYNAMIC", role: ROLE }] };
}

const VOLUME: Resource = {
  ...reserved("disk", 32),
  disk: { persistence: { id: "data-1" }, volume: { container_path: "kept/data", mode: "RW" } },
};

class Reserver implements AsyncDisposable {
  readonly #client: SchedulerClient;
  readonly #done: Promise<void>;
  readonly #offers: Offer[] = [];
  readonly #events: SchedulerEvent[] = [];
  subscriptions = 0;

  constructor(masters: readonly string[]) {
    this.#client = new SchedulerClient(new MasterClient(masters), {
      user: "root",
      name: "reserver",
      roles: [ROLE],
      failover_timeout: 3600,
      checkpoint: true,
      capabilities: [{ type: "MULTI_ROLE" }, { type: "PARTITION_AWARE" }, { type: "RESERVATION_REFINEMENT" }],
    });
    this.#done = this.#listen();
  }

  async #listen(): Promise<void> {
    for await (const event of this.#client.events()) {
      this.#events.push(event);
      // Offers end with their leader.
      if (event.type === "SUBSCRIBED") this.#offers.length = 0;
      if (event.type === "SUBSCRIBED") this.subscriptions++;
      const gone = event.rescind?.offer_id.value;
      if (gone !== undefined) this.#drop(gone);
      this.#offers.push(...(event.offers?.offers ?? []));
      const status = event.update?.status;
      if (status?.uuid === undefined || status.agent_id === undefined) continue;
      const { agent_id, task_id, uuid } = status;
      await this.#client.call({ type: "ACKNOWLEDGE", acknowledge: { agent_id, task_id, uuid } });
    }
  }

  #drop(offerId: string): void {
    const at = this.#offers.findIndex(({ id }) => id.value === offerId);
    if (at >= 0) this.#offers.splice(at, 1);
  }

  /** Accepts all that is offered on the agent, once so many reserved cpus are: what tasks had is back. */
  async accept(reservedCpus: number, make: (offer: Offer) => OfferOperation[]): Promise<void> {
    const offered = (): number =>
      this.#offers
        .flatMap(({ resources = [] }) => resources)
        .filter(({ name, reservations }) => name === "cpus" && reservations !== undefined)
        .reduce((sum, { scalar }) => sum + (scalar?.value ?? 0), 0);
    const offer = await eventually("an offer", () =>
      offered() >= reservedCpus ? this.#offers.shift() : undefined,
    );
    const offers = [offer, ...this.#offers.splice(0)];
    await this.#client.call({
      type: "ACCEPT",
      accept: {
        offer_ids: offers.map(({ id }) => id),
        operations: make(offer),
        filters: { refuse_seconds: 0 },
      },
    });
  }

  /** Waits for the end of an operation and acknowledges it. */
  async finished(id: string): Promise<string> {
    const status = await eventually(`the end of operation ${id}`, () =>
      this.#events
        .map((event) => event.update_operation_status?.status)
        .find((one) => one?.operation_id?.value === id),
    );
    if (status.uuid !== undefined && status.agent_id !== undefined) {
      await this.#client.call({
        type: "ACKNOWLEDGE_OPERATION_STATUS",
        acknowledge_operation_status: {
          agent_id: status.agent_id,
          uuid: status.uuid.value,
          operation_id: { value: id },
        },
      });
    }
    return status.state;
  }

  async ended(taskId: string): Promise<string> {
    const found = await eventually(`the end of ${taskId}`, () =>
      this.#events
        .map((event) => event.update?.status)
        .find(
          (s) => s?.task_id.value === taskId && s.state !== "TASK_STARTING" && s.state !== "TASK_RUNNING",
        ),
    );
    return `${found.state} ${found.message ?? ""}`.trimEnd();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.call({ type: "TEARDOWN" }).catch(() => {});
    this.#client.close();
    await this.#done;
  }
}

function task(offer: Offer, id: string, command: string, volume = VOLUME): OfferOperation {
  const task_infos = [
    {
      name: id,
      task_id: { value: id },
      agent_id: offer.agent_id,
      resources: [reserved("cpus", 0.5), reserved("mem", 32), volume],
      command: { shell: true, value: command },
    },
  ];
  return { type: "LAUNCH", launch: { task_infos } };
}

test("a task finds what an earlier one wrote to its volume; DESTROY wipes it", async () => {
  await using cluster = await TestCluster.start({ masters: 1, agents: 1 });
  await using framework = new Reserver(cluster.masterAddresses);
  const resources = [reserved("cpus", 1), reserved("mem", 64), reserved("disk", 64)];
  await framework.accept(0, (offer) => [
    { type: "RESERVE", id: { value: "reserve" }, reserve: { resources } },
    { type: "CREATE", id: { value: "create" }, create: { volumes: [VOLUME] } },
    task(offer, "writer", "echo kept > kept/data/file"),
  ]);
  expect(await framework.finished("reserve")).toBe("OPERATION_FINISHED");
  expect(await framework.finished("create")).toBe("OPERATION_FINISHED");
  expect(await framework.ended("writer")).toStartWith("TASK_FINISHED");
  const directory = join(cluster.directory, "a0/volumes/roles/web/data-1");
  expect(readdirSync(directory)).toEqual(["file"]);

  // The reservations outlive both processes.
  const processes = [...cluster.agents, ...cluster.masters];
  for (const process of processes) await process.kill("SIGKILL");
  for (const process of processes) process.start();
  await eventually("the agent to be back", async () => (await cluster.activeAgents()) === 1);
  await eventually("the framework to be back", () => framework.subscriptions === 2);
  await framework.accept(1, (offer) => [task(offer, "reader", "test $(cat kept/data/file) = kept")]);
  expect(await framework.ended("reader")).toStartWith("TASK_FINISHED");

  await framework.accept(1, () => [
    { type: "DESTROY", id: { value: "destroy" }, destroy: { volumes: [VOLUME] } },
    { type: "UNRESERVE", id: { value: "unreserve" }, unreserve: { resources } },
  ]);
  expect(await framework.finished("destroy")).toBe("OPERATION_FINISHED");
  expect(await framework.finished("unreserve")).toBe("OPERATION_FINISHED");
  await eventually("the data to be gone", () => !existsSync(directory));
  const answer = await fetch(`http://${cluster.masterAddresses[0]}/slaves`);
  const { slaves } = (await answer.json()) as { slaves: { reserved_resources: object }[] };
  expect(slaves[0]?.reserved_resources).toEqual({});
}, 60_000);

test("a MOUNT disk is used whole, and emptied when its volume is destroyed", async () => {
  const root = mkdtempSync(join(tmpdir(), "mesh-mount-"));
  const source = { type: "MOUNT" as const, mount: { root } };
  const simple = (name: string, value: number): Resource => ({ name, type: "SCALAR", scalar: { value } });
  const flag = [simple("cpus", 4), simple("mem", 512), { ...simple("disk", 100), disk: { source } }];
  const agentFlags = ["--resources", JSON.stringify(flag)];
  try {
    await using cluster = await TestCluster.start({ masters: 1, agents: 1, agentFlags });
    await using framework = new Reserver(cluster.masterAddresses);
    const disk = (value: number): Resource => ({ ...reserved("disk", value), disk: { source } });
    const volume: Resource = { ...disk(100), disk: { ...VOLUME.disk, source } };
    await framework.accept(0, () => [
      { type: "RESERVE", id: { value: "part" }, reserve: { resources: [disk(50)] } },
    ]);
    expect(await framework.finished("part")).toBe("OPERATION_ERROR");
    const resources = [reserved("cpus", 1), reserved("mem", 64), disk(100)];
    await framework.accept(0, (offer) => [
      { type: "RESERVE", reserve: { resources } },
      { type: "CREATE", create: { volumes: [volume] } },
      task(offer, "writer", "echo kept > kept/data/file", volume),
    ]);
    expect(await framework.ended("writer")).toStartWith("TASK_FINISHED");
    expect(readdirSync(root)).toEqual(["file"]);
    await framework.accept(1, () => [
      { type: "DESTROY", id: { value: "destroy" }, destroy: { volumes: [volume] } },
    ]);
    expect(await framework.finished("destroy")).toBe("OPERATION_FINISHED");
    await eventually("the disk to be empty", () => readdirSync(root).length === 0);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}, 60_000);

test("an operator's reservation through the old form is offered to its role", async () => {
  await using cluster = await TestCluster.start({ masters: 1, agents: 1 });
  const [address] = cluster.masterAddresses;
  const slaves = async (): Promise<{ id: string; reserved_resources: Record<string, { cpus: number }> }[]> =>
    ((await (await fetch(`http://${address}/slaves`)).json()) as { slaves: never[] }).slaves;
  const [agent] = await slaves();
  const form = (path: string, value: Resource[]): Promise<Response> =>
    fetch(`http://${address}${path}`, {
      method: "POST",
      body: new URLSearchParams({ slaveId: agent?.id ?? "", resources: JSON.stringify(value) }),
    });
  expect((await form("/reserve", [reserved("cpus", 2)])).status).toBe(202);
  expect((await slaves())[0]?.reserved_resources[ROLE]?.cpus).toBe(2);
  expect((await form("/unreserve", [reserved("cpus", 3)])).status).toBe(409);
  expect((await form("/unreserve", [reserved("cpus", 2)])).status).toBe(202);
  expect((await slaves())[0]?.reserved_resources).toEqual({});
}, 60_000);
