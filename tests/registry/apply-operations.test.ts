import { expect, test } from "bun:test";
import { AGENT_REQUESTS_MAX } from "../../src/base/limits.ts";
import { totalOf } from "../../src/registry/agent-total.ts";
import { encodeCommands } from "../../src/registry/codec.ts";
import type { Command, Outcome } from "../../src/registry/commands.ts";
import { Registry } from "../../src/registry/registry.ts";
import { encodeBlob } from "../../src/wire/blob.ts";
import {
  AT_MS,
  addAgent,
  addFramework,
  cpusOf,
  launch,
  reregister,
  reserveCpus,
  uuidOf,
} from "./fixtures.ts";

const ACCEPTED: Outcome = { accepted: true };
const refused = (reason: string) => ({ accepted: false, reason });
const TRACKED = { frameworkId: "f1", operationId: "o", n: 7 };

function apply(registry: Registry, ...commands: Command[]): readonly Outcome[] {
  return registry.applyEntry(encodeCommands(commands)).outcomes;
}

function started(): Registry {
  const registry = new Registry();
  apply(registry, addFramework("f1"), addAgent("a1", 8));
  return registry;
}

function total(registry: Registry): string {
  const agent = registry.agents.get("a1");
  const found = agent === undefined ? undefined : totalOf(agent);
  return found?.ok ? found.value.toString() : "";
}

test("an agent's total follows its operations; more than it has is refused whole", () => {
  const registry = started();
  expect(apply(registry, reserveCpus("a1", "web", 3))).toEqual([ACCEPTED]);
  expect(total(registry)).toBe("cpus:5; cpus(web):3");
  expect(apply(registry, reserveCpus("a1", "web", 6))).toMatchObject([refused("resources-missing")]);
  expect(apply(registry, reserveCpus("a1", "web", -3))).toEqual([ACCEPTED]);
  expect(total(registry)).toBe("cpus:8");
  expect(registry.agents.get("a1")?.checkpointed).toEqual([]);
});

test("reservations lie over what the agent registers with, unless that is less", () => {
  const registry = started();
  apply(registry, reserveCpus("a1", "web", 3));
  expect(apply(registry, reregister("a1", 4))).toEqual([ACCEPTED]);
  expect(total(registry)).toBe("cpus:1; cpus(web):3");
  expect(apply(registry, reregister("a1", 2))).toMatchObject([refused("agent-too-small")]);
  expect(total(registry)).toBe("cpus:1; cpus(web):3");
});

test("nothing changes on an agent out of reach, or for a framework that is gone", () => {
  const registry = started();
  apply(registry, { kind: "remove-framework", frameworkId: "f1", atMs: AT_MS });
  expect(apply(registry, reserveCpus("a1", "web", 1, TRACKED))).toMatchObject([
    refused("framework-completed"),
  ]);
  apply(registry, { kind: "mark-agent-unreachable", agentId: "a1", atMs: AT_MS });
  expect(apply(registry, reserveCpus("a1", "web", 1))).toMatchObject([refused("agent-unknown")]);
});

test("a launch on a reservation that is not there is refused", () => {
  const registry = started();
  const needs = [encodeBlob("Resource", cpusOf(1, "web"))];
  const launches = { ...launch("f1", "a1", "t1"), needs } as Command;
  expect(apply(registry, launches)).toMatchObject([refused("resources-missing")]);
  expect(apply(registry, reserveCpus("a1", "web", 1), launches)).toEqual([ACCEPTED, ACCEPTED]);
});

test("an operation with an id is kept until the right end of it is acknowledged", () => {
  const registry = started();
  apply(registry, reserveCpus("a1", "web", 1, TRACKED));
  expect(registry.operation("f1", "o")).toMatchObject({ agentId: "a1", statusUuid: uuidOf(7) });
  const acknowledge = (n: number): readonly Outcome[] =>
    apply(registry, {
      kind: "acknowledge-operation",
      frameworkId: "f1",
      operationId: "o",
      statusUuid: uuidOf(n),
    });
  expect(acknowledge(8)).toMatchObject([refused("uuid-mismatch")]);
  expect(acknowledge(7)).toEqual([ACCEPTED]);
  expect(acknowledge(7)).toMatchObject([refused("operation-unknown")]);
  expect([...registry.operations()]).toEqual([]);
});

test("operations go with their agent or framework", () => {
  for (const end of [
    { kind: "remove-agent", agentId: "a1", atMs: AT_MS, remember: true },
    { kind: "remove-framework", frameworkId: "f1", atMs: AT_MS },
  ] as const) {
    const registry = started();
    apply(registry, reserveCpus("a1", "web", 1, TRACKED), end);
    expect([...registry.operations()]).toEqual([]);
  }
});

test("a change with a name is done once, and the newest names are kept", () => {
  const registry = started();
  const named = (requestId: string): Command => ({ ...reserveCpus("a1", "web", 1), requestId });
  expect(apply(registry, named("x"), named("x"))).toEqual([ACCEPTED, ACCEPTED]);
  expect(total(registry)).toContain("cpus(web):1");
  apply(registry, named("y"));
  const restored = Registry.from(
    registry.takeChanges().flatMap(([key, value]) => (value === null ? [] : [[key, value] as const])),
  );
  expect(restored.agents.get("a1")?.requests).toEqual(["x", "y"]);
  // Once without a name: not kept, and done each time.
  expect(apply(registry, reserveCpus("a1", "web", 1))).toEqual([ACCEPTED]);
  for (let n = 0; n < AGENT_REQUESTS_MAX; n++) {
    apply(registry, named(`n${n}`), reserveCpus("a1", "web", -1));
  }
  expect(registry.agents.get("a1")?.requests).toHaveLength(AGENT_REQUESTS_MAX);
  expect(registry.agents.get("a1")?.requests.at(-1)).toBe(`n${AGENT_REQUESTS_MAX - 1}`);
});
