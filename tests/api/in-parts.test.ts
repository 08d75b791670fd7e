/** Long answers take many short turns, and say the same as when they are made in one. */
import { describe, expect, test } from "bun:test";
import { gunzipSync } from "node:zlib";
import type { Handler, MasterContext } from "../../src/api/context.ts";
import { type SliceDrivers, Slices, sortInParts } from "../../src/api/in-parts.ts";
import { masterApi } from "../../src/api/routes.ts";
import { ANSWER_SLICE_MS } from "../../src/base/limits.ts";
import type { ClusterView, MasterPort } from "../../src/master/port.ts";
import { MasterView } from "../../src/master/views.ts";
import type { MasterResponse, MasterResponseGetState } from "../../src/model/v1/master-responses.ts";
import { encodeJson } from "../../src/wire/json-encode.ts";
import { decodeProtobuf, encodeProtobuf } from "../../src/wire/protobuf.ts";
import { masterContext } from "../support/api-context.ts";
import { AGENT, AGENT_ID, FRAMEWORK, taskView } from "../support/cluster-sample.ts";
import { MasterBench } from "../support/master-bench.ts";
import { MemoryMasterPort } from "../support/memory-master-port.ts";
import { frameworksMessage, stateMessage } from "../support/whole-answers.ts";

/** A clock on which each reading takes `readingMs`, and turns that go on when the test says so. */
class Turns implements SliceDrivers {
  /** Called at the end of each turn. */
  onTurn: () => void = () => {};
  turns = 0;
  #ms = 0;

  readonly #readingMs: number;

  constructor(readingMs: number) {
    this.#readingMs = readingMs;
  }

  nowMs(): number {
    this.#ms += this.#readingMs;
    return this.#ms;
  }

  later(run: () => void): void {
    setImmediate(() => {
      this.turns++;
      this.onTurn();
      run();
    });
  }
}

/** Nothing ever gets a later turn. */
const ONE_TURN: SliceDrivers = { nowMs: () => 0, later: () => {} };

function handler(port: MasterPort, drivers: SliceDrivers): Handler {
  const context: MasterContext = { ...masterContext(port), slices: new Slices(drivers) };
  return masterApi(context);
}

const BASE = "http://127.0.0.1:5050";
const get = async (api: Handler, path: string, init?: RequestInit): Promise<Response> =>
  api(new Request(`${BASE}${path}`, init));
const PROTOBUF = "application/x-protobuf";
const call = (api: Handler, type: string, body = {}, accept = "application/json"): Promise<Response> =>
  get(api, "/api/v1", {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: accept },
    body: JSON.stringify({ type, ...body }),
  });

/** A large cluster; `items` counts what was read of its lists. */
class LargePort extends MemoryMasterPort {
  items = 0;

  override view() {
    const view = super.view();
    const counted = <T>(list: (id?: string) => Iterable<T>) => {
      const port = this;
      return function* (id?: string): Generator<T> {
        for (const item of list(id)) {
          port.items++;
          yield item;
        }
      };
    };
    return {
      ...view,
      agents: counted(view.agents) as () => never,
      tasks: counted(view.tasks) as (id?: string) => never,
      completedTasks: counted(view.completedTasks) as (id?: string) => never,
    };
  }
}

function large(agents: number, tasks: number): LargePort {
  const port = new LargePort();
  port.contents.frameworks.push(FRAMEWORK);
  for (let i = 0; i < agents; i++) port.contents.agents.push({ ...AGENT, id: `S${i}` });
  for (let i = 0; i < tasks; i++) {
    port.contents.tasks.push(taskView(`t-${i}`, "TASK_RUNNING", 1_000 + (i % 977), `S${i % agents}`));
  }
  return port;
}

/** `perSlice`: items that the clock lets through in one slice. */
async function compare(
  port: LargePort,
  perSlice: number,
  least: number,
  ask: (api: Handler) => Promise<Response>,
): Promise<void> {
  const whole = await (await ask(handler(port, ONE_TURN))).text();
  const drivers = new Turns(ANSWER_SLICE_MS / perSlice);
  let [before, longest] = [port.items, 0];
  const first = before;
  drivers.onTurn = () => {
    longest = Math.max(longest, port.items - before);
    before = port.items;
  };
  const answer = await ask(handler(port, drivers));
  drivers.onTurn();
  expect(port.items - first).toBeGreaterThanOrEqual(least);
  expect(longest).toBeLessThanOrEqual(perSlice + 2);
  expect(drivers.turns).toBeGreaterThanOrEqual(Math.floor(least / (perSlice + 2)));
  expect((await answer.text()) === whole).toBe(true);
}

describe("10,000 agents and 50,000 tasks of one framework", () => {
  const port = large(10_000, 50_000);
  test("/slaves", () => compare(port, 1_000, 10_000, (api) => get(api, "/slaves")));
  test("/state", () => compare(port, 1_000, 60_000, (api) => get(api, "/state")));
});

describe("1,000 agents and 5,000 tasks of one framework, as protobuf", () => {
  const port = large(1_000, 5_000);
  const asks: readonly (readonly [type: string, least: number])[] = [
    ["GET_STATE", 6_000],
    ["GET_AGENTS", 1_000],
    ["GET_TASKS", 5_000],
    ["GET_EXECUTORS", 5_000],
  ];
  for (const [type, least] of asks) {
    test(type, () => compare(port, 100, least, (api) => call(api, type, {}, PROTOBUF)));
  }
});

describe("answers as protobuf say what the codec says of the whole", () => {
  const bench = new MasterBench();
  bench.lead();
  for (let link = 1; link <= 3; link++) bench.agent(link);
  const framework = bench.framework({ name: "busy" });
  for (const [i, offer] of framework.offers.entries()) {
    framework.launch(offer, framework.task(`t${i}`, offer.agent_id.value));
  }
  bench.update(1, framework.id, "t0", "TASK_RUNNING");
  bench.framework({ name: "idle" });
  bench.teardown(bench.framework({ name: "gone" }).id);
  bench.fromAgent(3, { kind: "unregister-agent" });
  const view = (): ClusterView => new MasterView(bench.registry, bench.core.leader, bench.now);
  const port = Object.assign(new MemoryMasterPort(), { view });
  const empty = new MemoryMasterPort();
  const state = (from: MemoryMasterPort): MasterResponseGetState => stateMessage(from.view());
  const of = {
    GET_STATE: (from: MemoryMasterPort) => ({ get_state: state(from) }),
    GET_TASKS: (from: MemoryMasterPort) => ({ get_tasks: state(from).get_tasks }),
    GET_EXECUTORS: (from: MemoryMasterPort) => ({ get_executors: state(from).get_executors }),
    GET_FRAMEWORKS: (from: MemoryMasterPort) => ({ get_frameworks: state(from).get_frameworks }),
    GET_AGENTS: (from: MemoryMasterPort) => ({ get_agents: state(from).get_agents }),
  } as const;
  for (const type of Object.keys(of) as (keyof typeof of)[]) {
    for (const from of [port, empty]) {
      test(`${type}${from === empty ? ", empty" : ""}`, async () => {
        const expected = encodeProtobuf("MasterResponse", { type, ...of[type](from) } as MasterResponse);
        for (const drivers of [ONE_TURN, new Turns(ANSWER_SLICE_MS)]) {
          const answer = await call(handler(from, drivers), type, {}, PROTOBUF);
          expect(answer.headers.get("Content-Type")).toBe(PROTOBUF);
          const bytes = new Uint8Array(await answer.arrayBuffer());
          expect(bytes.length).toBe(expected.length);
          expect(decodeProtobuf("MasterResponse", bytes)).toEqual(decodeProtobuf("MasterResponse", expected));
        }
      });
    }
  }
});

describe("1,000 agents and 5,000 tasks of one framework", () => {
  const port = large(1_000, 5_000);
  const asks: readonly (readonly [string, (api: Handler) => Promise<Response>, least: number])[] = [
    ["/state-summary", (api) => get(api, "/state-summary"), 6_000],
    ["/frameworks", (api) => get(api, "/frameworks"), 5_000],
    ["/tasks", (api) => get(api, "/tasks?limit=5000"), 5_000],
    ["/roles", (api) => get(api, "/roles"), 1_000],
    ["GET_ROLES", (api) => call(api, "GET_ROLES"), 1_000],
    ["GET_STATE", (api) => call(api, "GET_STATE"), 6_000],
    ["GET_AGENTS", (api) => call(api, "GET_AGENTS"), 1_000],
    ["GET_TASKS", (api) => call(api, "GET_TASKS"), 5_000],
    ["GET_EXECUTORS", (api) => call(api, "GET_EXECUTORS"), 5_000],
  ];
  for (const [name, ask, least] of asks) test(name, () => compare(port, 100, least, ask));
});

describe("in parts", () => {
  const few = (): MemoryMasterPort => {
    const port = new MemoryMasterPort();
    port.contents.frameworks.push(FRAMEWORK);
    port.contents.agents.push(AGENT);
    for (let i = 0; i < 5; i++) port.contents.tasks.push(taskView(`t-${i}`, "TASK_RUNNING", 10 - i));
    return port;
  };

  test("answers share one slice a turn, each in its order", async () => {
    const drivers = new Turns(ANSWER_SLICE_MS / 2);
    const api = handler(few(), drivers);
    const [a, b] = await Promise.all([get(api, "/state"), get(api, "/state")]);
    const expected = await (await get(handler(few(), ONE_TURN), "/state")).text();
    expect(await a.text()).toBe(expected);
    expect(await b.text()).toBe(expected);
    expect(drivers.turns).toBeGreaterThan(8);
  });

  test("metrics, whose sums are made in steps", async () => {
    const port = few();
    const steps = 20;
    port.metrics = function* () {
      for (let i = 0; i < steps; i++) yield;
      return { "master/elected": steps };
    };
    const drivers = new Turns(ANSWER_SLICE_MS / 2);
    const api = handler(port, drivers);
    expect(await (await get(api, "/metrics/snapshot")).json()).toEqual({ "master/elected": steps });
    expect(drivers.turns).toBeGreaterThan(steps / 4);
    const turns = drivers.turns;
    expect(await (await call(api, "GET_METRICS", { get_metrics: {} })).text()).toContain(`"value":${steps}`);
    expect(drivers.turns).toBeGreaterThan(turns + steps / 4);
  });

  test("compressed, and as JSONP", async () => {
    const expected = await (await get(handler(few(), ONE_TURN), "/state")).text();
    const api = handler(few(), new Turns(ANSWER_SLICE_MS));
    const answer = await get(api, "/state?jsonp=f", { headers: { "Accept-Encoding": "gzip" } });
    expect(answer.headers.get("Content-Encoding")).toBe("gzip");
    expect(gunzipSync(await answer.arrayBuffer()).toString()).toBe(`f(${expected})`);
  });

  test("sorting keeps equal items in their order", async () => {
    const items = Array.from({ length: 5_500 }, (_, i) => ({ key: (i * 7_919) % 101, i }));
    const byKey = (a: { key: number }, b: { key: number }): number => a.key - b.key;
    const sorted = await sortInParts(new Slices(new Turns(1)), items, byKey);
    expect(sorted).toEqual(items.toSorted(byKey));
    expect(await sortInParts(new Slices(ONE_TURN), [], byKey)).toEqual([]);
  });
});

test("GET_FRAMEWORKS writes what the codec writes, and empty lists", async () => {
  const bench = new MasterBench();
  bench.lead();
  bench.agent(1);
  bench.framework({ name: "with an offer" });
  bench.framework({ name: "without" });
  const view = (): ClusterView => new MasterView(bench.registry, bench.core.leader, bench.now);
  const port = Object.assign(new MemoryMasterPort(), { view });
  const { frameworks = [] } = frameworksMessage(view());
  const offers = frameworks.map((framework) => framework.offers?.length);
  expect(offers.toSorted()).toEqual([0, 1]);
  const texts = frameworks.map((framework) => encodeJson("MasterResponseGetFrameworksFramework", framework));
  expect(await (await call(handler(port, ONE_TURN), "GET_FRAMEWORKS")).text()).toBe(
    `{"type":"GET_FRAMEWORKS","get_frameworks":{"frameworks":[${texts}],"completed_frameworks":[]}}`,
  );
});

describe("what changes meanwhile", () => {
  function cluster(): { bench: MasterBench; remove: () => void; port: MemoryMasterPort } {
    const bench = new MasterBench();
    bench.lead();
    const agentId = bench.agent(1);
    const framework = bench.framework();
    const tasks = ["a", "b", "c"].map((id) => framework.task(id, agentId));
    framework.launch(framework.offers[0], ...tasks);
    const port = new MemoryMasterPort();
    Object.assign(port, {
      view: (): ClusterView => new MasterView(bench.registry, bench.core.leader, bench.now),
    });
    return { bench, port, remove: () => framework.call({ type: "TEARDOWN" }) };
  }

  const ids = (text: string): string[] =>
    (text.match(/"id":"[abc]"|"task_id":\{"value":"[abc]"\}/g) ?? []).sort();

  for (const path of ["/state", "/frameworks"]) {
    test(`${path}: a framework that goes away with its tasks was there when the answer was begun`, async () => {
      for (let at = 1; at < 8; at++) {
        const { remove, port } = cluster();
        const drivers = new Turns(ANSWER_SLICE_MS);
        drivers.onTurn = () => {
          if (drivers.turns === at) remove();
        };
        const text = await (await get(handler(port, drivers), path)).text();
        expect(ids(text)).toEqual(['"id":"a"', '"id":"b"', '"id":"c"']);
        expect(() => JSON.parse(text)).not.toThrow();
      }
    });
  }

  test("an agent and the leadership that are lost: the rest of the answer is of the old leader", async () => {
    const { bench, port } = cluster();
    const drivers = new Turns(ANSWER_SLICE_MS);
    drivers.onTurn = () => {
      if (drivers.turns === 1) bench.step({ kind: "agent-link-closed", link: 1 });
      if (drivers.turns !== 2) return;
      bench.step({ kind: "leadership-lost" });
    };
    const answer = (await (await call(handler(port, drivers), "GET_STATE")).json()) as {
      get_state: { get_agents: { agents: unknown[] }; get_tasks: { tasks: unknown[] } };
    };
    expect(answer.get_state.get_agents.agents).toHaveLength(1);
    expect(answer.get_state.get_tasks.tasks).toHaveLength(3);
  });
});

describe("the first event of an operator's stream", () => {
  const subscribe = (port: MasterPort, drivers: SliceDrivers): Promise<Response> =>
    call(handler(port, drivers), "SUBSCRIBE");

  function busy(): MemoryMasterPort {
    const port = new MemoryMasterPort();
    for (let i = 0; i < 5; i++) port.contents.tasks.push(taskView(`t-${i}`, "TASK_RUNNING"));
    return port;
  }

  test("comes before what happens while it is made", async () => {
    const port = busy();
    const drivers = new Turns(ANSWER_SLICE_MS);
    drivers.onTurn = () => {
      const [sink] = port.operatorSinks;
      if (drivers.turns === 2)
        sink?.send({ type: "AGENT_REMOVED", agent_removed: { agent_id: { value: AGENT_ID } } });
      if (drivers.turns === 3) port.contents.tasks.push(taskView("late", "TASK_RUNNING"));
    };
    const answer = await subscribe(port, drivers);
    for (const sink of [...port.operatorSinks]) sink.close();
    const text = await answer.text();
    const whole = await subscribe(busy(), ONE_TURN);
    expect(
      text.match(/"type":"[A-Z_]+"/g)?.filter((type) => /SUBSCRIBED|HEARTBEAT|AGENT_REMOVED/.test(type)),
    ).toEqual(['"type":"SUBSCRIBED"', '"type":"HEARTBEAT"', '"type":"AGENT_REMOVED"']);
    expect(whole.status).toBe(200);
    const [length = "", record = ""] = text.split("\n");
    expect(record).toHaveLength(Number(length) + "20".length);
  });

  test("a master that steps down meanwhile refuses", async () => {
    const port = busy();
    const drivers = new Turns(ANSWER_SLICE_MS);
    drivers.onTurn = () => {
      if (drivers.turns === 2) for (const sink of [...port.operatorSinks]) sink.close();
    };
    const answer = await subscribe(port, drivers);
    expect(answer.status).toBe(503);
  });
});
