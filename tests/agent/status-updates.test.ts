import { describe, expect, test } from "bun:test";
import { Random } from "../../src/base/random.ts";
import { uuidText } from "../../src/base/uuid.ts";
import type { ContainerState } from "../../src/isolation/runtime.ts";
import type { StatusUpdate } from "../../src/model/agent-protocol.ts";
import { MemoryDisk } from "../support/memory-checkpoint-store.ts";
import { AgentBench, LEADER } from "./agent-bench.ts";

describe("an update", () => {
  test("is repeated after 10 s, doubling to 10 minutes, until it is acknowledged", () => {
    const bench = AgentBench.registered();
    bench.run("t");
    bench.launched("t");
    bench.lines();
    const at: number[] = [];
    const startMs = bench.nowMs;
    while (at.length < 9) {
      // A ping keeps the silence from ending the link.
      bench.message({ kind: "ping", term: 1, nonce: 0 });
      bench.advance(5_000);
      const repeated = bench.lines().filter((line) => line.startsWith("send t"));
      if (repeated.length > 0) at.push((bench.nowMs - startMs) / 1_000);
    }
    expect(at).toEqual([10, 30, 70, 150, 310, 630, 1_230, 1_830, 2_430]);
    bench.acknowledge("t");
    expect(bench.lines().at(-1)).toBe("send t TASK_RUNNING");
  });

  test("goes out at once, and from 10 s again, after a new registration", () => {
    const bench = AgentBench.registered();
    bench.run("t");
    bench.launched("t");
    bench.advance(60_000);
    bench.step({ kind: "link-closed", linkId: bench.linkId, reason: "reset" });
    bench.register();
    bench.lines();
    bench.advance(9_999);
    expect(bench.lines()).toEqual([]);
    bench.advance(1);
    expect(bench.lines()).toEqual(["send t TASK_STARTING (latest TASK_RUNNING)"]);
  });

  test("goes out at once, and from 10 s again, when its framework subscribed anew", () => {
    const bench = AgentBench.registered();
    bench.run("t");
    bench.launched("t");
    bench.running("acknowledged");
    bench.advance(60_000);
    bench.lines();
    bench.message({ kind: "resend-updates", term: 1, frameworkId: "another" });
    expect(bench.lines()).toEqual([]);
    bench.message({ kind: "resend-updates", term: 1, frameworkId: "F" });
    expect(bench.lines()).toEqual(["send t TASK_STARTING (latest TASK_RUNNING)"]);
    bench.advance(9_999);
    expect(bench.lines()).toEqual([]);
    bench.advance(1);
    expect(bench.lines()).toEqual(["send t TASK_STARTING (latest TASK_RUNNING)"]);
  });

  test("is not moved by an acknowledgement of another one", () => {
    const bench = AgentBench.registered();
    bench.run("t");
    bench.launched("t");
    const first = bench.lastUpdate("t").uuid;
    bench.acknowledge("t", new Uint8Array(16));
    bench.acknowledge("nobody", first);
    bench.lines();
    bench.acknowledge("t", first);
    expect(bench.lines()).toEqual(["send t TASK_RUNNING"]);
    bench.acknowledge("t", first);
    expect(bench.core.state.tasks.get("F/t")?.stream.pending).toHaveLength(1);
  });
});

/**
 * One task against random losses, repetitions, broken links, lost disk writes
 * and agent restarts. The other side notes the order in which it first hears
 * of updates, and acknowledges what it heard.
 */
class Hearing {
  readonly order: string[] = [];
  readonly states: string[] = [];

  hear(update: StatusUpdate): void {
    const uuid = uuidText(update.uuid);
    if (this.order.includes(uuid)) {
      expect(uuid).toBe(this.order.at(-1) as string);
      return;
    }
    this.order.push(uuid);
    this.states.push(update.state);
  }
}

function runHistory(seed: number): Hearing {
  const random = new Random(seed);
  const disk = new MemoryDisk();
  const hearing = new Hearing();
  const kernel: { container: ContainerState } = { container: { state: "never-started" } };
  let heard = 0;
  let bench = start();

  function start(): AgentBench {
    const fresh = new AgentBench({ disk, seed: random.u32() });
    heard = 0;
    return fresh.recover(() => kernel.container);
  }

  function reconnect(): void {
    bench.step({ kind: "link-closed", linkId: bench.linkId, reason: "cut" });
    bench.advance(60_000);
    bench.step({ kind: "leader-found", leader: LEADER });
    bench.register();
    // As a master does with a task that its registry has and the agent does not report.
    if (hearing.states.length === 0) bench.run("t");
  }

  function progress(): void {
    if (kernel.container.state === "never-started" && bench.lines().includes("launch t")) {
      kernel.container = { state: "running", launched: { pid: 42, startTime: "1" } };
      // The agent may die before it hears of the launch.
      if (random.chance(0.8)) bench.launched("t");
    } else if (kernel.container.state === "running" && random.chance(0.3)) {
      kernel.container = { state: "ended", exit: { kind: "exited", code: 0 } };
      if (bench.core.state.tasks.get("F/t")?.phase === "running" && random.chance(0.8)) bench.exited("t");
    }
  }

  function deliver(lossless: boolean): void {
    for (; heard < bench.sent.length; heard++) {
      const message = bench.sent[heard];
      if (message?.kind !== "status-update") continue;
      if (!lossless && random.chance(0.4)) continue;
      hearing.hear(message);
      if (!lossless && random.chance(0.4)) continue;
      bench.acknowledge("t", message.uuid);
    }
  }

  reconnect();
  for (let turn = 0; turn < 40; turn++) {
    bench.autoSync = random.chance(0.7);
    progress();
    deliver(false);
    if (bench.autoSync) bench.sync();
    if (random.chance(0.2)) reconnect();
    if (random.chance(0.15)) {
      // What was not synced is lost with the process.
      bench = start();
      reconnect();
    }
    bench.advance(random.below(20_000));
  }
  // All is well again: everything settles.
  for (let turn = 0; turn < 10 && !(turn > 0 && bench.core.state.tasks.size === 0); turn++) {
    bench.autoSync = true;
    bench.sync();
    if (kernel.container.state === "running") {
      kernel.container = { state: "ended", exit: { kind: "exited", code: 0 } };
    }
    bench = start();
    reconnect();
    progress();
    deliver(true);
  }
  expect(bench.keys()).toEqual(["agent"]);
  return hearing;
}

describe("a stream under random faults", () => {
  test("is heard in order, each update once, and ends with the terminal one", () => {
    for (let seed = 1; seed <= 300; seed++) {
      const { states } = runHistory(seed);
      expect({ seed, states }).toEqual({ seed, states: ["TASK_STARTING", "TASK_RUNNING", "TASK_FINISHED"] });
    }
  });
});
