import { describe, expect, test } from "bun:test";
import type { MasterToAgent } from "../../src/model/agent-protocol.ts";
import { AgentBench, LEADER } from "./agent-bench.ts";

describe("registration", () => {
  test("finds the leader, links, registers, and remembers the id", () => {
    const bench = new AgentBench().recover();
    expect(bench.lines()).toEqual(["find-leader"]);
    bench.step({ kind: "leader-found", leader: LEADER });
    expect(bench.lines()).toEqual(["connect 10.0.0.1:5060"]);
    bench.step({ kind: "link-opened", linkId: bench.linkId });
    expect(bench.lines()).toEqual(["send register-agent new"]);
    const message = {
      kind: "agent-registered",
      term: 1,
      agentId: "A",
      masterId: "m1",
      pingTimeoutMs: 75_000,
    } as const;
    bench.message(message);
    expect(bench.core.state.agentId).toBe("A");
    const again = new AgentBench({ disk: bench.disk }).recover();
    again.step({ kind: "leader-found", leader: LEADER });
    again.step({ kind: "link-opened", linkId: again.linkId });
    expect(again.lines()).toEqual(["find-leader", "connect 10.0.0.1:5060", "send register-agent A"]);
  });

  test("tells what the agent can do", () => {
    const bench = AgentBench.registered();
    expect(bench.sent.find(({ kind }) => kind === "register-agent")).toMatchObject({
      capabilities: expect.arrayContaining(["MULTI_ROLE", "AGENT_DRAINING", "TASK_RESOURCE_LIMITS"]),
    });
  });

  test("backs off from 100 ms to a minute, with one log line a step", () => {
    const bench = new AgentBench().recover();
    const delays: number[] = [];
    for (let step = 0; step < 14; step++) {
      bench.step({ kind: "leader-not-found", reason: "10.0.0.1:5050 cannot be reached" });
      const nextMs = bench.core.nextDeadlineMs() ?? 0;
      delays.push(nextMs - bench.nowMs);
      bench.advance(nextMs - bench.nowMs);
    }
    for (const [step, delayMs] of delays.entries()) {
      const longestMs = Math.min(60_000, 100 * 2 ** step);
      expect(delayMs).toBeGreaterThanOrEqual(longestMs / 2);
      expect(delayMs).toBeLessThanOrEqual(longestMs);
    }
    expect(bench.warnings).toHaveLength(14);
    expect(bench.lines().every((line) => line === "find-leader")).toBe(true);
  });

  test("--registration-backoff-factor sets the first wait", () => {
    const bench = new AgentBench({ config: { registrationBackoffMs: 8_000 } }).recover();
    bench.step({ kind: "leader-not-found", reason: "10.0.0.1:5050 cannot be reached" });
    const delayMs = (bench.core.nextDeadlineMs() ?? 0) - bench.nowMs;
    expect(delayMs).toBeGreaterThanOrEqual(4_000);
    expect(delayMs).toBeLessThanOrEqual(8_000);
  });

  test("starts over when a step is not answered", () => {
    const bench = new AgentBench().recover();
    bench.step({ kind: "leader-found", leader: LEADER });
    bench.step({ kind: "link-opened", linkId: bench.linkId });
    bench.lines();
    bench.advance(15_000);
    bench.advance(100);
    expect(bench.lines()).toEqual(["disconnect", "find-leader"]);
  });

  test("answers pings, and looks for the leader when they stop", () => {
    const bench = AgentBench.registered();
    bench.advance(70_000);
    bench.message({ kind: "ping", term: 1, nonce: 7 });
    expect(bench.lines()).toEqual(["send pong 7"]);
    bench.advance(74_999);
    expect(bench.lines()).toEqual([]);
    bench.advance(1);
    expect(bench.lines()).toEqual(["disconnect", "find-leader"]);
  });

  test("after a broken link reports every task and sends what is unacknowledged", () => {
    const bench = AgentBench.registered();
    bench.running("a");
    bench.run("b");
    bench.launched("b");
    bench.step({ kind: "link-closed", linkId: bench.linkId, reason: "reset" });
    bench.exited("a");
    bench.lines();
    bench.term = 2;
    bench.register();
    expect(bench.lines()).toEqual([
      "connect 10.0.0.1:5060",
      "send register-agent A a:TASK_FINISHED b:TASK_RUNNING",
      "send a TASK_FINISHED",
      "send b TASK_STARTING (latest TASK_RUNNING)",
    ]);
  });

  test("ignores everything of an older link", () => {
    const bench = AgentBench.registered();
    const oldLink = bench.linkId;
    bench.step({ kind: "link-closed", linkId: oldLink, reason: "reset" });
    bench.register();
    bench.lines();
    bench.step({ kind: "message", linkId: oldLink, message: { kind: "ping", term: 1, nonce: 1 } });
    bench.step({ kind: "link-closed", linkId: oldLink, reason: "again" });
    expect(bench.lines()).toEqual([]);
  });
});

test("a message of a later version's kind is ignored, and said", () => {
  const bench = AgentBench.registered();
  bench.message({ kind: "dance", term: 1 } as unknown as MasterToAgent);
  expect(bench.lines()).toEqual([]);
  expect(bench.warnings).toEqual(["Ignored a message of a kind this version does not know"]);
});

describe("the term fence", () => {
  test("refuses a deposed leader, also after a restart of the agent", () => {
    const bench = AgentBench.registered();
    bench.message({ kind: "ping", term: 5, nonce: 1 });
    bench.run("t");
    expect(bench.lines()).toEqual(["send pong 1"]);
    const again = new AgentBench({ disk: bench.disk }).recover();
    again.term = 5;
    again.register();
    again.lines();
    again.term = 4;
    again.run("t");
    expect(again.lines()).toEqual([]);
    expect(again.warnings).toEqual(["Ignored a message of a master that no longer leads"]);
  });
});

describe("the end of a framework or an agent", () => {
  test("a framework that is shut down leaves no task, no update and no record", () => {
    const bench = AgentBench.registered();
    bench.running("a");
    bench.run("b");
    bench.lines();
    bench.message({ kind: "shutdown-framework", term: 1, frameworkId: "F" });
    expect(bench.lines()).toEqual(["SIGTERM a", "kill b"]);
    expect(bench.keys()).toEqual(["agent"]);
    bench.advance(3_000);
    expect(bench.lines()).toEqual(["kill a"]);
    bench.exited("a", { kind: "signaled", signal: 9 });
    expect(bench.lines()).toEqual(["cleanup a"]);
    // The launch of b won the race.
    bench.launched("b");
    expect(bench.lines()).toEqual(["kill b"]);
    bench.exited("b", { kind: "signaled", signal: 9 });
    expect(bench.lines()).toEqual(["cleanup b"]);
    expect(bench.core.state.condemned.size).toBe(0);
    expect(bench.core.state.usage.used("cpus")).toBe(0);
  });

  test("a refused agent kills its tasks and stops with the reason and a way out", () => {
    const bench = AgentBench.registered();
    bench.running("t");
    bench.message({ kind: "agent-refused", term: 1, reason: "marked gone" });
    bench.advance(0);
    expect(bench.lines()).toEqual(["disconnect", "SIGTERM t", "kill t"]);
    bench.exited("t", { kind: "signaled", signal: 9 });
    expect(bench.lines()).toEqual([
      "cleanup t",
      "stop failed: The master refused the agent: marked gone; its tasks were ended; " +
        "to bring the machine back as a new agent, delete /var/lib/mesh/meta",
    ]);
  });

  test("an agent that was refused and is let in later tells how its tasks ended", () => {
    const bench = AgentBench.registered();
    bench.run("t");
    bench.launched("t");
    bench.run("early");
    bench.message({ kind: "agent-refused", term: 1, reason: "too small" });
    bench.advance(0);
    bench.exited("t", { kind: "signaled", signal: 9 });
    bench.step({
      kind: "launch-failed",
      containerId: bench.containerOf("early"),
      error: { step: "cancelled", message: "killed" },
    });
    expect(bench.lines().at(-1)).toStartWith("stop failed");
    const again = new AgentBench({ disk: bench.disk }).recover(() => ({ state: "gone" }));
    again.register();
    expect(again.lines().slice(-3)).toEqual([
      "send register-agent A early:TASK_KILLED t:TASK_KILLED",
      "send early TASK_KILLED",
      "send t TASK_STARTING (latest TASK_KILLED)",
    ]);
  });

  test("an agent that unregisters ends its tasks, says goodbye and gives up its id", () => {
    const bench = AgentBench.registered();
    bench.running("t");
    bench.step({ kind: "unregister" });
    bench.run("late");
    expect(bench.lines()).toEqual(["SIGTERM t"]);
    bench.exited("t", { kind: "signaled", signal: 15 });
    expect(bench.lines()).toEqual([
      "cleanup t",
      "send unregister-agent",
      "stop done: asked to unregister; its tasks were ended",
    ]);
    const again = new AgentBench({ disk: bench.disk }).recover();
    expect(again.core.state.agentId).toBeUndefined();
  });

  test("an agent that unregisters gives up its id on disk before it says so", () => {
    const bench = AgentBench.registered();
    bench.autoSync = false;
    bench.step({ kind: "unregister" });
    // Power fails here: the cluster has not heard of it, the id is still good.
    expect(bench.lines()).toEqual(["write agent"]);
    bench.sync();
    expect(bench.lines().at(0)).toBe("send unregister-agent");
  });

  test("an agent that dies while it unregisters comes back with its id and its tasks, or with neither", () => {
    for (const written of [false, true]) {
      const bench = AgentBench.registered();
      bench.running("t");
      bench.autoSync = false;
      bench.step({ kind: "unregister" });
      bench.message({ kind: "ping", term: 9, nonce: 1 });
      if (written) bench.sync();
      const again = new AgentBench({ disk: bench.disk }).recover(() => ({ state: "gone" }));
      expect(again.core.state.agentId).toBe(written ? undefined : "A");
      expect([...again.core.state.tasks.keys()]).toEqual(written ? [] : ["F/t"]);
    }
  });

  test("an agent that unregisters and loses its link comes back under its id to say goodbye", () => {
    const bench = AgentBench.registered();
    bench.running("t");
    bench.step({ kind: "unregister" });
    bench.step({ kind: "link-closed", linkId: bench.linkId, reason: "reset" });
    bench.register();
    bench.exited("t", { kind: "signaled", signal: 15 });
    expect(bench.lines()).toContain("send register-agent A");
    expect(bench.sent.at(-1)).toEqual({ kind: "unregister-agent" });
    const again = new AgentBench({ disk: bench.disk }).recover();
    expect(again.core.state.agentId).toBeUndefined();
  });

  test("an agent that unregisters while it registers keeps no id", () => {
    const bench = new AgentBench().recover();
    bench.step({ kind: "leader-found", leader: LEADER });
    bench.step({ kind: "link-opened", linkId: bench.linkId });
    bench.autoSync = false;
    bench.step({ kind: "unregister" });
    const reply = {
      kind: "agent-registered",
      term: 2,
      agentId: "A",
      masterId: "m1",
      pingTimeoutMs: 75_000,
    } as const;
    bench.message(reply);
    bench.sync();
    expect(bench.lines()).toContain("send unregister-agent");
    const again = new AgentBench({ disk: bench.disk }).recover();
    expect(again.core.state.agentId).toBeUndefined();
  });

  test("a new agent id ends the tasks of the old one", () => {
    const bench = AgentBench.registered();
    bench.running("t");
    bench.step({ kind: "link-closed", linkId: bench.linkId, reason: "reset" });
    bench.step({ kind: "leader-found", leader: LEADER });
    bench.step({ kind: "link-opened", linkId: bench.linkId });
    bench.lines();
    bench.message({ kind: "agent-registered", term: 2, agentId: "B", masterId: "m2", pingTimeoutMs: 75_000 });
    expect(bench.lines()).toEqual(["SIGTERM t"]);
    expect(bench.keys()).toEqual(["agent"]);
  });
});
