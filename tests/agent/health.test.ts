import { describe, expect, test } from "bun:test";
import { type Health, noteHealth } from "../../src/agent/health.ts";

const RULES = { graceMs: 10_000, maxFailures: 3 };

function fresh(): Health {
  return { healthy: undefined, failures: 0 };
}

describe("health", () => {
  test("the first success is news, the next are not", () => {
    const health = fresh();
    expect(noteHealth(health, RULES, true, true)).toEqual({ healthy: true });
    expect(noteHealth(health, RULES, true, true)).toBeUndefined();
  });

  test("failures in the grace period are passed over, until the first success", () => {
    const health = fresh();
    expect(noteHealth(health, RULES, false, true)).toBeUndefined();
    expect(health).toEqual(fresh());
    noteHealth(health, RULES, true, true);
    expect(noteHealth(health, RULES, false, true)).toEqual({ healthy: false, failures: 1, kill: false });
  });

  test("each counted failure is news; as many as allowed end the task", () => {
    const health = fresh();
    const news = [1, 2, 3].map(() => noteHealth(health, RULES, false, false));
    expect(news).toEqual([
      { healthy: false, failures: 1, kill: false },
      { healthy: false, failures: 2, kill: false },
      { healthy: false, failures: 3, kill: true },
    ]);
  });

  test("a success begins the count anew", () => {
    const health = fresh();
    noteHealth(health, RULES, false, false);
    noteHealth(health, RULES, false, false);
    expect(noteHealth(health, RULES, true, false)).toEqual({ healthy: true });
    expect(noteHealth(health, RULES, false, false)).toEqual({ healthy: false, failures: 1, kill: false });
  });

  test.each([0, 1])("with %d failures allowed the first ends the task", (maxFailures) => {
    expect(noteHealth(fresh(), { graceMs: 0, maxFailures }, false, false)).toMatchObject({ kill: true });
  });
});
