import { expect, test } from "bun:test";
import { ENTRY_MAX_CHANGES } from "../../src/base/limits.ts";
import { splitCommands } from "../../src/master/split-commands.ts";
import { encodeCommands } from "../../src/registry/codec.ts";
import type { Command } from "../../src/registry/commands.ts";
import { derivedRunId } from "../../src/registry/run-ids.ts";

function launch(bytes: number): Command {
  const tasks = [{ taskId: "t", info: new Uint8Array(bytes), runId: "r" }];
  return { kind: "launch-tasks", frameworkId: "f", agentId: "a", role: "*", tasks, atMs: 1, needs: [] };
}

test("an entry changes few records, for it is applied without a break", () => {
  const tasks = Array.from({ length: 100 }, (_, i) => ({
    taskId: `t${i}`,
    info: new Uint8Array(1),
    runId: "r",
  }));
  const launches = { ...launch(1), tasks } as Command;
  const parts = splitCommands(new Array(5).fill(launches), 1e9);
  expect(parts.map((part) => part.length)).toEqual([2, 2, 1]);
  const update: Command = { kind: "remove-agent", agentId: "a", atMs: 1, remember: false };
  const counts = splitCommands(new Array(2 * ENTRY_MAX_CHANGES + 1).fill(update), 1e9);
  expect(counts.map((part) => part.length)).toEqual([ENTRY_MAX_CHANGES, ENTRY_MAX_CHANGES, 1]);
  // Agents that register bring tasks to compare.
  const agent = {
    agentId: "a",
    info: new Uint8Array(1),
    ip: "10.0.0.1",
    version: "1",
    capabilities: [],
    atMs: 1,
  };
  const registrations = new Array(ENTRY_MAX_CHANGES).fill({ kind: "reregister-agent", ...agent } as Command);
  expect(splitCommands(registrations, 1e9).length).toBeGreaterThan(2);
});

test("parts keep the order and stay below the bound; a single big command is left whole", () => {
  const commands = [launch(10_000), launch(30_000), launch(50_000), launch(200_000), launch(1)];
  const parts = splitCommands(commands, 60_000);
  expect(parts.map((part) => part.length)).toEqual([2, 1, 1, 1]);
  expect(parts.flat()).toEqual(commands);
  for (const part of parts) if (part.length > 1) expect(encodeCommands(part).length).toBeLessThan(60_000);
  expect(splitCommands([], 10)).toEqual([]);
});

test("what the log cannot take yet goes into entries of its own", () => {
  const weights: Command = { kind: "update-weights", weights: [["web", 2]] };
  const derived = (bytes: number): Command => {
    const task = { taskId: "t", info: new Uint8Array(bytes), runId: derivedRunId("f", "t") };
    return { ...launch(bytes), tasks: [task] } as Command;
  };
  const commands = [derived(1), derived(1), weights, weights, derived(1)];
  const parts = splitCommands(commands, 60_000, 1);
  expect(parts.map((part) => part.length)).toEqual([2, 2, 1]);
  expect(parts.flat()).toEqual(commands);
  expect(splitCommands(commands, 60_000, 2)).toEqual([commands]);
});
