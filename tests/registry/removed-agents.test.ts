/** A removed agent is refused when it comes back; the list of them is bounded and survives restarts. */
import { expect, test } from "bun:test";
import { REMOVED_AGENTS_MAX } from "../../src/base/limits.ts";
import { encodeCommands } from "../../src/registry/codec.ts";
import type { Command, Outcome } from "../../src/registry/commands.ts";
import { Registry } from "../../src/registry/registry.ts";
import { encodeMsgpack } from "../../src/wire/msgpack.ts";
import { AT_MS, addAgent, reregister } from "./fixtures.ts";

function apply(registry: Registry, ...commands: Command[]): readonly Outcome[] {
  return registry.applyEntry(encodeCommands(commands)).outcomes;
}

function remove(agentId: string, remember = true): Command {
  return { kind: "remove-agent", agentId, atMs: AT_MS, remember };
}

const REMOVED = { accepted: false, reason: "agent-removed" } as const;

test("a removed agent may not come back, neither as known nor as new", () => {
  const registry = new Registry();
  apply(registry, addAgent("a1"), remove("a1"));
  expect(apply(registry, reregister("a1"), addAgent("a1"))).toEqual([REMOVED, REMOVED]);
  expect(registry.removedAgents.get("a1")?.atMs).toBe(AT_MS);
  expect(apply(registry, reregister("a2"))).toEqual([{ accepted: false, reason: "agent-unknown" }]);
});

test("an entry from before the list leaves the id free, as it did then", () => {
  const registry = new Registry();
  apply(registry, addAgent("a1"), remove("a1", false));
  expect(apply(registry, addAgent("a1"))).toEqual([{ accepted: true }]);
});

test("beyond the bound the oldest removal is forgotten, also by a master that restarted in between", () => {
  const text = new TextEncoder();
  // From the highest name down: by key they come back in the opposite order.
  const name = (n: number): string => `a${String(REMOVED_AGENTS_MAX - n).padStart(6, "0")}`;
  const full: (readonly [Uint8Array, Uint8Array])[] = Array.from(
    { length: REMOVED_AGENTS_MAX },
    (_, i) => REMOVED_AGENTS_MAX - 1 - i,
  ).map((n) => [text.encode(`removed-agent/${name(n)}`), encodeMsgpack([name(n), AT_MS, n])] as const);
  const running = new Registry();
  running.load(full);
  expect(running.removedAgents.size).toBe(REMOVED_AGENTS_MAX);
  const disk = new Map(full.map((entry) => [Buffer.from(entry[0]).toString(), entry]));
  apply(running, addAgent("late"), remove("late"));
  for (const [key, value] of running.takeChanges()) {
    if (value === null) disk.delete(Buffer.from(key).toString());
    else disk.set(Buffer.from(key).toString(), [key, value]);
  }
  const restarted = new Registry();
  restarted.load([...disk].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, entry]) => entry));
  for (const registry of [running, restarted]) {
    apply(registry, addAgent("later"), remove("later"));
    expect([...registry.removedAgents.keys()].slice(0, 2)).toEqual([name(2), name(3)]);
    expect([...registry.removedAgents.keys()].slice(-2)).toEqual(["late", "later"]);
    expect(registry.removedAgents.size).toBe(REMOVED_AGENTS_MAX);
  }
  expect(restarted.digest()).toBe(running.digest());
}, 30_000);
