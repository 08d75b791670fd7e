/** Runs of one task id are told apart; logs and states older than run ids load. */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { Random } from "../../src/base/random.ts";
import type { TaskState } from "../../src/model/v1/tasks.ts";
import { decodeCommands, encodeCommands } from "../../src/registry/codec.ts";
import type { Command, Outcome } from "../../src/registry/commands.ts";
import { Registry } from "../../src/registry/registry.ts";
import { derivedRunId, isDerivedRunId } from "../../src/registry/run-ids.ts";
import { addAgent, addFramework, launchRun, update, uuidOf } from "./fixtures.ts";

const V1 = `${import.meta.dir}/../fixtures/logs/v1`;
/** Digest that the version without run ids had after its entries. */
const V1_DIGEST = "49242a4c5bdd79bf";

function linesOf(name: string): string[] {
  return readFileSync(`${V1}/${name}`, "utf8").trim().split("\n");
}

function apply(registry: Registry, ...commands: Command[]): readonly Outcome[] {
  return registry.applyEntry(encodeCommands(commands)).outcomes;
}

function ended(n: number, runId: string | undefined): Command {
  return update("f1", "t", "a1", "TASK_FINISHED", n, "TASK_FINISHED", runId);
}

function completed(n: number, runId: string | undefined): Command {
  return { kind: "complete-task", frameworkId: "f1", taskId: "t", uuid: uuidOf(n), runId };
}

/** Run one was completed, run two of the same id runs. */
function reused(): Registry {
  const registry = new Registry();
  apply(registry, addFramework("f1"), addAgent("a1"), launchRun("one", "f1", "a1", "t"));
  apply(registry, ended(1, "one"), completed(1, "one"), launchRun("two", "f1", "a1", "t"));
  return registry;
}

describe("a task id used again", () => {
  test("updates and completions of the old run are refused and change nothing", () => {
    const registry = reused();
    const digest = registry.digest();
    const mismatch = { accepted: false, reason: "run-mismatch" } as const;
    expect(apply(registry, ended(1, "one"), ended(2, "one"), completed(1, "one"))).toEqual([
      mismatch,
      mismatch,
      mismatch,
    ]);
    expect(registry.digest()).toBe(digest);
    expect(registry.task("f1", "t")).toMatchObject({ runId: "two", state: "TASK_STAGING", statuses: [] });
  });

  test("those of the new run count, and both runs are kept as completed ones", () => {
    const registry = reused();
    expect(apply(registry, ended(3, "two"), completed(3, "two"))).toEqual([
      { accepted: true },
      { accepted: true },
    ]);
    expect([...registry.completedTasksOf("f1")].map((task) => task.runId)).toEqual(["one", "two"]);
  });

  test("an entry that names no run means any, as before there were run ids", () => {
    expect(apply(reused(), ended(3, undefined))).toEqual([{ accepted: true }]);
  });
});

/** What an agent's late word may do, over random reuse: only the present run's own updates count. */
test("over random reuse, updates reach the run that they were made for", () => {
  for (let seed = 1; seed <= 40; seed++) {
    const random = new Random(seed);
    const registry = new Registry();
    apply(registry, addFramework("f1"), addAgent("a1"));
    const made: { readonly n: number; readonly runId: string }[] = [];
    let runs = 0;
    for (let n = 1; n <= 80; n++) {
      const present = registry.task("f1", "t");
      if (present === undefined) {
        expect(apply(registry, launchRun(`run-${++runs}`, "f1", "a1", "t"))).toEqual([{ accepted: true }]);
        continue;
      }
      if (present.updateState === "TASK_FINISHED" && random.chance(0.3)) {
        const { updateUuid, runId } = present;
        const uuid = updateUuid ?? uuidOf(0);
        apply(registry, { kind: "complete-task", frameworkId: "f1", taskId: "t", uuid, runId });
        expect(registry.task("f1", "t")).toBeUndefined();
        continue;
      }
      const late = made.length > 0 && random.chance(0.5);
      const { n: word, runId } = late ? random.pick(made) : { n, runId: `run-${random.between(1, runs)}` };
      if (!late) made.push({ n, runId });
      const state: TaskState = random.pick(["TASK_RUNNING", "TASK_FINISHED"]);
      const before = registry.digest();
      const command = random.chance(0.4)
        ? completed(word, runId)
        : update("f1", "t", "a1", state, word, state, runId);
      const [outcome] = apply(registry, command);
      if (runId === present.runId) expect(outcome).not.toEqual({ accepted: false, reason: "run-mismatch" });
      else {
        expect(outcome).toEqual({ accepted: false, reason: "run-mismatch" });
        expect(registry.digest()).toBe(before);
      }
    }
    expect(runs).toBeGreaterThan(1);
  }
});

describe("what the version without run ids wrote", () => {
  const entries = linesOf("entries.hex").map((line) => new Uint8Array(Buffer.from(line, "hex")));
  const state = linesOf("state.txt").map((line) => {
    const [key = "", value = ""] = line.split(" ");
    return [new TextEncoder().encode(key), new Uint8Array(Buffer.from(value, "hex"))] as const;
  });

  test("its log gives the same digest and disk as it did then", () => {
    const registry = new Registry();
    for (const entry of entries) {
      for (const outcome of registry.applyEntry(entry).outcomes) expect(outcome.accepted).toBe(true);
    }
    expect(registry.digest()).toBe(V1_DIGEST);
    const changes = registry.takeChanges().filter(([, value]) => value !== null);
    const written = changes.map(
      ([key, value]) => `${Buffer.from(key)} ${Buffer.from(value ?? []).toString("hex")}`,
    );
    expect(written.sort()).toEqual(linesOf("state.txt").sort());
  });

  test("its state loads, and its tasks go on under a derived run id", () => {
    const registry = new Registry();
    registry.load(state);
    expect(registry.digest()).toBe(V1_DIGEST);
    expect([...registry.tasksOf("f1")].map((task) => task.runId)).toEqual([
      derivedRunId("f1", "t1"),
      derivedRunId("f1", "t2"),
    ]);
    const ending = update("f1", "t2", "a1", "TASK_FINISHED", 9, "TASK_FINISHED", derivedRunId("f1", "t2"));
    expect(apply(registry, ending)).toEqual([{ accepted: true }]);
    expect(registry.removedAgents.size).toBe(0);
  });

  test("a derived run id is a UUID of its own kind, equal whenever it is made", () => {
    const id = derivedRunId("f1", "t1");
    expect(id).toBe(derivedRunId("f1", "t1"));
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(new Set(["t2", "t3", "1t"].map((task) => derivedRunId("f1", task))).has(id)).toBe(false);
    expect(isDerivedRunId(id)).toBe(true);
    expect(isDerivedRunId("9e272f05-c200-4ae1-a302-ce680df6392e")).toBe(false);
    const [command] = decodeCommands(entries[2] ?? new Uint8Array());
    expect(command?.kind === "launch-tasks" ? command.tasks.map((task) => task.runId) : []).toContain(id);
  });
});
