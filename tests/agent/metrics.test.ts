import { expect, test } from "bun:test";
import { agentMetrics } from "../../src/agent/metrics.ts";
import { AgentBench } from "./agent-bench.ts";

test("resources in use, tasks by state and launch errors", () => {
  const bench = AgentBench.registered();
  const resources = [{ name: "cpus", type: "SCALAR" as const, scalar: { value: 1 } }];
  for (const id of ["runs", "ends", "fails"]) bench.run(id, { resources });
  bench.launched("runs");
  bench.launched("ends");
  bench.exited("ends", { kind: "exited", code: 0 });
  const error = { step: "fetch", message: "no such file" } as const;
  bench.step({ kind: "launch-failed", containerId: bench.containerOf("fails"), error });
  expect(agentMetrics(bench.core.state, 2_500)).toMatchObject({
    "slave/registered": 1,
    "slave/uptime_secs": 2.5,
    "slave/cpus_total": 4,
    "slave/cpus_used": 1,
    "slave/cpus_percent": 0.25,
    "slave/tasks_running": 1,
    "slave/tasks_finished": 1,
    "slave/tasks_failed": 1,
    "slave/container_launch_errors": 1,
    "slave/executors_running": 1,
  });
});
