import { describe, expect, test } from "bun:test";
import { WAITING_CALLS_PER_FRAMEWORK_MAX } from "../../src/base/limits.ts";
import { CallQueues, costOf } from "../../src/master/call-queues.ts";
import type { CallInput } from "../../src/master/types.ts";
import type { SchedulerCall } from "../../src/model/v1/scheduler.ts";

const context = { streamId: "s", principal: undefined };
let ref = 0;

function call(frameworkId: string, more: Partial<SchedulerCall> = {}): CallInput {
  const framework_id = { value: frameworkId };
  return { kind: "call", ref: ++ref, call: { framework_id, type: "REVIVE", ...more }, context };
}

function reconcile(frameworkId: string, tasks: number): CallInput {
  const named = Array.from({ length: tasks }, (_, i) => ({ task_id: { value: `t${i}` } }));
  return call(frameworkId, { type: "RECONCILE", reconcile: { tasks: named } });
}

/** Frameworks of the calls in the order they are served. */
function served(queues: CallQueues, max = Number.POSITIVE_INFINITY): string[] {
  const order: string[] = [];
  while (order.length < max) {
    const next = queues.next(() => false);
    if (next === undefined) break;
    order.push(next.call.framework_id?.value ?? "");
  }
  return order;
}

describe("CallQueues", () => {
  test("a call waits for few of a framework that has thousands", () => {
    const queues = new CallQueues();
    for (let i = 0; i < 5_000; i++) queues.push("noisy", call("noisy"));
    queues.push("quiet", call("quiet"));
    queues.push("quiet", call("quiet"));
    const order = served(queues);
    expect(order).toHaveLength(5_002);
    expect(order.indexOf("quiet")).toBeLessThan(40);
    expect(order.lastIndexOf("quiet")).toBeLessThan(41);
    expect(queues.waiting).toBe(0);
  });

  test("calls of one framework keep their order", () => {
    const queues = new CallQueues();
    const calls = Array.from({ length: 100 }, () => call("f"));
    for (const one of calls) {
      queues.push("f", one);
      queues.push("g", call("g"));
    }
    const refs: number[] = [];
    for (let next = queues.next(() => false); next !== undefined; next = queues.next(() => false)) {
      if (next.call.framework_id?.value === "f") refs.push(next.ref);
    }
    expect(refs).toEqual(calls.map((one) => one.ref));
  });

  test("work counts, not calls: who asks for much is served seldom", () => {
    const queues = new CallQueues();
    for (let i = 0; i < 100; i++) queues.push("heavy", reconcile("heavy", 99));
    for (let i = 0; i < 1_000; i++) queues.push("light", call("light"));
    const order = served(queues, 500);
    const heavy = order.filter((id) => id === "heavy").length;
    expect(heavy).toBeGreaterThan(1);
    expect(heavy).toBeLessThan(10);
  });

  test("a giant call is paid for at last, and alone it waits for nobody", () => {
    const queues = new CallQueues();
    queues.push("giant", reconcile("giant", 100_000));
    queues.push("giant", call("giant"));
    expect(served(queues)).toEqual(["giant", "giant"]);
  });

  test("who must wait is passed by", () => {
    const queues = new CallQueues();
    queues.push("a", call("a"));
    queues.push("b", call("b"));
    const waits = (id: string): boolean => id === "a";
    expect(queues.next(waits)?.call.framework_id?.value).toBe("b");
    expect(queues.next(waits)).toBeUndefined();
    expect(queues.waiting).toBe(1);
    expect(served(queues)).toEqual(["a"]);
  });

  test("a framework has a bounded number of calls that wait", () => {
    const queues = new CallQueues();
    for (let i = 0; i < WAITING_CALLS_PER_FRAMEWORK_MAX; i++) {
      expect(queues.isFull("f")).toBe(false);
      queues.push("f", call("f"));
    }
    expect(queues.isFull("f")).toBe(true);
    expect(queues.isFull("g")).toBe(false);
    expect(queues.waiting).toBe(WAITING_CALLS_PER_FRAMEWORK_MAX);
  });
});

test("a call costs one, and each thing it names one more", () => {
  expect(costOf({ type: "REVIVE" })).toBe(1);
  expect(costOf({ type: "DECLINE", decline: { offer_ids: [{ value: "1" }, { value: "2" }] } })).toBe(3);
  const tasks = ["a", "b", "c"].map((id) => ({
    name: id,
    task_id: { value: id },
    agent_id: { value: "S" },
  }));
  const operations = [{ type: "LAUNCH" as const, launch: { task_infos: tasks } }];
  expect(costOf({ type: "ACCEPT", accept: { offer_ids: [{ value: "1" }], operations } })).toBe(6);
});
