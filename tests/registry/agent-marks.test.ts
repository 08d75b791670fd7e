/** What operators say of agents and machines, in the registry. */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { decodeCommands, encodeCommands } from "../../src/registry/codec.ts";
import { levelOf } from "../../src/registry/command-level.ts";
import type { Command, Outcome } from "../../src/registry/commands.ts";
import { Registry } from "../../src/registry/registry.ts";
import { encodeBlob } from "../../src/wire/blob.ts";
import { AT_MS, addAgent, addFramework, launch, reregister, update } from "./fixtures.ts";

/** After the entry in tests/fixtures/logs/v2. */
const DIGEST = "0958020ceb5d0863";

function apply(registry: Registry, ...commands: Command[]): readonly Outcome[] {
  return registry.applyEntry(encodeCommands(commands)).outcomes;
}

function started(): Registry {
  const registry = new Registry();
  apply(
    registry,
    addFramework("aware"),
    addFramework("plain", false),
    addAgent("a1", 8),
    launch("aware", "a1", "t1", "t2"),
    launch("plain", "a1", "t3"),
    update("aware", "t2", "a1", "TASK_FINISHED", 1),
  );
  return registry;
}

const gone: Command = { kind: "mark-agent-gone", agentId: "a1", atMs: AT_MS };
const drain: Command = { kind: "drain-agent", agentId: "a1", maxGraceMs: 5, markGone: false, atMs: AT_MS };
const drained: Command = { kind: "agent-drained", agentId: "a1", atMs: AT_MS };
const unreachable: Command = { kind: "mark-agent-unreachable", agentId: "a1", atMs: AT_MS };

function activate(active: boolean): Command {
  return { kind: "activate-agent", agentId: "a1", active, atMs: AT_MS };
}

describe("gone", () => {
  test("tasks end once, by what their frameworks understand; those that ended stay as they ended", () => {
    const registry = started();
    expect(apply(registry, gone)).toEqual([
      {
        accepted: true,
        endedTasks: [
          { frameworkId: "aware", taskId: "t1", agentId: "a1", state: "TASK_GONE_BY_OPERATOR" },
          { frameworkId: "plain", taskId: "t3", agentId: "a1", state: "TASK_LOST" },
        ],
      },
    ]);
    expect([...registry.completedTasksOf("aware")].map(({ taskId, state }) => [taskId, state])).toEqual([
      ["t1", "TASK_GONE_BY_OPERATOR"],
      ["t2", "TASK_FINISHED"],
    ]);
    expect(registry.taskCount).toBe(0);
    expect(apply(registry, gone, reregister("a1"), addAgent("a1"))).toEqual([
      { accepted: true },
      { accepted: false, reason: "agent-removed" },
      { accepted: false, reason: "agent-removed" },
    ]);
    expect(apply(registry, { ...gone, agentId: "a2" })).toEqual([
      { accepted: false, reason: "agent-unknown" },
    ]);
  });

  test("of an unreachable agent only those are told whose frameworks knew of no end", () => {
    const registry = started();
    apply(registry, unreachable);
    expect(apply(registry, gone)).toMatchObject([
      { endedTasks: [{ taskId: "t1", state: "TASK_GONE_BY_OPERATOR" }] },
    ]);
  });
});

describe("draining", () => {
  test("deactivates, cannot be called back, and ends in drained, then active", () => {
    const registry = started();
    const agent = () => registry.agents.get("a1");
    apply(registry, drain);
    expect(agent()).toMatchObject({ deactivated: true, drain: { drained: false, maxGraceMs: 5 } });
    expect(apply(registry, activate(true), launch("aware", "a1", "t9"))).toEqual([
      { accepted: false, reason: "agent-draining" },
      { accepted: false, reason: "agent-draining" },
    ]);
    apply(registry, reregister("a1", 8), drained);
    expect(agent()).toMatchObject({ deactivated: true, drain: { drained: true } });
    apply(registry, activate(true));
    expect(agent()).toMatchObject({ deactivated: false });
    expect(agent()?.drain).toBeUndefined();
    expect(apply(registry, drained)).toEqual([{ accepted: false, reason: "agent-unknown" }]);
  });

  test("of nobody is refused", () => {
    const registry = new Registry();
    expect(apply(registry, drain, activate(false))).toEqual([
      { accepted: false, reason: "agent-unknown" },
      { accepted: false, reason: "agent-unknown" },
    ]);
  });

  test("the record of an agent that was never marked keeps the bytes of older versions", () => {
    const [marked, unmarked] = [started(), started()];
    apply(marked, activate(false), activate(true));
    const bytes = (registry: Registry) =>
      registry.takeChanges().find(([key]) => new TextDecoder().decode(key) === "agent/a1")?.[1];
    expect(bytes(marked)).toEqual(bytes(unmarked) ?? null);
  });

  test("a deactivated agent takes no launch", () => {
    const registry = started();
    expect(apply(registry, activate(false), launch("aware", "a1", "t9"))).toEqual([
      { accepted: true },
      { accepted: false, reason: "agent-inactive" },
    ]);
  });
});

describe("machines", () => {
  const machines = [{ hostname: "HOST-a1" }];
  const start: Command = { kind: "start-maintenance", machines, atMs: AT_MS };
  const stop: Command = { kind: "stop-maintenance", machines, atMs: AT_MS };

  function schedule(...machine_ids: { hostname: string }[]): Command {
    const windows =
      machine_ids.length === 0 ? [] : [{ machine_ids, unavailability: { start: { nanoseconds: 7 } } }];
    return { kind: "update-maintenance", schedule: encodeBlob("Schedule", { windows }), atMs: AT_MS };
  }

  test("go UP, DRAINING, DOWN and UP; nothing else", () => {
    const registry = started();
    const mode = () => registry.maintenance.modeOf({ hostname: "host-a1" });
    const refused = { accepted: false, reason: "machine-mode" } as const;
    expect(apply(registry, start, stop)).toEqual([refused, refused]);
    expect(mode()).toBe("UP");
    apply(registry, schedule({ hostname: "host-a1" }, { hostname: "other" }));
    expect(mode()).toBe("DRAINING");
    expect(registry.maintenance.windowOf("host-a1", "10.0.0.1")).toEqual({ start: { nanoseconds: 7 } });
    expect(apply(registry, stop)).toEqual([refused]);
    expect(apply(registry, start)).toMatchObject([{ accepted: true }]);
    expect(mode()).toBe("DOWN");
    expect(apply(registry, schedule(), start)).toEqual([refused, refused]);
    apply(registry, stop);
    expect(mode()).toBe("UP");
    expect(registry.maintenance.draining).toEqual([{ hostname: "other" }]);
    apply(registry, schedule());
    expect(registry.maintenance.isEmpty).toBe(true);
  });

  test("that are down end the tasks of their agents and keep them out", () => {
    const registry = started();
    apply(registry, addAgent("a2", 8), launch("aware", "a2", "u"), schedule({ hostname: "host-a1" }));
    expect(apply(registry, start)).toMatchObject([{ endedTasks: [{ taskId: "t1" }, { taskId: "t3" }] }]);
    expect(registry.taskCount).toBe(1);
    expect(registry.agents.get("a1")?.unreachableAtMs).toBe(AT_MS);
    expect(apply(registry, reregister("a1", 8))).toEqual([{ accepted: false, reason: "machine-down" }]);
    expect(apply(registry, reregister("a2", 8))).toEqual([{ accepted: true }]);
    apply(registry, stop);
    expect(apply(registry, reregister("a1", 8))).toEqual([{ accepted: true }]);
  });
});

test("only unreachable and removed agents are forgotten", () => {
  const registry = started();
  apply(registry, addAgent("a2"), addAgent("a3"), { ...gone, agentId: "a3" });
  apply(registry, unreachable, { kind: "forget-agents", agentIds: ["a1", "a2", "a3", "a4"] });
  expect([...registry.agents.keys()]).toEqual(["a2"]);
  expect(registry.removedAgents.size).toBe(0);
  expect(registry.taskCount).toBe(0);
  expect([...registry.completedTasksOf("aware")].map(({ taskId, state }) => [taskId, state])).toEqual([
    ["t1", "TASK_UNREACHABLE"],
    ["t2", "TASK_FINISHED"],
  ]);
});

test("masters of older versions keep the new commands out of the log", () => {
  expect(levelOf([addAgent("a1")])).toBe(1);
  expect(levelOf([addAgent("a1"), gone])).toBe(2);
});

describe("a log with these commands", () => {
  const machines = [{ hostname: "host-a1" }, { hostname: "h2", ip: "10.0.0.2" }, { ip: "10.0.0.3" }];
  const windows = [{ machine_ids: machines, unavailability: { start: { nanoseconds: 7 } } }];
  const entry: readonly Command[] = [
    addAgent("a1", 8),
    addAgent("a2"),
    { kind: "drain-agent", agentId: "a1", maxGraceMs: 5, markGone: true, atMs: AT_MS },
    { kind: "drain-agent", agentId: "a2", maxGraceMs: undefined, markGone: false, atMs: AT_MS },
    { kind: "agent-drained", agentId: "a1", atMs: AT_MS },
    { kind: "activate-agent", agentId: "a1", active: true, atMs: AT_MS },
    { kind: "update-maintenance", schedule: encodeBlob("Schedule", { windows }), atMs: AT_MS },
    { kind: "start-maintenance", machines: machines.slice(0, 2), atMs: AT_MS },
    { kind: "stop-maintenance", machines: machines.slice(1, 2), atMs: AT_MS },
    { kind: "mark-agent-gone", agentId: "a3", atMs: AT_MS },
    { kind: "forget-agents", agentIds: ["a4", "a5"] },
  ];
  const kept = readFileSync(`${import.meta.dir}/../fixtures/logs/v2/agent-commands.hex`, "utf8").trim();

  test("reads the same for ever", () => {
    expect(decodeCommands(Buffer.from(kept, "hex"))).toEqual([...entry]);
  });

  test("leads to the same state for ever", () => {
    const registry = new Registry();
    registry.applyEntry(Buffer.from(kept, "hex"));
    expect(registry.digest()).toBe(DIGEST);
  });
});
