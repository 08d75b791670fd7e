import { expect, test } from "bun:test";
import { MasterBench } from "../support/master-bench.ts";

function leading(): MasterBench {
  const bench = new MasterBench();
  bench.lead();
  return bench;
}

const kinds = (bench: MasterBench): string[] => bench.proposed.map((command) => command.kind);

test("a framework that came back while the log was full is neither disconnected nor removed", () => {
  const bench = leading();
  const framework = bench.framework({ failover_timeout: 0 });
  bench.autoCommit = false;
  bench.step({ kind: "stream-closed", streamId: framework.streamId });
  expect(kinds(bench)).toEqual(["disconnect-framework", "remove-framework"]);
  bench.drop();
  bench.subscribe({ id: { value: framework.id }, failover_timeout: 0 });
  bench.commit();
  bench.pass(1_000);
  expect(kinds(bench)).toEqual([]);
});

test("nor is one whose subscription is proposed", () => {
  const bench = leading();
  const framework = bench.framework();
  bench.autoCommit = false;
  bench.step({ kind: "stream-closed", streamId: framework.streamId });
  bench.drop();
  bench.subscribe({ id: { value: framework.id }, failover_timeout: 3600 });
  bench.pass(1_000);
  expect(kinds(bench)).toEqual(["update-framework"]);
});

test("a removal that a connected framework asked for is proposed again", () => {
  const bench = leading();
  const framework = bench.framework();
  bench.autoCommit = false;
  framework.call({ type: "TEARDOWN" });
  bench.drop();
  bench.pass(1_000);
  expect(kinds(bench)).toEqual(["remove-framework"]);
});

test("an agent that answers again is not marked, and is pinged on", () => {
  const bench = leading();
  const agentId = bench.agent(1);
  bench.autoCommit = false;
  for (let ping = 0; bench.proposed.length === 0 && ping < 10; ping++) bench.pass(15_000);
  expect(kinds(bench)).toEqual(["mark-agent-unreachable"]);
  bench.drop();
  const nonce = bench.toAgent(1).findLast((message) => message.kind === "ping")?.nonce ?? 0;
  bench.fromAgent(1, { kind: "pong", nonce });
  bench.pass(1_000);
  expect(kinds(bench)).toEqual([]);
  bench.pass(15_000);
  expect(bench.toAgent(1)).toMatchObject([{ kind: "ping" }]);
  expect(bench.core.leader?.agents.get(agentId)?.unreachable).toBe(false);
});

test("one that stays silent is marked in the end", () => {
  const bench = leading();
  bench.agent(1);
  bench.autoCommit = false;
  for (let ping = 0; bench.proposed.length === 0 && ping < 10; ping++) bench.pass(15_000);
  bench.drop();
  bench.pass(1_000);
  expect(kinds(bench)).toEqual(["mark-agent-unreachable"]);
});
