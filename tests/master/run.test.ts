import { afterEach, describe, expect, test } from "bun:test";
import {
  INBOX_MAX_INPUTS,
  TURN_MAX_TELL_MS,
  WAITING_CALLS_PER_FRAMEWORK_MAX,
} from "../../src/base/limits.ts";
import { silentLog } from "../../src/base/log.ts";
import { Random } from "../../src/base/random.ts";
import { MasterNode } from "../../src/master/node.ts";
import type { EventSink } from "../../src/master/port.ts";
import { Master } from "../../src/master/run.ts";
import { DEFAULT_SETTINGS } from "../../src/master/settings.ts";
import type { MasterToAgent } from "../../src/model/agent-protocol.ts";
import type { SchedulerEvent } from "../../src/model/v1/scheduler.ts";
import { Registry } from "../../src/registry/registry.ts";
import { finished } from "../support/finished.ts";
import { MasterBench } from "../support/master-bench.ts";
import { MemoryDisk, MemoryRaftStore } from "../support/memory-raft-store.ts";

const running: Master[] = [];
afterEach(() => {
  for (const master of running.splice(0)) master.close();
});

const realTime = () => ({ monotonicMs: performance.now(), wallMs: Date.now() });

async function start(
  soon: (run: () => void) => void = (run) => void setImmediate(run),
  now = realTime,
): Promise<Master> {
  const store = new MemoryRaftStore(new MemoryDisk(), (error) => {
    throw error;
  });
  const restored = await store.open();
  const address = { id: "m1", hostname: "localhost", ip: "127.0.0.1", port: 5050 };
  const node = new MasterNode({
    raft: { self: "127.0.0.1:5060", peers: ["127.0.0.1:5060"] },
    settings: { ...DEFAULT_SETTINGS, version: "0.1.0", address },
    restored,
    registry: new Registry(),
    random: new Random(3),
  });
  const master = new Master(
    node,
    {
      store,
      peers: { send() {} },
      now,
      workMs: () => 0,
      wakeAt(monotonicMs, wake) {
        const timer = setTimeout(wake, Math.max(0, monotonicMs - performance.now()));
        return () => clearTimeout(timer);
      },
      soon,
      newUuid: () => crypto.randomUUID(),
      systemMetrics: () => ({ "system/cpus_total": 2 }),
      log: silentLog,
      onFailure: (error) => {
        throw error;
      },
    },
    { port: "5050" },
    { hostname: "127.0.0.1", port: 5060 },
  );
  running.push(master);
  master.start();
  return master;
}

/** Collects what is sent and lets a test wait for it. */
class Recorder<T> {
  readonly items: T[] = [];
  closed = false;
  #wake: (() => void) | undefined;

  add(item: T): void {
    this.items.push(item);
    this.#wake?.();
  }

  async until(condition: (items: readonly T[]) => boolean): Promise<void> {
    while (!condition(this.items)) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  sink(): EventSink<T> {
    return {
      send: (event) => this.add(event),
      close: () => {
        this.closed = true;
        this.#wake?.();
      },
    };
  }
}

async function leading(master: Master): Promise<void> {
  while (master.leadership().kind !== "leading" || master.electedAtMs() === undefined) {
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Promises that are resolved have told so. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

describe("the pump", () => {
  test("from subscription to a running task", async () => {
    const master = await start();
    await leading(master);
    expect(master.agentLink()).toEqual({ hostname: "127.0.0.1", port: 5060 });
    expect(master.flags()).toEqual({ port: "5050" });
    const toAgent = new Recorder<MasterToAgent>();
    const link = master.agentLinkOpened({ send: (message) => toAgent.add(message), close() {} });
    link.message(new MasterBench().registration(1, undefined, []));
    await toAgent.until((messages) => messages.length === 1);
    const events = new Recorder<SchedulerEvent>();
    const framework_info = { user: "u", name: "n" };
    const subscribe = { type: "SUBSCRIBE", subscribe: { framework_info } } as const;
    const { streamId } = master.subscribe(subscribe, undefined, events.sink());
    await events.until((list) => list.some((event) => event.type === "OFFERS"));
    const [subscribed, , offers] = events.items;
    const framework_id = subscribed?.subscribed?.framework_id ?? { value: "" };
    const [offer] = offers?.offers?.offers ?? [];
    const task = new MasterBench().framework().task("t", offer?.agent_id.value ?? "");
    const operations = [{ type: "LAUNCH" as const, launch: { task_infos: [task] } }];
    const offer_ids = [offer?.id ?? { value: "" }];
    const accept = { framework_id, type: "ACCEPT", accept: { offer_ids, operations } } as const;
    const context = { streamId, principal: undefined };
    expect(await master.call(accept, context)).toMatchObject({ status: 202, body: "" });
    await toAgent.until((messages) => messages.some((message) => message.kind === "run-task"));
    expect([...master.view().tasks()].map((view) => view.taskId)).toEqual(["t"]);
    expect(finished(master.metrics())).toMatchObject({ "system/cpus_total": 2, "master/tasks_staging": 1 });
    expect(master.raftStatus()).toMatchObject({ role: "leader", leader: "127.0.0.1:5060", peers: [] });
    expect(await master.teardown(framework_id.value)).toMatchObject({ status: 200 });
    expect(events.closed).toBe(true);
  });

  test("a full inbox answers 503 and says when it is congested", async () => {
    // Turns never come: what is pushed stays.
    const master = await start(() => {});
    const context = { streamId: undefined, principal: undefined };
    const call = { framework_id: { value: "f" }, type: "REVIVE" } as const;
    for (let i = 1; i < INBOX_MAX_INPUTS; i++) void master.kill("f", "t");
    expect(master.congested).toBe(true);
    expect(await master.call(call, context)).toMatchObject({ status: 503 });
    const events = new Recorder<SchedulerEvent>();
    master.subscribe({ type: "SUBSCRIBE" }, undefined, events.sink());
    // No ERROR event: schedulers give up for good at one. The edge answers 503.
    expect(events.items).toEqual([]);
    expect(events.closed).toBe(true);
  });

  test("a framework that floods is refused by itself; others are taken", async () => {
    const master = await start(() => {});
    const context = { streamId: undefined, principal: undefined };
    const call = { framework_id: { value: "noisy" }, type: "REVIVE" } as const;
    for (let i = 0; i < WAITING_CALLS_PER_FRAMEWORK_MAX; i++) void master.call(call, context);
    expect(await master.call(call, context)).toMatchObject({
      status: 503,
      body: expect.stringContaining("wait already"),
    });
    expect(master.congested).toBe(false);
    const calm = master.kill("f", "t");
    master.close();
    expect(await calm).toMatchObject({ body: "The master is stopping" });
  });

  test("what there is too much of is told in later turns, and nothing is taken from clients before", async () => {
    const clock = { ms: 0 };
    const turns: (() => void)[] = [];
    const master = await start(
      (run) => void turns.push(run),
      () => ({ monotonicMs: clock.ms, wallMs: clock.ms }),
    );
    const turn = async (): Promise<void> => {
      turns.shift()?.();
      await settled();
    };
    while (master.electedAtMs() === undefined) await turn();
    // Each refused stream takes longer than a turn may tell clients things.
    const answered: number[] = [];
    for (let i = 0; i < 3; i++) void master.kill("f", "t").then(() => answered.push(i));
    const slow = {
      send() {},
      close() {
        clock.ms += TURN_MAX_TELL_MS;
      },
    };
    const framework_info = { user: "u", name: "n", roles: ["no role"] };
    const refused = { type: "SUBSCRIBE", subscribe: { framework_info } } as const;
    for (let i = 0; i < 3; i++) master.subscribe(refused, undefined, slow);
    await turn();
    const before = clock.ms;
    expect(answered).toEqual([0, 1, 2]);
    expect(before).toBe(TURN_MAX_TELL_MS);
    void master.kill("f", "t").then(() => answered.push(3));
    await turn();
    expect(clock.ms).toBe(2 * TURN_MAX_TELL_MS);
    expect(answered).toEqual([0, 1, 2]);
    while (turns.length > 0) await turn();
    expect(clock.ms).toBe(3 * TURN_MAX_TELL_MS);
    expect(answered).toEqual([0, 1, 2, 3]);
  });

  test("closing answers what is open", async () => {
    const master = await start(() => {});
    const call = { framework_id: { value: "f" }, type: "REVIVE" } as const;
    const answer = master.call(call, { streamId: undefined, principal: undefined });
    master.close();
    expect(await answer).toMatchObject({ status: 503 });
  });
});
