import { describe, expect, test } from "bun:test";
import { assert } from "../../src/base/assert.ts";
import type { ContainerSpec } from "../../src/isolation/container.ts";
import { MemoryMachine, MemoryRuntime } from "../support/memory-runtime.ts";
import { runtimeConformance } from "./runtime.ts";

runtimeConformance("in memory", () => {
  const machine = new MemoryMachine();
  return {
    open: (fetch) => new MemoryRuntime(machine, { fetch }),
    sandbox: (id) => `/sandboxes/${id}`,
    async until(condition) {
      while (!(await condition())) {
        const next = machine.nextEndMs();
        assert(next !== undefined, "Nothing will happen any more, and the condition does not hold");
        machine.advanceTo(next);
      }
    },
    exists: (pid) =>
      [...machine.rows.values()].some((row) => row.launched.pid === pid && row.exit === undefined),
    runs: () => true,
    async loseSupervisor(id) {
      machine.loseSupervisor(id);
    },
    async close() {
      expect(machine.rows.size).toBe(0);
    },
  };
});

describe("the failing variant", () => {
  const spec: ContainerSpec = {
    containerId: "c1",
    sandbox: "/s",
    command: { kind: "shell", script: "sleep 5" },
    environment: [],
    stdoutName: "stdout",
    stderrName: "stderr",
    uris: [],
    resources: { cpusMilli: 0, memBytes: 0, diskBytes: 0 },
    isolation: { namespaces: [], cgroup: false },
  };

  test("fails launches and kills as told, and nothing was started", async () => {
    const machine = new MemoryMachine();
    const error = { step: "cgroup", message: "no space" } as const;
    const runtime = new MemoryRuntime(machine, { failLaunch: () => error, failKill: () => "stuck" });
    expect(await runtime.launch(spec)).toEqual({ ok: false, error });
    expect(await runtime.kill("c1")).toEqual({ ok: false, error: "stuck" });
    expect(machine.starts.size).toBe(0);
  });

  test("programs end in the order of the clock, and a reboot leaves nothing", async () => {
    const machine = new MemoryMachine();
    const runtime = new MemoryRuntime(machine);
    const ended: string[] = [];
    runtime.onExit((id) => ended.push(`${id} ${machine.nowMs}`));
    await runtime.launch({ ...spec, containerId: "slow", command: { kind: "shell", script: "sleep 9" } });
    await runtime.launch(spec);
    machine.advanceTo(6_000);
    expect(ended).toEqual(["c1 5000"]);
    machine.advanceTo(20_000);
    expect(ended).toEqual(["c1 5000", "slow 9000"]);
    machine.reboot();
    expect(await runtime.inspect("slow")).toEqual({ state: "gone" });
  });
});
