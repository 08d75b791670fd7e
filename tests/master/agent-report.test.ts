import { expect, test } from "bun:test";
import type { RegisterAgent } from "../../src/model/agent-protocol.ts";
import { encodeBlob } from "../../src/wire/blob.ts";
import { MasterBench } from "../support/master-bench.ts";

test("an end that the agent forgot before it could tell it is told by the master", () => {
  const bench = new MasterBench();
  bench.lead();
  const agentId = bench.agent(1);
  const framework = bench.framework();
  framework.launch(framework.offers[0], framework.task("t", agentId));
  bench.update(1, framework.id, "t", "TASK_RUNNING", { latestState: "TASK_FINISHED" });
  framework.events();
  bench.step({ kind: "agent-link-closed", link: 1 });
  const again: RegisterAgent = {
    kind: "register-agent",
    agentId,
    info: encodeBlob("AgentInfo", { hostname: "agent1", id: { value: agentId } }),
    ip: "10.0.0.9",
    version: "1.0.0",
    capabilities: [],
    tasks: [],
  };
  bench.fromAgent(2, again);
  const told = framework.statuses();
  expect(told).toMatchObject([{ state: "TASK_FINISHED", source: "SOURCE_MASTER" }]);
  expect(told[0]?.uuid).toBeUndefined();
  expect(bench.registry.taskCount).toBe(0);
});
