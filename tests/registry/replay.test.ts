/**
 * Random histories: a master that applied everything, one that restarted from
 * its disk in the middle, and one that reads the commands' bytes again hold
 * the same state and digest.
 */
import { expect, test } from "bun:test";
import { Random } from "../../src/base/random.ts";
import { totalOf } from "../../src/registry/agent-total.ts";
import { decodeCommands, encodeCommands } from "../../src/registry/codec.ts";
import type { Command } from "../../src/registry/commands.ts";
import type { AgentRecord } from "../../src/registry/records.ts";
import { Registry } from "../../src/registry/registry.ts";
import { encodeBlob } from "../../src/wire/blob.ts";
import {
  AT_MS,
  addAgent,
  addFramework,
  launchGroup,
  launchRun,
  reregister,
  reserveCpus,
  update,
  uuidOf,
} from "./fixtures.ts";

const SEEDS = 60;
const STEPS = 120;

/** Disk as the store keeps it: sorted keys. */
class Disk {
  readonly #values = new Map<string, readonly [Uint8Array, Uint8Array]>();

  write(registry: Registry): void {
    for (const [key, value] of registry.takeChanges()) {
      const text = new TextDecoder().decode(key);
      if (value === null) this.#values.delete(text);
      else this.#values.set(text, [key, value]);
    }
  }

  load(): Registry {
    const registry = new Registry();
    registry.load([...this.#values].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, entry]) => entry));
    return registry;
  }

  contents(): unknown {
    return [...this.#values].sort(([a], [b]) => (a < b ? -1 : 1));
  }
}

function randomCommand(random: Random): Command {
  const framework = `f${random.below(4)}`;
  const agent = `a${random.below(3)}`;
  const task = `t${random.below(12)}`;
  const n = random.below(30);
  const atMs = AT_MS + random.below(1000);
  switch (random.below(21)) {
    case 13:
    case 14:
      return randomMark(random, agent, atMs);
    case 15:
      return randomMaintenance(random, atMs);
    case 20:
      return launchGroup(`g${n}`, framework, agent, task, `t${random.below(12)}x`);
    case 0:
      return addFramework(framework, random.chance(0.5));
    case 1:
      return addAgent(agent, 8);
    case 2:
      return reregister(agent, random.pick([2, 8, 8]));
    case 3:
      return random.chance(0.3)
        ? { kind: "mark-agent-unreachable", agentId: agent, atMs }
        : { kind: "disconnect-framework", frameworkId: framework, atMs };
    case 4:
      if (random.chance(0.2)) {
        const taskIds = Array.from({ length: 3 }, () => `t${random.below(12)}`);
        return { kind: "end-tasks", frameworkId: framework, taskIds, atMs };
      }
      return random.chance(0.3)
        ? { kind: "remove-agent", agentId: agent, atMs, remember: random.chance(0.3) }
        : { kind: "remove-framework", frameworkId: framework, atMs };
    case 5:
    case 6:
      return launchRun(`run-${random.below(3)}`, framework, agent, task, `t${random.below(12)}`);
    case 7:
      return {
        kind: "complete-task",
        frameworkId: framework,
        taskId: task,
        uuid: uuidOf(n),
        runId: `run-${random.below(3)}`,
      };
    case 8:
      return {
        kind: "put-note",
        key: `dir/${task}`,
        value: uuidOf(n),
        ifVersion: random.chance(0.5) ? undefined : random.below(20),
      };
    case 9:
      return { kind: "delete-note", key: `dir/${task}`, ifVersion: random.chance(0.5) ? undefined : n };
    case 10:
    case 11: {
      const operation = { frameworkId: framework, operationId: `o${random.below(4)}`, n };
      return reserveCpus(agent, "web", random.pick([-2, -1, 1, 2]), random.pick([undefined, operation]));
    }
    case 16:
      return {
        kind: "set-history-bounds",
        bounds: { completedFrameworks: random.below(4), completedTasksPerFramework: 1 + random.below(4) },
      };
    case 18:
      return { kind: "update-weights", weights: [[`r${random.below(3)}`, 1 + n]] };
    case 19: {
      const amounts = new Map(random.chance(0.3) ? [] : [["cpus", n] as const]);
      return {
        kind: "update-quota",
        quotas: [[`r${random.below(3)}`, { guarantees: amounts, limits: amounts }]],
      };
    }
    case 12:
      return {
        kind: "acknowledge-operation",
        frameworkId: framework,
        operationId: `o${random.below(4)}`,
        statusUuid: uuidOf(n),
      };
    default:
      return update(
        framework,
        task,
        agent,
        random.pick(["TASK_STARTING", "TASK_RUNNING", "TASK_FINISHED"] as const),
        n,
        undefined,
        random.pick([undefined, "run-0", "run-1", "run-2"]),
      );
  }
}

/** What operators say of agents. */
function randomMark(random: Random, agentId: string, atMs: number): Command {
  switch (random.below(6)) {
    case 0:
      return { kind: "mark-agent-gone", agentId, atMs };
    case 1:
      return {
        kind: "drain-agent",
        agentId,
        maxGraceMs: random.pick([undefined, 5_000]),
        markGone: random.chance(0.5),
        atMs,
      };
    case 2:
      return { kind: "agent-drained", agentId, atMs };
    case 3:
      return { kind: "forget-agents", agentIds: [agentId, "a9"] };
    default:
      return { kind: "activate-agent", agentId, active: random.chance(0.6), atMs };
  }
}

function randomMaintenance(random: Random, atMs: number): Command {
  const machines = [{ hostname: "host-a0" }, { hostname: "host-a1", ip: "10.0.0.1" }, { hostname: "none" }];
  const some = machines.filter(() => random.chance(0.5));
  if (random.chance(0.3)) return { kind: "start-maintenance", machines: some, atMs };
  if (random.chance(0.5)) return { kind: "stop-maintenance", machines: some, atMs };
  const window = { machine_ids: machines, unavailability: { start: { nanoseconds: 1 } } };
  const schedule = random.chance(0.8) ? { windows: [window] } : {};
  return { kind: "update-maintenance", schedule: encodeBlob("Schedule", schedule), atMs };
}

for (let seed = 1; seed <= SEEDS; seed++) {
  test(`restart and replay agree with the running registry, seed ${seed}`, () => {
    const random = new Random(seed);
    const running = new Registry();
    const disk = new Disk();
    const otherDisk = new Disk();
    let restarted = new Registry();
    for (let step = 0; step < STEPS; step++) {
      const commands = Array.from({ length: 1 + random.below(4) }, () => randomCommand(random));
      const bytes = encodeCommands(commands);
      expect(encodeCommands(decodeCommands(bytes))).toEqual(bytes);
      const first = running.applyEntry(bytes);
      const second = restarted.applyEntry(bytes);
      expect(second.outcomes).toEqual(first.outcomes);
      expect(restarted.digest()).toBe(running.digest());
      otherDisk.write(running);
      disk.write(restarted);
      if (random.chance(0.1)) restarted = disk.load();
    }
    expect(restarted.digest()).toBe(running.digest());
    expect(disk.contents()).toEqual(otherDisk.contents());
    expect(restarted.taskCount).toBe(running.taskCount);
    expect(restarted.maintenance.down).toEqual(running.maintenance.down);
    expect(restarted.maintenance.schedule).toEqual(running.maintenance.schedule);
    expect([...restarted.agents.values()].map((agent) => totalOf(agent))).toEqual(
      [...restarted.agents.keys()].map((id) => totalOf(running.agents.get(id) as AgentRecord)),
    );
  });
}
