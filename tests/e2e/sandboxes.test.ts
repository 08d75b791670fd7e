/** What an agent does for sandboxes, on the binary: bounded logs that are followed, disk limits, old ones. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { BINARY, eventually, mesh, TestCluster } from "./test-cluster.ts";
import { TestScheduler, type TestTask } from "./test-scheduler.ts";

const KIB = 1_024;
const LINES = 60_000;

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await TestCluster.start({
    masters: 1,
    agents: 1,
    agentFlags: [
      ...["--max-stdout-size", "64KB", "--logrotate-stdout-options", "rotate 20"],
      ...["--enforce-container-disk-quota", "--container-disk-watch-interval", "100ms"],
    ],
  });
}, 60_000);
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
}, 20_000);

function master(): string[] {
  return ["--master", cluster.masterAddresses.join(",")];
}

/** Sandbox of the only run of a task whose name begins so. */
async function sandboxOf(name: string): Promise<string> {
  return await eventually(`a sandbox of ${name}`, async () => {
    const slaves = join(cluster.directory, "a0/slaves");
    const found = new Bun.Glob(`*/frameworks/*/executors/${name}*/runs/*/stdout`);
    for (const path of found.scanSync({ cwd: slaves, followSymlinks: false }))
      return join(slaves, path, "..");
    return undefined;
  });
}

test("a log is rotated under its reader, who gets every line once", async () => {
  const script = `i=0; while [ $i -lt ${LINES / 500} ]; do seq $((i*500+1)) $((i*500+500)); i=$((i+1)); sleep 0.02; done`;
  const run = Bun.spawn([BINARY, "run", ...master(), "--name", "counter", "--", "sh", "-c", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const sandbox = await sandboxOf("counter");
  const task = sandbox.split("/executors/")[1]?.split("/")[0] ?? "";
  const logs = mesh(["logs", ...master(), "-f", task]);
  await eventually("a rotation", () => existsSync(join(sandbox, "stdout.1")));
  const whole = await new Response(run.stdout).text();
  expect(await run.exited).toBe(0);
  const expected = Array.from({ length: LINES }, (_, line) => `${line + 1}\n`).join("");
  expect(whole === expected).toBe(true);
  expect((await logs).stdout === expected).toBe(true);
  const tail = await mesh(["logs", ...master(), "--tail", "30000", task]);
  expect(tail.stdout === expected.slice(expected.indexOf("30001\n"))).toBe(true);
  expect(readdirSync(sandbox).filter((name) => name.startsWith("stdout")).length).toBeGreaterThan(5);
}, 60_000);

test("a task that prints without end has a small log within seconds, and it is small after its end", async () => {
  const run = Bun.spawn([BINARY, "run", ...master(), "--name", "flood", "--quiet", "--", "yes"], {
    stdio: ["ignore", "ignore", "ignore"],
  });
  const sandbox = await sandboxOf("flood");
  // While one is rotated there are more files, which come and go.
  const sizes = (): number[] =>
    readdirSync(sandbox)
      .filter((name) => name.startsWith("stdout"))
      .map((name) => statSync(join(sandbox, name), { throwIfNoEntry: false })?.size ?? Infinity);
  await eventually("all parts to be there", () => sizes().length >= 21);
  run.kill("SIGINT");
  await run.exited;
  await eventually(
    "its last output to be cut",
    () => sizes().every((size) => size <= 64 * KIB) && sizes().length === 21,
  );
}, 60_000);

test("a task with too much on disk fails with the reason, also after its agent was killed; others live", async () => {
  await using scheduler = new TestScheduler(cluster.masterAddresses);
  const resources = Object.entries({ cpus: 0.05, mem: 32, disk: 2 }).map(([name, value]) => ({
    ...{ name, type: "SCALAR" as const, scalar: { value } },
  }));
  const script = "until [ -e go ]; do sleep 0.05; done; head -c 1000000 /dev/zero >small; exec sleep 1000";
  const greedy: TestTask = {
    id: "greedy",
    command: script.replace("1000000", "9000000"),
    more: { resources },
  };
  await scheduler.launch([greedy, { id: "modest", command: script, more: { resources } }]);
  await eventually("both to run", () => scheduler.count((state) => state === "TASK_RUNNING") === 2);
  await cluster.agents[0]?.kill("SIGKILL");
  cluster.agents[0]?.start();
  for (const name of ["greedy", "modest"]) writeFileSync(join(await sandboxOf(name), "go"), "");
  await eventually("the end of one", () => scheduler.ended === 1);
  const status = scheduler.told.get("greedy")?.at(-1);
  expect(status).toMatchObject({
    state: "TASK_FAILED",
    reason: "REASON_CONTAINER_LIMITATION_DISK",
    limitation: { resources: [{ name: "disk", type: "SCALAR", scalar: { value: 2 } }] },
  });
  expect(status?.message).toMatch(/^Disk usage \(\d+KB\) exceeds quota \(2MB\)$/);
  const small = join(await sandboxOf("modest"), "small");
  await eventually("the other's file", () => existsSync(small) && statSync(small).size === 1_000_000);
  expect(scheduler.stateOf("modest")).toBe("TASK_RUNNING");
}, 60_000);

test("old sandboxes are removed, also those that ended while nobody looked; those in use stay", async () => {
  await using own = await TestCluster.start({
    masters: 1,
    agents: 1,
    agentFlags: ["--gc-delay", "3secs", "--disk-watch-interval", "50ms"],
  });
  await using scheduler = new TestScheduler(own.masterAddresses);
  await scheduler.launch([
    { id: "short", command: "true" },
    { id: "long", command: "exec sleep 1000" },
    { id: "away", command: "until [ -e go ]; do sleep 0.05; done" },
  ]);
  await eventually("one to end", () => scheduler.stateOf("short") === "TASK_FINISHED");
  await eventually("two to run", () => scheduler.count((state) => state === "TASK_RUNNING") === 2);
  const sandboxes = (): Map<string, string> => {
    const glob = new Bun.Glob("a0/slaves/*/frameworks/*/executors/*/runs/*/stdout");
    const found = [...glob.scanSync({ cwd: own.directory, followSymlinks: false })];
    return new Map(found.map((path) => [path.split("/executors/")[1]?.split("/")[0] ?? "", path]));
  };
  const away = sandboxes().get("away") ?? "";
  await own.agents[0]?.kill("SIGKILL");
  writeFileSync(join(own.directory, away, "../go"), "");
  own.agents[0]?.start();
  await eventually("its end to be told", () => scheduler.stateOf("away") === "TASK_FINISHED");
  await eventually("both to go", () => sandboxes().size === 1);
  expect([...sandboxes().keys()]).toEqual(["long"]);
  const metrics = await eventually("what was moved to be deleted", async () => {
    const answer = await fetch(`http://${own.agentAddresses[0]}/metrics/snapshot`);
    const all = (await answer.json()) as Record<string, number>;
    return all["gc/path_removals_succeeded"] === 2 && all;
  });
  expect([metrics["gc/path_removals_pending"], metrics["gc/path_removals_failed"]]).toEqual([0, 0]);
}, 60_000);
