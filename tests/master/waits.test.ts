import { expect, test } from "bun:test";
import { REQUEST_WAIT_MAX_MS } from "../../src/base/limits.ts";
import type { CallAnswer } from "../../src/master/port.ts";
import { Waits } from "../../src/master/waits.ts";

function answers(waits: Waits, keys: readonly (string | number)[], nowMs: number): string[] {
  const said: string[] = [];
  for (const key of keys) {
    waits.add(key, nowMs, ({ status, body }: CallAnswer) => said.push(`${key}: ${status} ${body}`));
  }
  return said;
}

test("what waits too long is given up, oldest first, and answered once", () => {
  const waits = new Waits();
  expect(waits.nextMs()).toBe(Number.POSITIVE_INFINITY);
  const first = answers(waits, [1, "stream"], 0);
  const second = answers(waits, [2], 5);
  expect(waits.nextMs()).toBe(REQUEST_WAIT_MAX_MS);
  waits.giveUp(REQUEST_WAIT_MAX_MS - 1, () => "too early");
  waits.giveUp(REQUEST_WAIT_MAX_MS, () => "late");
  expect(first).toEqual(["1: 503 late", "stream: 503 late"]);
  expect(waits.nextMs()).toBe(REQUEST_WAIT_MAX_MS + 5);
  // The commit comes after all.
  waits.answer(1, { status: 200, body: "" });
  waits.answer(2, { status: 200, body: "" });
  expect(first).toHaveLength(2);
  expect(second).toEqual(["2: 200 "]);
  expect(waits.nextMs()).toBe(Number.POSITIVE_INFINITY);
});

test("what has what it waited for is not answered, and all others are at the end", () => {
  const waits = new Waits();
  const said = answers(waits, ["subscribed", 1], 0);
  waits.done("subscribed");
  waits.close({ status: 503, body: "stopping" });
  expect(said).toEqual(["1: 503 stopping"]);
});
