/** A leader with one agent and one framework: where many tests of the master begin. */
import type { Resource } from "../../src/model/v1/resources.ts";
import { type BenchFramework, MasterBench, scalar } from "./master-bench.ts";

export interface Started {
  readonly bench: MasterBench;
  readonly agentId: string;
  readonly framework: BenchFramework;
}

/** What the agent of {@link started} has. */
export const AGENT_TOTAL: Resource[] = [scalar("cpus", 4), scalar("mem", 1024), scalar("disk", 100)];

/** The framework was offered the agent; what the agent was told so far is taken away. */
export function started(info: Parameters<MasterBench["framework"]>[0] = {}): Started {
  const bench = new MasterBench();
  bench.lead();
  bench.fromAgent(1, bench.registration(1, undefined, [], 5051, AGENT_TOTAL));
  const agentId = [...bench.registry.agents.keys()][0] ?? "";
  const framework = bench.framework(info);
  bench.toAgent(1);
  return { bench, agentId, framework };
}

/** Its task "t" runs and was acknowledged; both sides have heard all of it. */
export function running(): Started {
  const bench = new MasterBench();
  bench.lead();
  const agentId = bench.agent(1);
  const framework = bench.framework();
  framework.launch(framework.offers[0], framework.task("t", agentId));
  const uuid = bench.update(1, framework.id, "t", "TASK_RUNNING");
  framework.acknowledge(agentId, "t", uuid);
  framework.events();
  bench.toAgent(1);
  return { bench, agentId, framework };
}
