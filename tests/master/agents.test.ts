import { describe, expect, test } from "bun:test";
import type { AgentTaskReport } from "../../src/model/agent-protocol.ts";
import { decodeBlob } from "../../src/wire/blob.ts";
import { type BenchFramework, MasterBench, scalar } from "../support/master-bench.ts";

function started(): { bench: MasterBench; agentId: string; framework: BenchFramework } {
  const bench = new MasterBench();
  bench.lead();
  const agentId = bench.agent(1);
  return { bench, agentId, framework: bench.framework() };
}

function report(framework: BenchFramework, taskId: string, state: string, settled = false): AgentTaskReport {
  const { runId } = framework.bench.registry.task(framework.id, taskId) ?? { runId: "unknown-run" };
  return { frameworkId: framework.id, taskId, containerId: "c", state, settled, runId };
}

describe("registration", () => {
  test("answered when committed, with id, term and ping timeout; then offers", () => {
    const { bench, framework } = started();
    expect(bench.toAgent(1)).toEqual([
      { kind: "agent-registered", term: 1, agentId: "m1-S0", masterId: "m1", pingTimeoutMs: 75_000 },
    ]);
    expect(framework.offers).toMatchObject([
      {
        id: { value: "m1-O0" },
        agent_id: { value: "m1-S0" },
        hostname: "agent-1.test",
        url: {
          scheme: "http",
          address: { hostname: "agent-1.test", ip: "10.0.1.1", port: 5051 },
          path: "/slave(1)",
        },
      },
    ]);
    expect(framework.offers[0]?.allocation_info).toBeUndefined();
  });

  test("a fresh agent whose link broke before the commit leaves nothing behind", () => {
    const bench = new MasterBench();
    bench.lead();
    bench.autoCommit = false;
    bench.agent(1);
    bench.step({ kind: "agent-link-closed", link: 1 });
    bench.commit();
    expect(bench.registry.agents.size).toBe(0);
  });

  test("a fresh agent at the address of one that is away replaces it", () => {
    const { bench, framework } = started();
    bench.step({ kind: "agent-link-closed", link: 1 });
    bench.toAgent(1);
    expect(bench.agent(1)).toBe("m1-S1");
    expect([...bench.registry.agents.keys()]).toEqual(["m1-S1"]);
    expect(framework.types()).toEqual(["RESCIND", "FAILURE", "OFFERS"]);
  });

  test("one whose return waits for its commit does not count as gone", () => {
    const { bench, agentId, framework } = started();
    framework.launch(framework.offers[0], framework.task("t", agentId));
    bench.step({ kind: "agent-link-closed", link: 1 });
    bench.autoCommit = false;
    bench.pass(70_000);
    bench.agent(2, agentId, [report(framework, "t", "TASK_RUNNING")]);
    bench.pass(10_000);
    expect(bench.proposed.map((command) => command.kind)).toEqual(["reregister-agent"]);
    bench.step({ kind: "agent-link-closed", link: 2 });
    bench.commit();
    bench.autoCommit = true;
    bench.pass(80_000);
    expect(bench.registry.agents.get(agentId)?.unreachableAtMs).toBeDefined();
  });

  test("one that was unreachable, and whose link ends before its return is committed, is counted as gone again", () => {
    const { bench, agentId, framework } = started();
    framework.launch(framework.offers[0], framework.task("t", agentId));
    bench.update(1, framework.id, "t", "TASK_RUNNING");
    bench.step({ kind: "agent-link-closed", link: 1 });
    bench.pass(80_000);
    const told = (): (string | undefined)[] =>
      framework.statuses().map(({ state, reason }) => `${state} ${reason}`);
    expect(told().at(-1)).toBe("TASK_UNREACHABLE REASON_AGENT_REMOVED");
    bench.autoCommit = false;
    bench.agent(2, agentId, [report(framework, "t", "TASK_RUNNING")]);
    bench.step({ kind: "agent-link-closed", link: 2 });
    bench.commit();
    bench.autoCommit = true;
    expect(bench.registry.task(framework.id, "t")?.state).toBe("TASK_RUNNING");
    expect(told()).toEqual(["TASK_RUNNING REASON_AGENT_REREGISTERED"]);
    bench.pass(80_000);
    expect(bench.registry.agents.get(agentId)?.unreachableAtMs).toBeDefined();
    expect(told()).toEqual(["TASK_UNREACHABLE REASON_AGENT_REMOVED"]);
    // And it is welcome again.
    bench.agent(3, agentId, [report(framework, "t", "TASK_RUNNING")]);
    expect(told()).toEqual(["TASK_RUNNING REASON_AGENT_REREGISTERED"]);
  });

  describe("one that comes twice before a commit, the second time with less", () => {
    const less = [scalar("cpus", 1), scalar("mem", 128)];

    /** Both returns are proposed. */
    function comeTwice(drop = false): { bench: MasterBench; agentId: string } {
      const bench = new MasterBench();
      bench.lead();
      const agentId = bench.agent(1);
      bench.step({ kind: "agent-link-closed", link: 1 });
      bench.autoCommit = false;
      bench.agent(2, agentId);
      if (drop) bench.drop();
      bench.step({ kind: "agent-link-closed", link: 2 });
      bench.pass(500);
      bench.fromAgent(3, bench.registration(1, agentId, [], 5051, less));
      return { bench, agentId };
    }

    function expectLess(bench: MasterBench): void {
      bench.autoCommit = true;
      expect(bench.framework().offers[0]?.resources).toMatchObject([
        { name: "cpus", scalar: { value: 1 } },
        { name: "mem", scalar: { value: 128 } },
      ]);
    }

    test("is offered with what it has", () => {
      const { bench } = comeTwice();
      bench.commit();
      expect(bench.toAgent(3).map(({ kind }) => kind)).toEqual(["agent-registered"]);
      expectLess(bench);
    });

    test("also when the first found the log full", () => {
      const { bench, agentId } = comeTwice(true);
      bench.commit();
      bench.pass(1_000);
      bench.commit();
      const { info } = bench.registry.agents.get(agentId) ?? { info: new Uint8Array() };
      expect(decodeBlob("AgentInfo", info).resources).toEqual(less);
      expectLess(bench);
    });

    test("and counts as gone when both links end", () => {
      const { bench, agentId } = comeTwice();
      bench.step({ kind: "agent-link-closed", link: 3 });
      bench.commit();
      bench.autoCommit = true;
      expect(bench.core.leader?.pendingAgents.size).toBe(0);
      bench.pass(80_000);
      expect(bench.registry.agents.get(agentId)?.unreachableAtMs).toBeDefined();
    });
  });

  test("one that is removed in the entry of its return is told, and nothing of it stays", () => {
    const { bench, agentId } = started();
    bench.autoCommit = false;
    bench.step(
      { kind: "agent-message", link: 2, message: bench.registration(1, agentId, []) },
      { kind: "agent-message", link: 1, message: { kind: "unregister-agent" } },
    );
    bench.commit();
    expect(bench.toAgent(2)).toMatchObject([{ kind: "agent-refused" }]);
    expect(bench.closedLinks).toContain(2);
    expect(bench.core.leader?.pendingAgents.size).toBe(0);
    expect(bench.core.leader?.agentsOfAddress.size).toBe(0);
  });

  test("an address is remembered for the agent that is there", () => {
    const { bench, agentId } = started();
    bench.agent(1, agentId, [], 6000);
    expect([...(bench.core.leader?.agentsOfAddress ?? [])]).toEqual([["10.0.1.1:6000", new Set([agentId])]]);
  });

  describe("a fresh agent at the address of one whose link is half-open", () => {
    function halfOpen(): { bench: MasterBench; agentId: string; framework: BenchFramework } {
      const made = started();
      const { bench, agentId, framework } = made;
      framework.launch(framework.offers[0], framework.task("t", agentId, 4));
      bench.update(1, framework.id, "t", "TASK_RUNNING");
      bench.pass(1);
      return made;
    }

    /** The machine, with an empty disk; nobody told the master of the end of link 1. */
    function comesAnew(bench: MasterBench): string {
      bench.fromAgent(2, bench.registration(1, undefined, []));
      const [registered] = bench.toAgent(2);
      return registered?.kind === "agent-registered" ? registered.agentId : "";
    }

    function answerPings(bench: MasterBench, link: number): void {
      for (const message of bench.toAgent(link)) {
        if (message.kind === "ping") bench.fromAgent(link, { kind: "pong", nonce: message.nonce });
      }
    }

    function passPings(bench: MasterBench, ...links: number[]): void {
      for (let i = 0; i < 6; i++) {
        bench.pass(15_000);
        for (const link of links) answerPings(bench, link);
      }
    }

    test("replaces it when that one answers no pings: its tasks are gone, not only unreachable", () => {
      const { bench, agentId, framework } = halfOpen();
      const anew = comesAnew(bench);
      expect([...bench.registry.agents.keys()]).toEqual([agentId, anew]);
      framework.events();
      passPings(bench, 2);
      expect([...bench.registry.agents.keys()]).toEqual([anew]);
      expect(bench.registry.removedAgents.has(agentId)).toBe(true);
      expect(framework.statuses()).toMatchObject([{ task_id: { value: "t" }, state: "TASK_GONE" }]);
      expect(bench.closedLinks).toContain(1);
      expect([...bench.registry.tasksOf(framework.id)]).toEqual([]);
      framework.call({ type: "RECONCILE", reconcile: { tasks: [{ task_id: { value: "t" } }] } });
      expect(framework.statuses()).toMatchObject([{ state: "TASK_UNKNOWN" }]);
    });

    test("replaces it also when it comes while the verdict on that one is under way", () => {
      const { bench, agentId } = halfOpen();
      bench.autoCommit = false;
      for (let i = 0; i < 5; i++) bench.pass(15_000);
      // Its own registration is not committed yet when that one counts as gone.
      bench.fromAgent(2, bench.registration(1, undefined, []));
      bench.pass(15_000);
      expect(bench.proposed.map(({ kind }) => kind)).toEqual(["add-agent", "mark-agent-unreachable"]);
      bench.autoCommit = true;
      bench.commit();
      expect([...bench.registry.agents.keys()]).toEqual(["m1-S1"]);
      expect(bench.registry.removedAgents.has(agentId)).toBe(true);
    });

    test("leaves it alone while that one answers: the two have one address by mistake", () => {
      const { bench, agentId } = halfOpen();
      const other = comesAnew(bench);
      passPings(bench, 1, 2);
      expect([...bench.registry.agents.keys()]).toEqual([agentId, other]);
      bench.step({ kind: "agent-link-closed", link: 1 });
      bench.fromAgent(3, bench.registration(1, agentId, []));
      // Seen since the other one came: only out of reach now, it may come back.
      bench.step({ kind: "agent-link-closed", link: 3 });
      for (let i = 0; i < 6; i++) {
        bench.pass(15_000);
        answerPings(bench, 2);
      }
      expect(bench.registry.agents.get(agentId)?.unreachableAtMs).toBeNumber();
    });

    test("replaces it under a later leader too, whichever verdict comes first", () => {
      for (const heirFirst of [true, false]) {
        const { bench, agentId } = halfOpen();
        const anew = comesAnew(bench);
        bench.step({ kind: "leadership-lost" });
        bench.lead(2);
        const register = (): void => bench.fromAgent(5, bench.registration(1, anew, []));
        if (heirFirst) register();
        bench.pass(599_999);
        answerPings(bench, 5);
        if (heirFirst) bench.fromAgent(6, bench.registration(1, anew, []));
        bench.pass(1);
        if (!heirFirst) {
          expect(bench.registry.agents.get(agentId)?.unreachableAtMs).toBeNumber();
          register();
        }
        expect([...bench.registry.agents.keys()]).toEqual([anew]);
      }
    });
  });

  test("invalid resources are refused with the reason", () => {
    const bench = new MasterBench();
    bench.lead();
    bench.fromAgent(3, bench.registration(3, undefined, [], 5051, [scalar("cpus", -1)]));
    expect(bench.toAgent(3)).toMatchObject([
      { kind: "agent-refused", reason: expect.stringContaining("invalid resources") },
    ]);
    expect(bench.closedLinks).toContain(3);
  });

  test("unregistering ends its tasks for good", () => {
    const { bench, agentId, framework } = started();
    framework.launch(framework.offers[0], framework.task("t", agentId, 4));
    framework.events();
    bench.fromAgent(1, { kind: "unregister-agent" });
    const events = framework.events();
    expect(events.map((event) => event.type)).toEqual(["RESCIND", "UPDATE", "FAILURE"]);
    expect(events[1]?.update?.status).toMatchObject({ state: "TASK_GONE", reason: "REASON_AGENT_REMOVED" });
    expect(bench.closedLinks).toContain(1);
    expect(bench.registry.agents.size).toBe(0);
  });
});

describe("an agent that comes back", () => {
  test("a task it never got is sent again, with the kill that waited", () => {
    const { bench, agentId, framework } = started();
    bench.autoCommit = false;
    framework.launch(framework.offers[0], framework.task("t", agentId));
    bench.step({ kind: "agent-link-closed", link: 1 });
    bench.autoCommit = true;
    bench.commit();
    expect(bench.toAgent(1).filter((message) => message.kind === "run-task")).toEqual([]);
    const kill_policy = { grace_period: { nanoseconds: 2e9 } };
    framework.call({ type: "KILL", kill: { task_id: { value: "t" }, kill_policy } });
    bench.step({
      kind: "agent-message",
      link: 2,
      message: bench.registration(1, agentId, []),
    });
    expect(bench.toAgent(2)).toMatchObject([
      { kind: "agent-registered" },
      { kind: "run-task", taskId: "t" },
      { kind: "kill-task", taskId: "t", gracePeriodMs: 2_000 },
    ]);
  });

  test("a task it lost is TASK_GONE and needs no acknowledgement; foreign ones are ended", () => {
    const { bench, agentId, framework } = started();
    framework.launch(
      framework.offers[0],
      framework.task("t", agentId, 1),
      framework.task("ended", agentId, 1),
    );
    bench.update(1, framework.id, "t", "TASK_RUNNING");
    const end = bench.update(1, framework.id, "ended", "TASK_FAILED");
    framework.events();
    const tasks = [
      report(framework, "ended", "TASK_FAILED"),
      report(framework, "stranger", "TASK_RUNNING"),
      report(framework, "stranger-ended", "TASK_FINISHED"),
      { ...report(framework, "x", "TASK_RUNNING"), frameworkId: "gone-framework" },
    ];
    bench.step({ kind: "agent-message", link: 2, message: bench.registration(1, agentId, tasks) });
    expect(bench.closedLinks).toContain(1);
    expect(bench.toAgent(2)).toMatchObject([
      { kind: "agent-registered" },
      { kind: "shutdown-framework", frameworkId: "gone-framework" },
      { kind: "kill-task", taskId: "stranger" },
    ]);
    expect(framework.statuses()).toMatchObject([
      { task_id: { value: "t" }, state: "TASK_GONE", reason: "REASON_RECONCILIATION" },
    ]);
    expect(bench.registry.task(framework.id, "t")).toBeUndefined();
    framework.acknowledge(agentId, "ended", end);
    expect(bench.toAgent(2)).toMatchObject([{ kind: "acknowledge-update", taskId: "ended" }]);
    expect([...bench.registry.tasksOf(framework.id)]).toEqual([]);
  });

  test("no offers while the link is broken", () => {
    const { bench, agentId, framework } = started();
    bench.step({ kind: "agent-link-closed", link: 1 });
    expect(framework.types()).toEqual(["RESCIND"]);
    bench.step({ kind: "agent-message", link: 2, message: bench.registration(1, agentId, []) });
    expect(framework.types()).toEqual(["OFFERS"]);
  });
});

describe("pings", () => {
  test("answered ones keep the agent, five unanswered end it; it may return with its tasks", () => {
    const { bench, agentId, framework } = started();
    framework.launch(framework.offers[0], framework.task("t", agentId, 4));
    bench.update(1, framework.id, "t", "TASK_RUNNING");
    bench.toAgent(1);
    for (let i = 0; i < 10; i++) {
      bench.pass(15_000);
      const [ping] = bench.toAgent(1);
      expect(ping).toMatchObject({ kind: "ping", term: 1 });
      bench.fromAgent(1, { kind: "pong", nonce: ping?.kind === "ping" ? ping.nonce : 0 });
    }
    framework.events();
    for (let i = 0; i < 6; i++) bench.pass(15_000);
    const events = framework.events().filter((event) => event.type !== "HEARTBEAT");
    expect(events.map((event) => event.type)).toEqual(["RESCIND", "UPDATE", "FAILURE"]);
    expect(events[1]?.update?.status).toMatchObject({
      state: "TASK_UNREACHABLE",
      source: "SOURCE_MASTER",
      reason: "REASON_AGENT_REMOVED",
      unreachable_time: { nanoseconds: bench.now.wallMs * 1e6 },
    });
    expect(bench.closedLinks).toContain(1);
    expect(bench.operatorEvents.at(-1)).toEqual({
      type: "AGENT_REMOVED",
      agent_removed: { agent_id: { value: agentId } },
    });
    const tasks = [report(framework, "t", "TASK_RUNNING")];
    bench.step({ kind: "agent-message", link: 2, message: bench.registration(1, agentId, tasks) });
    const back = framework.events();
    expect(back.map((event) => event.type)).toEqual(["UPDATE", "OFFERS"]);
    expect(back[0]?.update?.status).toMatchObject({
      state: "TASK_RUNNING",
      reason: "REASON_AGENT_REREGISTERED",
    });
    // The task still holds all cpus.
    const [offer] = back[1]?.offers?.offers ?? [];
    expect(offer?.resources?.map((resource) => resource.name)).toEqual(["mem"]);
  });

  test("TASK_LOST for a framework without PARTITION_AWARE, and back again", () => {
    const { bench, agentId } = started();
    const plain = bench.framework({ capabilities: [] });
    const other = bench.agent(3, undefined, [], 5053);
    const offer = plain.newOffers().find((o) => o.agent_id.value === other);
    plain.launch(offer, plain.task("t", other));
    bench.update(3, plain.id, "t", "TASK_RUNNING");
    plain.events();
    bench.step({ kind: "agent-link-closed", link: 3 });
    bench.pass(75_000);
    expect(plain.statuses()).toMatchObject([{ state: "TASK_LOST" }]);
    const tasks = [report(plain, "t", "TASK_RUNNING")];
    bench.step({ kind: "agent-message", link: 4, message: bench.registration(3, other, tasks, 5053) });
    expect(plain.statuses()).toMatchObject([{ state: "TASK_RUNNING" }]);
    expect(agentId).not.toBe(other);
  });
});
