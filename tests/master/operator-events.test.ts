import { expect, test } from "bun:test";
import { MasterView } from "../../src/master/views.ts";
import { encodeJson } from "../../src/wire/json-encode.ts";
import { encodeProtobuf } from "../../src/wire/protobuf.ts";
import { MasterBench, scalar } from "../support/master-bench.ts";
import { agentsMessage } from "../support/whole-answers.ts";

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
    ...extra,
  });
});

test("a new task is told with its executor, and the user that it or the executor names, as in GET_TASKS", () => {
  const bench = new MasterBench();
  bench.lead();
  const agentId = bench.agent(1);
  const framework = bench.framework();
  const { command, ...task } = framework.task("t", agentId);
  const executor = {
    executor_id: { value: "e" },
    command: { value: "run", user: "bob" },
    resources: [scalar("cpus", 0.1), scalar("mem", 32)],
  };
  const plain = { ...task, task_id: { value: "plain" }, command: command ?? {} };
  framework.launch(framework.offers[0], { ...task, executor }, plain);
  const added = bench.operatorEvents.flatMap((event) => event.task_added?.task ?? []);
  const told = added.map(({ task_id, executor_id, user }) => [task_id.value, executor_id?.value, user]);
  expect(told).toEqual([
    ["t", "e", "bob"],
    ["plain", undefined, undefined],
  ]);
});

test("an agent is told, and listed, without capabilities that only later versions have a name for", () => {
  const bench = new MasterBench();
  bench.lead();
  const registration = bench.registration(1, undefined, []);
  if (registration.kind !== "register-agent") throw new Error("It is a registration");
  bench.fromAgent(1, { ...registration, capabilities: ["MULTI_ROLE", "TELEPORTATION"] });
  const [added] = bench.operatorEvents.filter((event) => event.type === "AGENT_ADDED");
  if (added === undefined) throw new Error("It was added");
  for (const encode of [encodeJson, encodeProtobuf]) encode("MasterEvent", added);
  const capabilities = [{ type: "MULTI_ROLE" as const }];
  expect(added.agent_added?.agent.capabilities).toEqual(capabilities);
  const { agents } = agentsMessage(new MasterView(bench.registry, bench.core.leader, bench.now));
  expect(agents).toMatchObject([{ capabilities }]);
});
