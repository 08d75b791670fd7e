import { expect, test } from "bun:test";
import { MasterBench } from "../support/master-bench.ts";

test("a new task is told with its labels, discovery info and limits", () => {
  const bench = new MasterBench();
  bench.lead();
  const agentId = bench.agent(1);
  const framework = bench.framework();
  const extra = {
    labels: { labels: [{ key: "tier", value: "front" }] },
    discovery: { visibility: "CLUSTER" as const, name: "web" },
    limits: { cpus: { value: 2 } },
  };
  framework.launch(framework.offers[0], framework.task("t", agentId, 1, extra));
  const added = bench.operatorEvents.find((event) => event.type === "TASK_ADDED");
  expect(added?.task_added?.task).toMatchObject({
    task_id: { value: "t" },
    framework_id: { value: framework.id },
    agent_id: { value: agentId },
    state: "TASK_STAGING",
    user: "alice",
    ...extra,
  });
});
