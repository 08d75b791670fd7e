/** Containers inside a task's, by the agent's API, over a death of the agent. */
import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { eventually, TestCluster } from "./test-cluster.ts";
import { TestScheduler } from "./test-scheduler.ts";

test("run, are waited for, killed and removed; they live on without the agent, and end with their parent", async () => {
  await using cluster = await TestCluster.start({ masters: 1, agents: 1 });
  await using scheduler = new TestScheduler(cluster.masterAddresses);
  await scheduler.launch([{ id: "parent", command: "sleep 1000" }]);
  await eventually("the task to run", () => scheduler.stateOf("parent") === "TASK_RUNNING", 60_000);
  const parent = scheduler.told.get("parent")?.at(-1)?.container_status?.container_id;
  const id = (value: string) => ({ value, parent });
  const call = async (type: string, body: object): Promise<[status: number, answer: string]> => {
    const answer = await fetch(`http://${cluster.agentAddresses[0]}/api/v1`, {
      method: "POST",
      headers: { "Content-Type": "application/json", Accept: "application/json" },
      body: JSON.stringify({ type, [type.toLowerCase()]: body }),
    });
    return [answer.status, await answer.text()];
  };
  const launch = (value: string, script: string) =>
    call("LAUNCH_NESTED_CONTAINER", { container_id: id(value), command: { value: script } });

  expect(await launch("quick", "echo inside; exit 3")).toEqual([200, ""]);
  expect(await call("WAIT_NESTED_CONTAINER", { container_id: id("quick") })).toEqual([
    200,
    JSON.stringify({ type: "WAIT_NESTED_CONTAINER", wait_nested_container: { exit_status: 3 << 8 } }),
  ]);
  const sandbox = join(cluster.directory, "a0", "slaves");
  const found = [...new Bun.Glob("**/containers/quick/stdout").scanSync({ cwd: sandbox })];
  expect(found.map((path) => readFileSync(join(sandbox, path), "utf8"))).toEqual(["inside\n"]);
  expect((await launch("quick", "true"))[0]).toBe(202);
  expect((await launch("odd:1,@$é", "true"))[0]).toBe(200);
  expect((await call("REMOVE_NESTED_CONTAINER", { container_id: id("quick") }))[0]).toBe(200);
  const stdout = join(sandbox, `${found[0]}`);
  await eventually("its sandbox to be removed", () => !existsSync(stdout));
  expect((await call("WAIT_NESTED_CONTAINER", { container_id: id("quick") }))[0]).toBe(404);
  expect(
    (await call("LAUNCH_NESTED_CONTAINER", { container_id: { value: "x" }, command: { value: "x" } }))[0],
  ).toBe(400);

  expect((await launch("long", "echo $$ >pid; exec sleep 1000"))[0]).toBe(200);
  expect((await launch("longer", "exec sleep 1000"))[0]).toBe(200);
  const agent = cluster.agents[0];
  await agent?.kill("SIGKILL");
  agent?.start();
  await eventually("the agent to be back", async () => (await cluster.activeAgents()) === 1);
  const containers = await call("GET_CONTAINERS", { show_nested: true });
  for (const value of ["long", "longer"]) expect(containers[1]).toContain(JSON.stringify(id(value).value));
  const legacy = await fetch(`http://${cluster.agentAddresses[0]}/containers?show_nested=true`);
  const listed = (await legacy.json()) as { container_id: string; status: { container_id: unknown } }[];
  const [, ...inside] = listed.map(({ container_id, status }) => [container_id, status.container_id]);
  expect(inside).toEqual([
    ["long", id("long")],
    ["longer", id("longer")],
  ]);
  const waiting = call("WAIT_CONTAINER", { container_id: id("long") });
  expect(await call("KILL_CONTAINER", { container_id: id("long"), signal: 15 })).toEqual([200, ""]);
  expect(await waiting).toEqual([
    200,
    JSON.stringify({ type: "WAIT_CONTAINER", wait_container: { exit_status: 15 } }),
  ]);
  expect((await call("REMOVE_CONTAINER", { container_id: id("longer") }))[0]).toBe(500);

  const agent_id = scheduler.told.get("parent")?.[0]?.agent_id;
  await scheduler.client.call({
    type: "KILL",
    kill: { task_id: { value: "parent" }, ...(agent_id && { agent_id }) },
  });
  await eventually("the task to end", () => scheduler.stateOf("parent") === "TASK_KILLED", 60_000);
  const gone = () => call("WAIT_CONTAINER", { container_id: id("longer") });
  await eventually("what is in it to be gone", async () => (await gone())[0] === 404);
  const records = join(cluster.directory, "a0", "run", "containers");
  await eventually("its records to be gone", () => !existsSync(join(records, `${parent?.value}.longer`)));
}, 120_000);

test("by themselves run on an agent beside its tasks, over its death, until they are killed and removed", async () => {
  await using cluster = await TestCluster.start({
    ...{ masters: 1, agents: 1, agentFlags: ["--gc-delay", "1secs", "--disk-watch-interval", "100ms"] },
  });
  const container_id = { value: "alone" };
  const call = async (type: string, body: object): Promise<[status: number, answer: string]> => {
    const answer = await fetch(`http://${cluster.agentAddresses[0]}/api/v1`, {
      method: "POST",
      headers: { "Content-Type": "application/json", Accept: "application/json" },
      body: JSON.stringify({ type, [type.toLowerCase()]: body }),
    });
    return [answer.status, await answer.text()];
  };
  const resources = [{ name: "mem", type: "SCALAR", scalar: { value: 64 } }];
  const command = { value: "echo alone; exec sleep 1000" };
  expect(await call("LAUNCH_CONTAINER", { container_id, command, resources })).toEqual([200, ""]);
  expect((await call("LAUNCH_CONTAINER", { container_id, command, resources }))[0]).toBe(202);
  const agent = cluster.agents[0];
  await agent?.kill("SIGKILL");
  agent?.start();
  await eventually("the agent to be back", async () => (await cluster.activeAgents()) === 1);
  expect((await call("GET_CONTAINERS", {}))[1]).not.toContain('"alone"');
  expect((await call("GET_CONTAINERS", { show_standalone: true }))[1]).toContain('"alone"');
  const inside = {
    container_id: { value: "inside", parent: container_id },
    command: { value: "sleep 1000" },
  };
  expect(await call("LAUNCH_CONTAINER", inside)).toEqual([200, ""]);
  const shown = async (flags: object): Promise<string[]> => {
    const listed = JSON.parse((await call("GET_CONTAINERS", flags))[1]).get_containers.containers ?? [];
    return listed.map(({ container_id: { value } }: { container_id: { value: string } }) => value);
  };
  expect(await shown({ show_standalone: true })).toEqual(["alone"]);
  expect(await shown({ show_nested: true })).toEqual(["inside"]);
  expect(await shown({ show_nested: true, show_standalone: true })).toEqual(["alone", "inside"]);
  const stdout = join(cluster.directory, "a0", "containers", "alone", "stdout");
  expect(readFileSync(stdout, "utf8")).toBe("alone\n");
  const files = (path: string) => fetch(`http://${cluster.agentAddresses[0]}/files/${path}`);
  expect(await (await files("read?path=/containers/alone/stdout&offset=0")).json()).toMatchObject({
    data: "alone\n",
  });
  expect(await (await files(`browse?path=${stdout.slice(0, -"/stdout".length)}`)).text()).toContain("stderr");
  expect((await files("browse?path=/containers")).status).toBe(404);
  const waiting = call("WAIT_CONTAINER", { container_id });
  expect((await call("REMOVE_CONTAINER", { container_id }))[0]).toBe(500);
  expect((await call("KILL_CONTAINER", { container_id }))[0]).toBe(200);
  expect(await waiting).toEqual([
    200,
    JSON.stringify({ type: "WAIT_CONTAINER", wait_container: { exit_status: 9 } }),
  ]);
  await eventually("its sandbox to be collected", () => !existsSync(stdout));
  expect((await call("REMOVE_CONTAINER", { container_id }))[0]).toBe(200);
  expect((await call("WAIT_CONTAINER", { container_id }))[0]).toBe(404);
}, 60_000);
