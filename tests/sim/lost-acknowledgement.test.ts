/**
 * The real master and the real agent on one link that breaks: the framework
 * acknowledged the end of a task, the agent never heard of it, and the id is
 * launched again at once.
 */
import { describe, expect, test } from "bun:test";
import { Random } from "../../src/base/random.ts";
import type { Offer } from "../../src/model/v1/offers.ts";
import type { TaskStatus } from "../../src/model/v1/tasks.ts";
import { AgentBench, LEADER } from "../agent/agent-bench.ts";
import { type BenchFramework, MasterBench } from "../support/master-bench.ts";

class Pair {
  readonly master = new MasterBench();
  agent = new AgentBench().recover();
  readonly framework: BenchFramework;
  #link = 0;
  /** False: the link is dead and neither side has noticed. */
  #alive = false;
  /** What the framework was told, "<container> <state>", each update once. */
  readonly told: string[] = [];
  readonly #seen = new Set<string>();
  #offers: Offer[] = [];
  /** Lost ones come again with the agent's next try. */
  acknowledging = true;

  constructor() {
    this.master.lead();
    this.framework = this.master.framework();
    this.connect();
  }

  get agentId(): string {
    return this.agent.core.state.agentId ?? "";
  }

  get run(): string {
    return this.master.registry.task(this.framework.id, "t")?.runId ?? "";
  }

  cut(): void {
    this.#alive = false;
    this.agent.sent.length = 0;
  }

  /** Both sides notice the break, and the agent registers again. */
  connect(): void {
    if (this.#link > 0) {
      this.master.step({ kind: "agent-link-closed", link: this.#link });
      this.agent.step({ kind: "link-closed", linkId: this.agent.linkId, reason: "reset" });
      this.master.toAgent(this.#link);
    }
    this.agent.sent.length = 0;
    this.#link++;
    this.#alive = true;
    this.agent.step({ kind: "leader-found", leader: LEADER });
    this.agent.step({ kind: "link-opened", linkId: this.agent.linkId });
    this.exchange();
  }

  restartAgent(): void {
    const { disk } = this.agent;
    const alive = new Map([...this.agent.core.state.tasks.values()].map((task) => [task.taskId, task.phase]));
    this.agent = new AgentBench({ disk, seed: this.#link + 2 });
    this.agent.recover((taskId) =>
      alive.get(taskId) === "running"
        ? { state: "running", launched: { pid: 42, startTime: "1" } }
        : { state: "never-started" },
    );
    this.connect();
  }

  /** Messages go to and fro until nobody has anything to say. */
  exchange(): void {
    for (let more = true; more; ) {
      const down = this.master.toAgent(this.#link);
      const up = this.agent.sent.splice(0);
      more = this.#alive && down.length + up.length > 0;
      if (!this.#alive) return;
      for (const message of down) this.agent.message(message);
      for (const message of up) this.master.fromAgent(this.#link, message);
      if (this.#hear()) more = true;
    }
  }

  /** What the framework does with its events; whether it did anything. */
  #hear(): boolean {
    const events = this.framework.events();
    for (const event of events) {
      for (const offer of event.offers?.offers ?? []) this.#offers.push(offer);
      const rescinded = event.rescind?.offer_id.value;
      if (rescinded !== undefined) this.#offers = this.#offers.filter(({ id }) => id.value !== rescinded);
      if (event.update !== undefined) this.#hearStatus(event.update.status);
    }
    return events.length > 0;
  }

  #hearStatus({ uuid, state, container_status }: TaskStatus): void {
    if (uuid === undefined) return;
    const key = Buffer.from(uuid).toString("hex");
    const run = container_status?.container_id?.value ?? "";
    // Whatever is told is of the run that the cluster holds.
    expect(run).toBe(this.run);
    if (!this.#seen.has(key)) this.told.push(`${run} ${state}`);
    this.#seen.add(key);
    if (this.acknowledging) this.framework.acknowledge(this.agentId, "t", uuid);
  }

  /** False when nothing is offered. */
  launch(): boolean {
    this.#hear();
    const offer = this.#offers.pop();
    if (offer === undefined) return false;
    this.framework.launch(offer, this.framework.task("t", this.agentId));
    this.exchange();
    return this.run !== "";
  }

  /** The kernel's word on the run's container; false when there is nothing to say. */
  launched(): boolean {
    const [task] = this.agent.core.state.tasks.values();
    if (task?.phase !== "launching") return false;
    const launched = { pid: 42, startTime: "1" };
    this.agent.step({ kind: "launched", containerId: task.containerId, launched });
    this.exchange();
    return true;
  }

  exited(): boolean {
    const [task] = this.agent.core.state.tasks.values();
    if (task?.phase !== "running") return false;
    const exit = { kind: "exited", code: 0 } as const;
    this.agent.step({ kind: "exited", containerId: task.containerId, exit });
    this.exchange();
    return true;
  }
}

/** Run one is completed in the registry; the agent holds it with its end unacknowledged. */
function acknowledgementLost(): { pair: Pair; old: string } {
  const pair = new Pair();
  pair.launch();
  const old = pair.run;
  pair.launched();
  pair.acknowledging = false;
  pair.exited();
  const uuid = pair.master.registry.task(pair.framework.id, "t")?.updateUuid;
  pair.cut();
  pair.framework.acknowledge(pair.agentId, "t", uuid ?? new Uint8Array());
  pair.acknowledging = true;
  expect(pair.run).toBe("");
  expect(pair.agent.core.state.tasks.size).toBe(1);
  return { pair, old };
}

function statesOf(run: string): string[] {
  return ["TASK_STARTING", "TASK_RUNNING", "TASK_FINISHED"].map((state) => `${run} ${state}`);
}

describe("a task id that is launched again after the acknowledgement of its end was lost", () => {
  for (const how of ["its link broke", "it was restarted"]) {
    test(`runs once more when the agent comes back because ${how}`, () => {
      const { pair, old } = acknowledgementLost();
      // RunTask is lost like the acknowledgement: the master has not noticed yet.
      expect(pair.launch()).toBe(true);
      const now = pair.run;
      if (how === "its link broke") pair.connect();
      else pair.restartAgent();
      expect(pair.run).toBe(now);
      expect([...pair.agent.core.state.tasks.values()].map((task) => task.runId)).toEqual([now]);
      expect(pair.launched()).toBe(true);
      expect(pair.exited()).toBe(true);
      expect(pair.told).toEqual([...statesOf(old), ...statesOf(now)]);
      expect([pair.run, pair.agent.core.state.tasks.size]).toEqual(["", 0]);
      expect(pair.agent.keys()).toEqual(["agent"]);
    });
  }
});

test("over random breaks, restarts and reuse, each run is told whole, in order and by itself", () => {
  let reuses = 0;
  for (let seed = 1; seed <= 20; seed++) {
    const random = new Random(seed);
    const pair = new Pair();
    const runs: string[] = [];
    for (let step = 0; step < 60; step++) {
      pair.acknowledging = random.chance(0.7);
      const act = random.below(10);
      if (act === 0) pair.cut();
      else if (act === 1) pair.connect();
      else if (act === 2) pair.restartAgent();
      else if (act < 6) {
        if (pair.run === "" && pair.launch()) runs.push(pair.run);
      } else if (!pair.launched()) pair.exited();
    }
    pair.acknowledging = true;
    pair.connect();
    for (let i = 0; i < 3 && pair.run !== ""; i++) {
      if (!pair.launched()) pair.exited();
    }
    expect(pair.told).toEqual(runs.flatMap(statesOf));
    expect([pair.run, pair.agent.core.state.tasks.size]).toEqual(["", 0]);
    reuses += runs.length - 1;
  }
  expect(reuses).toBeGreaterThan(40);
}, 30_000);
