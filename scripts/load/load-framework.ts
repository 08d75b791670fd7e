/**
 * A framework as one that launches thousands of tasks a second is written: v1 API in JSON, several tasks with
 * each ACCEPT, an ACKNOWLEDGE for each update on one of many kept connections. When its stream ends it looks
 * for the leader again.
 */
import { RecordDecoder } from "../../src/wire/record-io.ts";
import type { Offer, SchedulerEvent, TaskStatus } from "../bench/lib.ts";
import { HttpPool } from "./http-pool.ts";
import { LASTING } from "./load-agent.ts";

const JSON_HEADERS = { "Content-Type": "application/json", Accept: "application/json" };
const RETRY_MS = 50;
const PROBLEMS_MAX = 10_000;
const ATTEMPT_TIMEOUT_MS = 5_000;
/** Of each task; the ids make it unlike every other. */
const TASK_RESOURCES = [
  ["cpus", 0.1],
  ["mem", 32],
] as const;

const NEVER_RAN: ReadonlySet<string> = new Set(["TASK_UNKNOWN", "TASK_GONE", "TASK_DROPPED"]);

export interface LaunchPlan {
  readonly tasks: number;
  /** They run until they are killed. */
  readonly lasting: boolean;
  /** With one ACCEPT, all on one agent. */
  readonly perAccept: number;
  /** Launched and not yet where the plan wants them. */
  readonly inflight: number;
}

interface Launches extends LaunchPlan {
  left: number;
  inflight: number;
  readonly maxInflight: number;
  readonly done: PromiseWithResolvers<void>;
  readonly acceptedAtMs: Map<string, number>;
  /** ACCEPT to TASK_RUNNING. */
  readonly runningMs: number[];
}

export interface FrameworkOptions {
  readonly name: string;
  readonly role: string;
  /** HTTP ports of the masters on 127.0.0.1. */
  readonly ports: readonly number[];
  readonly connections: number;
}

interface Expected {
  readonly type: string;
  readonly came: PromiseWithResolvers<number>;
}

export class LoadFramework {
  readonly #options: FrameworkOptions;
  readonly #offersOfAgent = new Map<string, Offer[]>();
  readonly #agentOfOffer = new Map<string, string>();
  readonly #states = new Map<string, string>();
  readonly #reconciled = new Map<string, string>();
  #pool: HttpPool | undefined;
  #streamId = "";
  #frameworkId: string | undefined;
  #stopped = false;
  #launches: Launches | undefined;
  #expected: Expected[] = [];
  #nextTask = 0;
  readonly #abort = new AbortController();
  readonly problems: string[] = [];
  /** Tasks that never ran at the first try. */
  launchedAgain = 0;

  constructor(options: FrameworkOptions) {
    this.#options = options;
  }

  get heldOffers(): number {
    return this.#agentOfOffer.size;
  }

  get agentsOffered(): number {
    return this.#offersOfAgent.size;
  }

  /** Tasks by the last state heard. */
  get states(): ReadonlyMap<string, string> {
    return this.#states;
  }

  /** The time (performance.now) of the next event of this type. */
  next(type: string): Promise<number> {
    const came = Promise.withResolvers<number>();
    this.#expected.push({ type, came });
    return came.promise;
  }

  /** Looks for the leader until `stop`. */
  async run(): Promise<void> {
    const { ports } = this.#options;
    for (let i = 0; !this.#stopped; i++) {
      await this.#stream(ports[i % ports.length] ?? 0).catch(() => undefined);
      if (i % ports.length === ports.length - 1) await Bun.sleep(RETRY_MS);
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#abort.abort();
    this.#pool?.close();
  }

  /** Launches tasks; resolves when all of them run, or have ended unless they are lasting. */
  async launch(plan: LaunchPlan): Promise<{ readonly runningMs: number[] }> {
    this.#launches = {
      ...plan,
      left: plan.tasks,
      inflight: 0,
      maxInflight: plan.inflight,
      done: Promise.withResolvers(),
      acceptedAtMs: new Map(),
      runningMs: [],
    };
    const { done, runningMs } = this.#launches;
    this.#useOffers();
    await done.promise;
    this.#launches = undefined;
    return { runningMs };
  }

  /** What the plan under way still has to launch or to hear of. */
  get outstanding(): number {
    return this.#launches === undefined ? 0 : this.#launches.left + this.#launches.inflight;
  }

  /** Asks for all tasks; the states told within the time, by task id. */
  async reconcile(expected: number, timeoutMs: number): Promise<ReadonlyMap<string, string>> {
    this.#reconciled.clear();
    await this.call("RECONCILE", '{"tasks":[]}');
    const endMs = performance.now() + timeoutMs;
    while (this.#reconciled.size < expected && performance.now() < endMs) await Bun.sleep(RETRY_MS);
    return this.#reconciled;
  }

  /** One call; `body` is the JSON of the field that the type names. */
  async call(type: string, body: string): Promise<number> {
    const id = `{"value":"${this.#frameworkId ?? ""}"}`;
    const json = `{"framework_id":${id},"type":"${type}","${type.toLowerCase()}":${body}}`;
    const headers = { ...JSON_HEADERS, "Mesos-Stream-Id": this.#streamId };
    const answer = await this.#pool?.request("POST", "/api/v1/scheduler", headers, json);
    if (answer !== undefined && answer.status !== 202 && this.problems.length < PROBLEMS_MAX) {
      this.problems.push(`${type} was answered ${answer.status}: ${answer.body}`);
    }
    return answer?.status ?? 0;
  }

  /** A call whose failure the stream's end explains. */
  #tell(type: string, body: string): void {
    this.call(type, body).catch(() => undefined);
  }

  async #stream(port: number): Promise<void> {
    const { name, role, connections } = this.#options;
    const id = this.#frameworkId === undefined ? undefined : { value: this.#frameworkId };
    const capabilities = [{ type: "MULTI_ROLE" }, { type: "PARTITION_AWARE" }];
    const info = { user: "root", name, failover_timeout: 3600, roles: [role], id, capabilities };
    const attempt = new AbortController();
    const timer = setTimeout(() => attempt.abort(), ATTEMPT_TIMEOUT_MS);
    const response = await fetch(`http://127.0.0.1:${port}/api/v1/scheduler`, {
      method: "POST",
      headers: JSON_HEADERS,
      redirect: "manual",
      body: JSON.stringify({ type: "SUBSCRIBE", framework_id: id, subscribe: { framework_info: info } }),
      signal: AbortSignal.any([attempt.signal, this.#abort.signal]),
    });
    clearTimeout(timer);
    if (response.status !== 200 || response.body === null) return;
    this.#streamId = response.headers.get("Mesos-Stream-Id") ?? "";
    this.#pool?.close();
    this.#pool = new HttpPool(port, connections);
    this.#offersOfAgent.clear();
    this.#agentOfOffer.clear();
    const decoder = new RecordDecoder();
    const utf8 = new TextDecoder();
    for await (const chunk of response.body) {
      const records = decoder.push(chunk);
      if (!records.ok) throw new Error(records.error);
      for (const record of records.value) this.#event(JSON.parse(utf8.decode(record)) as SchedulerEvent);
      this.#useOffers();
    }
  }

  #event(event: SchedulerEvent): void {
    if (event.subscribed !== undefined) {
      this.#frameworkId = event.subscribed.framework_id.value;
      this.#askForAccepted();
    }
    if (event.error !== undefined) this.problems.push(`The master sent ERROR: ${event.error.message}`);
    for (const offer of event.offers?.offers ?? []) this.#addOffer(offer);
    if (event.update !== undefined) this.#updated(event.update.status);
    const { rescind } = event as { readonly rescind?: { readonly offer_id: { readonly value: string } } };
    if (rescind !== undefined) this.#dropOffer(rescind.offer_id.value);
    if (this.#expected.length === 0) return;
    for (const { type, came } of this.#expected) if (type === event.type) came.resolve(performance.now());
    this.#expected = this.#expected.filter(({ type }) => type !== event.type);
  }

  #addOffer(offer: Offer): void {
    const agentId = offer.agent_id.value;
    this.#agentOfOffer.set(offer.id.value, agentId);
    const offers = this.#offersOfAgent.get(agentId);
    if (offers === undefined) this.#offersOfAgent.set(agentId, [offer]);
    else offers.push(offer);
  }

  #dropOffer(id: string): void {
    const agentId = this.#agentOfOffer.get(id);
    if (agentId === undefined) return;
    this.#agentOfOffer.delete(id);
    const left = (this.#offersOfAgent.get(agentId) ?? []).filter((offer) => offer.id.value !== id);
    if (left.length === 0) this.#offersOfAgent.delete(agentId);
    else this.#offersOfAgent.set(agentId, left);
  }

  /** Agents take turns: one that was used goes to the end when it is offered again. */
  #useOffers(): void {
    const launches = this.#launches;
    if (launches === undefined) return;
    for (const [agentId, offers] of this.#offersOfAgent) {
      const room = Math.min(launches.left, launches.maxInflight - launches.inflight);
      // Whole ACCEPTs, so that a busy run does not end up with one task each.
      if (room <= 0 || (room < launches.perAccept && room < launches.left)) return;
      const count = Math.min(room, launches.perAccept, roomOf(offers));
      if (count > 0) this.#accept(launches, agentId, offers, count);
    }
  }

  #accept(launches: Launches, agentId: string, offers: readonly Offer[], count: number): void {
    this.#offersOfAgent.delete(agentId);
    for (const offer of offers) this.#agentOfOffer.delete(offer.id.value);
    const nowMs = performance.now();
    const tasks: string[] = [];
    for (let i = 0; i < count; i++) {
      const id = `${launches.lasting ? LASTING : "short-"}${this.#nextTask++}`;
      launches.acceptedAtMs.set(id, nowMs);
      this.#states.set(id, "accepted");
      tasks.push(taskJson(id, agentId, this.#options.role));
    }
    launches.left -= count;
    launches.inflight += count;
    const ids = offers.map((offer) => `{"value":"${offer.id.value}"}`).join(",");
    const launch = `{"type":"LAUNCH","launch":{"task_infos":[${tasks.join(",")}]}}`;
    this.#tell("ACCEPT", `{"offer_ids":[${ids}],"operations":[${launch}],"filters":{"refuse_seconds":0}}`);
  }

  #updated(status: TaskStatus): void {
    const id = status.task_id.value;
    if (status.uuid === undefined) {
      this.#reconciled.set(id, status.state);
    } else {
      const agent = status.agent_id?.value ?? "";
      this.#tell(
        "ACKNOWLEDGE",
        `{"agent_id":{"value":"${agent}"},"task_id":{"value":"${id}"},"uuid":"${status.uuid}"}`,
      );
    }
    if (NEVER_RAN.has(status.state)) {
      this.#launchAgain(id);
      return;
    }
    if (this.#states.get(id) === status.state) return;
    this.#states.set(id, status.state);
    this.#count(id, status);
  }

  /** The leader it was accepted by is gone, or its agent was. */
  #launchAgain(id: string): void {
    const launches = this.#launches;
    if (launches?.acceptedAtMs.delete(id) !== true) return;
    this.#states.delete(id);
    launches.inflight--;
    launches.left++;
    this.launchedAgain++;
  }

  /** What was accepted by an earlier leader it may never have committed. */
  #askForAccepted(): void {
    const tasks = [...(this.#launches?.acceptedAtMs.keys() ?? [])].map(
      (id) => `{"task_id":{"value":"${id}"}}`,
    );
    if (tasks.length > 0) this.#tell("RECONCILE", `{"tasks":[${tasks.join(",")}]}`);
  }

  #count(id: string, { state, message }: TaskStatus): void {
    const launches = this.#launches;
    const acceptedAtMs = launches?.acceptedAtMs.get(id);
    if (launches === undefined || acceptedAtMs === undefined) return;
    if (state === "TASK_RUNNING") {
      launches.runningMs.push(performance.now() - acceptedAtMs);
      if (!launches.lasting) return;
    } else if (state === "TASK_STAGING") {
      return;
    } else if (state !== "TASK_FINISHED") {
      this.problems.push(`A task became ${state}: ${message ?? ""}`);
    }
    launches.acceptedAtMs.delete(id);
    if (!launches.lasting) this.#states.delete(id);
    launches.inflight--;
    if (launches.left === 0 && launches.inflight === 0) launches.done.resolve();
  }
}

/** Tasks that offers of one agent hold together. */
function roomOf(offers: readonly Offer[]): number {
  return Math.min(
    ...TASK_RESOURCES.map(([name, each]) => {
      let total = 0;
      for (const { resources } of offers) {
        for (const resource of resources) if (resource.name === name) total += resource.scalar?.value ?? 0;
      }
      return Math.floor(total / each + 1e-6);
    }),
  );
}

function taskJson(id: string, agentId: string, role: string): string {
  const resources = TASK_RESOURCES.map(
    ([name, value]) =>
      `{"name":"${name}","type":"SCALAR","scalar":{"value":${value}},"allocation_info":{"role":"${role}"}}`,
  ).join(",");
  return (
    `{"name":"${id}","task_id":{"value":"${id}"},"agent_id":{"value":"${agentId}"},` +
    `"resources":[${resources}],"command":{"shell":true,"value":"exec /usr/bin/service --listen $PORT0"}}`
  );
}
