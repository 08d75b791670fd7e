import { describe, expect, test } from "bun:test";
import { holdsContainer, sandboxRuns } from "../../src/agent/sandbox-runs.ts";
import type { Resource } from "../../src/model/v1/resources.ts";
import { AgentBench, CONFIG, firstRun } from "./agent-bench.ts";

const MIB = 1024 ** 2;
const SANDBOX = "/var/lib/mesh/slaves/A/frameworks/F/executors/t/runs/t-r1";
const DISK: Resource = { name: "disk", type: "SCALAR", scalar: { value: 100 } };

function withDisk(): AgentBench {
  const disk = { ...DISK, scalar: { value: 1_000 } };
  return AgentBench.registered({
    config: { info: { ...CONFIG.info, resources: [...(CONFIG.info.resources ?? []), disk] } },
  });
}

describe("sandboxes in use", () => {
  test("from the launch to the acknowledged end", () => {
    const bench = withDisk();
    const { state } = bench.core;
    const containerId = firstRun("t");
    const shown = () => sandboxRuns(state).map(({ needs, ...run }) => ({ ...run, ...needs() }));
    expect([shown(), holdsContainer(state, containerId)]).toEqual([[], false]);
    const variables = [
      { name: "CONTAINER_LOGGER_MAX_STDOUT_SIZE", value: "1MB" },
      { name: "OTHER", value: "x" },
    ];
    bench.run("t", {
      command: { value: "true", environment: { variables } },
      resources: [{ ...DISK, scalar: { value: 20 } }],
    });
    const run = {
      containerId,
      sandbox: SANDBOX,
      diskBytes: 20 * MIB,
      volumes: [],
      loggerVariables: [["CONTAINER_LOGGER_MAX_STDOUT_SIZE", "1MB"]],
    };
    expect(shown() as unknown).toEqual([{ ...run, running: false }]);
    bench.step({ kind: "launched", containerId, launched: { pid: 1, startTime: "1" } });
    expect(shown() as unknown).toEqual([{ ...run, running: true }]);
    bench.acknowledge("t");
    bench.acknowledge("t");
    bench.step({ kind: "exited", containerId, exit: { kind: "exited", code: 0 } });
    // Until somebody has heard of its end.
    expect(shown() as unknown).toEqual([{ ...run, running: false }]);
    bench.acknowledge("t");
    expect([shown(), holdsContainer(state, containerId)]).toEqual([[], false]);
  });

  test("a container of a framework that went away is held until it has ended", () => {
    const bench = AgentBench.registered();
    const containerId = firstRun("t");
    bench.run("t");
    bench.step({ kind: "launched", containerId, launched: { pid: 1, startTime: "1" } });
    bench.message({ kind: "shutdown-framework", term: bench.term, frameworkId: "F" });
    const { state } = bench.core;
    expect([sandboxRuns(state).length, holdsContainer(state, containerId)]).toEqual([0, true]);
    bench.step({ kind: "exited", containerId, exit: { kind: "signaled", signal: 15 } });
    expect(holdsContainer(state, containerId)).toBe(false);
  });

  test("before its recovery an agent holds all", () => {
    const { state } = new AgentBench().core;
    expect(holdsContainer(state, "anything")).toBe(true);
  });

  test("volumes have sizes of their own, but for whole disks", () => {
    const bench = withDisk();
    const volume = (id: string, source?: NonNullable<Resource["disk"]>["source"]): Resource => ({
      ...DISK,
      reservations: [{ type: "DYNAMIC", role: "db" }],
      disk: {
        persistence: { id },
        volume: { mode: "RW", container_path: id },
        ...(source === undefined ? {} : { source }),
      },
    });
    const executor = {
      executor_id: { value: "e" },
      framework_id: { value: "F" },
      command: { value: "true" },
      resources: [volume("root"), volume("path", { type: "PATH", path: { root: "/data" } })],
    };
    const whole = volume("whole", { type: "MOUNT", mount: { root: "/mnt" } });
    // Before the launch, which would miss them.
    bench.autoSync = false;
    bench.run("t", { executor, resources: [DISK, whole] });
    const [run] = sandboxRuns(bench.core.state);
    expect(run?.needs().volumes).toEqual([
      { path: "/var/lib/mesh/volumes/roles/db/root", bytes: 100 * MIB },
      { path: "/data/volumes/roles/db/path", bytes: 100 * MIB },
    ]);
  });
});
