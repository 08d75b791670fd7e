import { expect, test } from "bun:test";
import { volumePath } from "../../src/agent/paths.ts";
import type { VolumeEntry } from "../../src/model/agent-protocol.ts";
import type { Resource } from "../../src/model/v1/resources.ts";
import { AgentBench } from "./agent-bench.ts";

const V1: VolumeEntry = { role: "web", persistenceId: "v", root: undefined, making: "m1" };

function uses(container_path: string): { resources: Resource[] } {
  const disk = { persistence: { id: "v" }, volume: { container_path, mode: "RW" as const } };
  const reservations = [{ type: "DYNAMIC" as const, role: "web" }];
  return {
    resources: [
      { name: "cpus", type: "SCALAR", scalar: { value: 0.5 } },
      { name: "disk", type: "SCALAR", scalar: { value: 1 }, reservations, disk },
    ],
  };
}

/** Registered, with a disk; `removals` takes what the core wants removed. */
function started(disk?: AgentBench["disk"]): AgentBench {
  const resources: Resource[] = [
    { name: "cpus", type: "SCALAR", scalar: { value: 4 } },
    { name: "disk", type: "SCALAR", scalar: { value: 100 } },
  ];
  const info = { hostname: "node1", port: 5051, resources };
  return AgentBench.registered({ config: { info }, ...(disk === undefined ? {} : { disk }) });
}

function update(bench: AgentBench, volumes: readonly VolumeEntry[], registration = 1): void {
  bench.message({ kind: "update-volumes", term: 1, volumes, registration });
}

function removed(bench: AgentBench, error?: string): void {
  const [volume] = bench.core.state.volumes.known.values();
  if (volume !== undefined) bench.step({ kind: "volume-removed", volume, error });
}

test("a task with a volume runs once the master told of it", () => {
  const bench = started();
  bench.run("early", uses("data"));
  expect(bench.lastStatus("early").message).toContain('the volume "v" of role "web" is not there');
  update(bench, [V1]);
  bench.lines();
  bench.run("t", uses("data"));
  expect(bench.lines()).toEqual(["launch t"]);
});

test("mount points that leave the sandbox are refused", () => {
  const bench = started();
  update(bench, [V1]);
  for (const [n, path] of ["../x", "/abs/..", "a//b", "", "a/.."].entries()) {
    bench.run(`t${n}`, uses(path));
    expect(bench.lastStatus(`t${n}`)).toMatchObject({ state: "TASK_FAILED" });
    expect(bench.lastStatus(`t${n}`).message).toContain(`container_path "${path}"`);
  }
});

test("a destroyed volume is removed, and remembered until it is", () => {
  const bench = started();
  update(bench, [V1]);
  bench.lines();
  update(bench, []);
  expect(bench.lines()).toEqual(["remove-volume /var/lib/mesh/volumes/roles/web/v"]);
  // The process dies before: the next one is told again.
  const next = started(bench.disk);
  expect(next.sent[0]).toMatchObject({ kind: "register-agent", hasVolumes: true });
  update(next, []);
  expect(next.lines()).toEqual(["remove-volume /var/lib/mesh/volumes/roles/web/v"]);
  removed(next);
  expect(started(bench.disk).sent[0]).not.toHaveProperty("hasVolumes");
});

test("a volume on a MOUNT disk is the whole disk, also for the process that comes after", () => {
  const bench = started();
  const disk: VolumeEntry = { ...V1, root: "/mnt/ssd", wholeDisk: true };
  expect(volumePath("/var/lib/mesh", disk)).toBe("/mnt/ssd");
  update(bench, [disk]);
  const next = started(bench.disk);
  expect([...next.core.state.volumes.known.values()]).toEqual([{ ...disk, registration: 1 }]);
  update(next, []);
  expect(next.lines()).toEqual(["remove-volume /mnt/ssd"]);
});

test("one made anew is not used before the old data is gone", () => {
  const bench = started();
  update(bench, [V1]);
  update(bench, [{ ...V1, making: "m2" }]);
  bench.run("early", uses("data"));
  expect(bench.lastStatus("early").state).toBe("TASK_FAILED");
  removed(bench, "busy");
  bench.run("still", uses("data"));
  expect(bench.lastStatus("still").state).toBe("TASK_FAILED");
  update(bench, [{ ...V1, making: "m2" }]);
  removed(bench);
  bench.lines();
  bench.run("t", uses("data"));
  expect(bench.lines()).toEqual(["launch t"]);
});

test("data of volumes of another cluster stays", () => {
  const bench = started();
  update(bench, [V1], 1);
  bench.lines();
  update(bench, [], 2);
  expect(bench.lines()).toEqual([]);
});

test("a role's slashes become spaces; a PATH disk has volumes of its own", () => {
  expect(volumePath("/w", { ...V1, role: "a/b" })).toBe("/w/volumes/roles/a b/v");
  expect(volumePath("/w", { ...V1, root: "/disk1" })).toBe("/disk1/volumes/roles/web/v");
  expect(volumePath("/w", { ...V1, root: "disk1" })).toBe("/w/disk1/volumes/roles/web/v");
  expect(() => volumePath("/w", { ...V1, persistenceId: ".." })).toThrow();
});

test("a volume that cannot be removed is removed later, and made anew then", () => {
  const bench = started();
  update(bench, [V1]);
  update(bench, [{ ...V1, making: "m2" }]);
  bench.lines();
  removed(bench, "in use");
  bench.advance(4_999);
  expect(bench.lines()).toEqual([]);
  bench.advance(1);
  expect(bench.lines()).toEqual(["remove-volume /var/lib/mesh/volumes/roles/web/v"]);
  removed(bench);
  bench.lines();
  bench.run("t", uses("data"));
  expect(bench.lines()).toContain("launch t");
  bench.advance(60_000);
  expect(bench.lines().filter((line) => line.startsWith("remove-volume"))).toEqual([]);
});
