import { describe, expect, test } from "bun:test";
import { planTask } from "../../src/agent/plan-task.ts";
import { present } from "../../src/base/assert.ts";
import { decodeBlob } from "../../src/wire/blob.ts";
import { AgentBench, frameworkBlob, taskBlob } from "./agent-bench.ts";

describe("a command task", () => {
  test("runs from RunTask to the acknowledged end", () => {
    const bench = AgentBench.registered();
    bench.run("t");
    expect(bench.lines()).toEqual(["launch t"]);
    bench.launched("t");
    expect(bench.lines()).toEqual(["send t TASK_STARTING (latest TASK_RUNNING)"]);
    bench.acknowledge("t");
    expect(bench.lines()).toEqual(["send t TASK_RUNNING"]);
    bench.acknowledge("t");
    expect(bench.lines()).toEqual([]);
    bench.exited("t");
    expect(bench.lines()).toEqual(["send t TASK_FINISHED", "cleanup t"]);
    expect(bench.keys()).toEqual(["agent", "framework/F", "stream/F/t/t-r1", "task/F/t/t-r1"]);
    bench.acknowledge("t");
    expect(bench.lines()).toEqual([]);
    expect(bench.keys()).toEqual(["agent"]);
    expect(bench.core.state.usage.used("cpus")).toBe(0);
  });

  test("tells what its launch waits for, of what nobody heard yet the newest alone", () => {
    const bench = AgentBench.registered();
    bench.run("t");
    expect(bench.lines()).toEqual(["launch t"]);
    const containerId = bench.containerOf("t");
    const tell = (line: string): void => bench.step({ kind: "launch-progress", containerId, line });
    const message = (): unknown => decodeBlob("TaskStatus", bench.lastUpdate("t").status).message;
    tell("first");
    expect(bench.lines()).toEqual(["send t TASK_STAGING"]);
    expect(message()).toBe("first");
    for (const line of ["second", "third"]) tell(line);
    expect(bench.lines()).toEqual([]);
    bench.acknowledge("t");
    expect(bench.lines()).toEqual(["send t TASK_STAGING"]);
    expect(message()).toBe("third");
    bench.launched("t");
    tell("too late");
    bench.acknowledge("t");
    expect(bench.lines()).toEqual(["send t TASK_STARTING (latest TASK_RUNNING)"]);
  });

  test("is on disk before it is launched, and its updates before they are sent", () => {
    const bench = AgentBench.registered();
    bench.autoSync = false;
    bench.run("t");
    expect(bench.lines()).toEqual(["write framework/F task/F/t/t-r1 stream/F/t/t-r1"]);
    bench.sync();
    expect(bench.lines()).toEqual(["launch t"]);
    bench.launched("t");
    expect(bench.lines()).toEqual(["write stream/F/t/t-r1"]);
    bench.sync();
    expect(bench.lines()).toEqual(["send t TASK_STARTING (latest TASK_RUNNING)"]);
    bench.acknowledge("t");
    expect(bench.lines()).toEqual(["write stream/F/t/t-r1"]);
    bench.sync();
    expect(bench.lines()).toEqual(["send t TASK_RUNNING"]);
    bench.exited("t");
    expect(bench.lines()).toEqual(["write stream/F/t/t-r1"]);
    bench.acknowledge("t");
    bench.sync();
    expect(bench.lines()).toEqual(["write stream/F/t/t-r1", "cleanup t", "send t TASK_FINISHED"]);
    bench.acknowledge("t");
    expect(bench.lines()).toEqual(["write -task/F/t/t-r1 -stream/F/t/t-r1 -framework/F"]);
  });

  test("of a thousand in one write begins with the others of its step, the rest in later steps", () => {
    const bench = AgentBench.registered();
    bench.autoSync = false;
    const resources = [{ name: "cpus", type: "SCALAR", scalar: { value: 0.001 } }] as const;
    for (let at = 0; at < 120; at++) bench.run(`t${at}`, { resources: [...resources] });
    bench.lines();
    const begun: number[] = [];
    // One token stands for all that are lower.
    bench.step({ kind: "checkpointed", token: Number.MAX_SAFE_INTEGER });
    for (;;) {
      begun.push(bench.lines().filter((line) => line.startsWith("launch")).length);
      if (bench.core.nextDeadlineMs() !== bench.nowMs) break;
      bench.step({ kind: "tick" });
    }
    expect(begun).toEqual([50, 50, 20]);
  });

  test("has statuses like those of a Mesos command executor", () => {
    const bench = AgentBench.registered();
    bench.run("t");
    bench.launched("t");
    const status = bench.lastStatus("t");
    expect(status).toEqual({
      task_id: { value: "t" },
      state: "TASK_STARTING",
      source: "SOURCE_EXECUTOR",
      agent_id: { value: "A" },
      executor_id: { value: "t" },
      timestamp: (1e12 + 1_000) / 1_000,
      uuid: bench.lastUpdate("t").uuid,
      container_status: {
        container_id: { value: bench.containerOf("t") },
        network_infos: [{ ip_addresses: [{ protocol: "IPv4", ip_address: "10.0.0.9" }] }],
        executor_pid: 42,
      },
    });
  });

  test("tells the IPv6 address of the machine when there is one", () => {
    const bench = AgentBench.registered({ config: { ip6: "fd00::9" } });
    bench.run("t");
    bench.launched("t");
    expect(bench.lastStatus("t").container_status?.network_infos?.[0]?.ip_addresses).toEqual([
      { protocol: "IPv4", ip_address: "10.0.0.9" },
      { protocol: "IPv6", ip_address: "fd00::9" },
    ]);
  });

  test("tells the addresses of the networks it joined", () => {
    const bench = AgentBench.registered();
    const wanted = [{ name: "web", port_mappings: [{ host_port: 80, container_port: 8080 }] }, {}];
    bench.run("t", { container: { type: "MESOS", hostname: "web-1", network_infos: wanted } });
    const task = present(bench.core.state.containers.get(bench.containerOf("t")), "It is there");
    const plan = planTask(bench.core.state, task);
    expect(plan.ok && plan.value.spec.network).toEqual({
      hostname: "web-1",
      networks: wanted.slice(0, 1),
      owner: bench.containerOf("t"),
    });
    const networks = [{ ...wanted[0], ip_addresses: [{ ip_address: "10.1.0.5" }] }];
    const containerId = bench.containerOf("t");
    bench.step({ kind: "launched", containerId, launched: { pid: 42, startTime: "1", networks } });
    expect(bench.lastStatus("t").container_status?.network_infos).toEqual([
      {
        name: "web",
        ip_addresses: [{ ip_address: "10.1.0.5" }],
        port_mappings: [{ host_port: 80, container_port: 8080 }],
      },
    ]);
  });

  const ends = [
    [{ kind: "exited", code: 0 }, "TASK_FINISHED", "Command exited with status 0", undefined],
    [{ kind: "exited", code: 3 }, "TASK_FAILED", "Command exited with status 3", undefined],
    [
      { kind: "signaled", signal: 11 },
      "TASK_FAILED",
      "Command terminated with signal Segmentation fault",
      undefined,
    ],
    [
      { kind: "unknown", reason: "its supervisor ended" },
      "TASK_FAILED",
      "Command ended and left no exit status: its supervisor ended",
      "REASON_EXECUTOR_TERMINATED",
    ],
  ] as const;
  for (const [exit, state, message, reason] of ends) {
    test(`ends as ${state} with "${message}"`, () => {
      const bench = AgentBench.registered();
      bench.running("t");
      bench.exited("t", exit);
      const status = bench.lastStatus("t");
      expect([status.state, status.message, status.reason]).toEqual([state, message, reason]);
    });
  }

  test("is run once however often it is asked for", () => {
    const bench = AgentBench.registered();
    bench.run("t");
    bench.run("t");
    bench.launched("t");
    bench.run("t");
    bench.exited("t");
    bench.run("t");
    expect(bench.lines().filter((line) => line.startsWith("launch"))).toEqual(["launch t"]);
  });

  test("may use the id of a task that is settled", () => {
    const bench = AgentBench.registered();
    bench.running("t");
    bench.exited("t");
    bench.acknowledge("t");
    bench.lines();
    bench.run("t");
    expect(bench.lines()).toEqual(["launch t"]);
  });

  test("whose launch fails is TASK_FAILED with the reason", () => {
    const bench = AgentBench.registered();
    bench.run("t");
    const message = 'Failed to fetch "http://x/y": answered with status 404';
    const containerId = bench.containerOf("t");
    bench.step({ kind: "launch-failed", containerId, error: { step: "fetch", message } });
    const status = bench.lastStatus("t");
    expect([status.state, status.source, status.reason]).toEqual([
      "TASK_FAILED",
      "SOURCE_AGENT",
      "REASON_CONTAINER_LAUNCH_FAILED",
    ]);
    expect(status.message).toBe(`Failed to launch container: ${message}`);
    expect(bench.core.state.usage.used("cpus")).toBe(0);
  });

  const impossible = [
    [{ command: {} }, "the command has no value"],
    [{ container: { type: "MESOS", mesos: { image: { type: "DOCKER" } } } }, "asks for an image"],
    [
      { container: { type: "MESOS", network_infos: [{ name: "a" }, { name: "a" }] } },
      'asks for the network "a" twice',
    ],
    [
      {
        container: {
          type: "MESOS",
          network_infos: [{ port_mappings: [{ host_port: 1, container_port: 1 }] }],
        },
      },
      "asks for port mappings on the host's network",
    ],
    [{ container: { type: "MESOS", hostname: "h" } }, 'asks for the hostname "h" on the host\'s network'],
    [{ container: { type: "DOCKER", docker: { image: "x" } } }, "the Docker containerizer"],
    [
      { command: { value: "x", environment: { variables: [{ name: "S", type: "SECRET" }] } } },
      'the environment variable "S" is a secret by reference',
    ],
  ] as const;
  for (const [overrides, text] of impossible) {
    test(`that cannot be run here is TASK_FAILED: ${text}`, () => {
      const bench = AgentBench.registered();
      bench.run("t", structuredClone(overrides) as Parameters<AgentBench["run"]>[1]);
      expect(bench.lastStatus("t").reason).toBe("REASON_CONTAINER_LAUNCH_FAILED");
      expect(bench.lastStatus("t").message).toContain(text);
    });
  }

  test("that exceeds the machine is refused by capability, with figures", () => {
    const resources = [{ name: "cpus", type: "SCALAR" as const, scalar: { value: 3 } }];
    for (const [framework, state] of [
      [frameworkBlob("PARTITION_AWARE"), "TASK_DROPPED"],
      [frameworkBlob(), "TASK_LOST"],
    ] as const) {
      const bench = AgentBench.registered();
      bench.run("first", { resources }, framework);
      bench.run("second", { resources }, framework);
      expect(bench.lines()).toEqual(["launch first", `send second ${state}`]);
      expect(bench.lastStatus("second").message).toBe(
        "The agent cannot run the task: it asks for 3 cpus; of 4 in all, 1 are free",
      );
      expect(bench.core.state.usage.used("cpus")).toBe(3_000);
    }
  });
});

describe("the container of a task", () => {
  test("gives the operator's variables, which the task's own go before", () => {
    const executorVariables = [
      ["LANG", "C.UTF-8"],
      ["TZ", "UTC"],
    ] as const;
    const bench = AgentBench.registered({ config: { executorVariables } });
    bench.run("t", { command: { value: "x", environment: { variables: [{ name: "TZ", value: "CET" }] } } });
    const task = present(bench.core.state.containers.get(bench.containerOf("t")), "It is there");
    const plan = planTask(bench.core.state, task);
    expect(plan.ok && plan.value.spec.environment).toContainEqual(["LANG", "C.UTF-8"]);
    expect(plan.ok && plan.value.spec.environment).toContainEqual(["TZ", "CET"]);
  });

  test("has the sandbox, environment and program that Mesos gives", () => {
    const bench = AgentBench.registered({ config: { switchUser: true } });
    const effects = bench.core.step(
      {
        kind: "message",
        linkId: bench.linkId,
        message: {
          kind: "run-task",
          term: 1,
          frameworkId: "F",
          taskId: "t",
          framework: frameworkBlob(),
          runId: "t-r1",
          task: taskBlob("t", {
            resources: [
              { name: "cpus", type: "SCALAR", scalar: { value: 0.5 } },
              { name: "mem", type: "SCALAR", scalar: { value: 32 } },
            ],
            limits: { cpus: { value: 1.5 }, mem: { value: Number.POSITIVE_INFINITY } },
            command: {
              shell: false,
              value: "prog",
              arguments: ["prog", "-v"],
              uris: [{ value: "/a.tgz", output_file: "b" }],
              environment: { variables: [{ name: "GREETING", value: "hi" }] },
            },
          }),
        },
      },
      { monotonicMs: 1_000, wallMs: 1e12 },
    );
    const checkpoint = present(
      effects.find((effect) => effect.kind === "checkpoint"),
      "a checkpoint",
    );
    const token = checkpoint.kind === "checkpoint" ? checkpoint.token : 0;
    const [launch] = bench.core.step({ kind: "checkpointed", token }, { monotonicMs: 1_000, wallMs: 1e12 });
    expect(launch?.kind).toBe("launch");
    if (launch?.kind !== "launch") return;
    const { spec, latestLink } = launch;
    const runs = "/var/lib/mesh/slaves/A/frameworks/F/executors/t/runs";
    expect(spec.sandbox).toBe(`${runs}/${spec.containerId}`);
    expect(latestLink).toBe(`${runs}/latest`);
    expect(spec.command).toEqual({ kind: "exec", file: "prog", argv: ["prog", "-v"] });
    expect(spec.user).toBe("nobody");
    expect(spec.uris).toEqual([{ value: "/a.tgz", executable: false, extract: true, outputFile: "b" }]);
    expect(spec.resources).toEqual({
      cpusMilli: 500,
      memBytes: 32 * 1024 * 1024,
      diskBytes: 0,
      cpusLimitMilli: 1_500,
      memLimitBytes: "unlimited",
    });
    const environment = new Map(spec.environment);
    expect(environment.get("MESOS_EXECUTOR_ID")).toBe("t");
    expect(environment.get("MESOS_AGENT_ENDPOINT")).toBe("10.0.0.9:5051");
    expect(environment.get("MESOS_SANDBOX")).toBe(spec.sandbox);
    expect(environment.get("GREETING")).toBe("hi");
  });
});
