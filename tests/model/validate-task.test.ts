import { describe, expect, test } from "bun:test";
import type { CheckInfo, ExecutorInfo, HealthCheck, TaskInfo } from "../../src/model/v1/tasks.ts";
import { checkTask } from "../../src/model/validate-task.ts";

const EXPECTED = { agentId: "S0", frameworkId: "F" };
const CPUS = { name: "cpus", type: "SCALAR", scalar: { value: 1 } } as const;
const COMMAND = { value: "true" };
const TASK: TaskInfo = {
  name: "t",
  task_id: { value: "t" },
  agent_id: { value: "S0" },
  resources: [CPUS],
  command: COMMAND,
};

function withExecutor(executor: Partial<ExecutorInfo>): TaskInfo {
  const { command: _, ...rest } = TASK;
  return { ...rest, executor: { executor_id: { value: "e" }, command: COMMAND, ...executor } };
}

function withoutCommand(executor: Omit<ExecutorInfo, "executor_id">): TaskInfo {
  const { command: _, ...rest } = TASK;
  return { ...rest, executor: { executor_id: { value: "e" }, ...executor } };
}

const volume = (id: string) =>
  ({
    name: "disk",
    type: "SCALAR",
    scalar: { value: 1 },
    role: "r",
    disk: { persistence: { id }, volume: { container_path: "p", mode: "RW" } },
  }) as const;

describe("checkTask", () => {
  test("good tasks", () => {
    const check: CheckInfo = { type: "COMMAND", command: { command: COMMAND } };
    const health: HealthCheck = { type: "HTTP", http: { port: 80, path: "/health" } };
    const good: TaskInfo[] = [
      TASK,
      { ...TASK, check, health_check: health, kill_policy: { grace_period: { nanoseconds: 0 } } },
      { ...TASK, limits: { cpus: { value: Number.POSITIVE_INFINITY } } },
      { ...TASK, resources: [CPUS, volume("a"), volume("b")] },
      withExecutor({ framework_id: { value: "F" } }),
      withExecutor({ type: "CUSTOM" }),
      withoutCommand({ type: "DEFAULT" }),
    ];
    for (const task of good) expect(checkTask(task, EXPECTED)).toBeUndefined();
  });

  test.each<[Partial<TaskInfo>, string]>([
    [{ task_id: { value: "" } }, "Task has an invalid ID: ID must not be empty"],
    [{ task_id: { value: "a/b" } }, "invalid characters"],
    [{ agent_id: { value: "S1" } }, "Task uses invalid agent S1 while agent S0 is expected"],
    [
      { kill_policy: { grace_period: { nanoseconds: -1 } } },
      "'kill_policy.grace_period' must be non-negative",
    ],
    [{ max_completion_time: { nanoseconds: -1 } }, "'max_completion_time' must be non-negative"],
    [{ check: {} }, "Task uses invalid check: The check must specify 'type'"],
    [{ check: { type: "COMMAND" } }, "Expecting 'command' to be set for COMMAND check"],
    [{ check: { type: "COMMAND", command: { command: {} } } }, "must contain a command value"],
    [{ check: { type: "TCP", tcp: { port: 0 } } }, "Port 0 is not between"],
    [{ check: { type: "HTTP", http: { port: 1 }, delay_seconds: -1 } }, "'delay_seconds' to be non-negative"],
    [{ check: { type: "UNKNOWN" } }, "'UNKNOWN' is not a valid type of check"],
    [{ health_check: { type: "HTTP" } }, "Task uses invalid health check: Expecting 'http' to be set"],
    [{ health_check: { type: "HTTP", http: { port: 1, path: "x" } } }, "must start with '/'"],
    [{ health_check: { type: "HTTP", http: { port: 1, scheme: "ftp" } } }, "scheme: 'ftp'"],
    [{ health_check: { type: "TCP", tcp: { port: 1 }, grace_period_seconds: -1 } }, "'grace_period_seconds'"],
    [{ resources: [] }, "Task uses no resources"],
    [{ resources: [{ ...CPUS, scalar: { value: 0 } }] }, "Task uses no resources"],
    [{ resources: [{ ...CPUS, scalar: { value: -1 } }] }, "Task uses invalid resources: "],
    [{ resources: [CPUS, { ...CPUS, revocable: {} }] }, "'cpus' mixes revocable and non-revocable"],
    [{ resources: [CPUS, volume("a"), volume("a")] }, "Duplicate persistence ID 'a'"],
    [{ limits: { disk: { value: 1 } } }, "limit for 'disk', only cpus and mem"],
    [{ limits: { mem: { value: 1 } } }, "limit for 'mem' but does not request it"],
    [{ limits: { cpus: { value: 0.5 } } }, "limit 0.5 for 'cpus' is lower than its request 1"],
    [{ limits: { cpus: { value: Number.NaN } } }, "lower than its request"],
    [{ executor: { executor_id: { value: "e" }, command: COMMAND } }, "(but not both)"],
    [{ command: { environment: { variables: [{ name: "A" }] } } }, "'A' of type 'VALUE' must have a value"],
    [{ command: { environment: { variables: [{ name: "A", type: "SECRET" }] } } }, "must have a secret"],
    [{ command: { environment: { variables: [{ name: "A", type: "UNKNOWN" }] } } }, "'UNKNOWN'"],
    [
      { container: { type: "MESOS", volumes: [{ mode: "RW", container_path: "/a" }] } },
      "Invalid volume: one of 'host_path', 'image' and 'source' must be set",
    ],
    [
      { container: { type: "MESOS", linux_info: { share_cgroups: false } } },
      "Only tasks in a task group may have 'share_cgroups' set to 'false'",
    ],
    [{ container: { type: "DOCKER" } }, "DockerInfo 'docker' is not set"],
    [
      {
        container: {
          type: "MESOS",
          volumes: [{ mode: "RW", container_path: "/a", source: { type: "SECRET" } }],
        },
      },
      "'source.secret' is not set",
    ],
  ])("%j is refused", (changes, reason) => {
    expect(checkTask({ ...TASK, ...changes }, EXPECTED)).toContain(reason);
  });

  test.each<[TaskInfo, string]>([
    [(({ command: _, ...rest }) => rest)(TASK), "at least one (but not both)"],
    [withExecutor({ framework_id: { value: "G" } }), "invalid FrameworkID (Actual: G vs Expected: F)"],
    [withExecutor({ type: "DEFAULT" }), "'ExecutorInfo.command' must not be set"],
    [withoutCommand({ type: "CUSTOM" }), "'ExecutorInfo.command' must be set"],
    [withoutCommand({}), "'ExecutorInfo.command' must be set"],
    [withoutCommand({ type: "DEFAULT", container: { type: "DOCKER" } }), "must be 'MESOS'"],
    [
      withoutCommand({
        type: "DEFAULT",
        container: { type: "MESOS", mesos: { image: { type: "DOCKER", docker: { name: "busybox" } } } },
      }),
      "'ExecutorInfo.container.mesos.image' must not be set for 'DEFAULT' executor",
    ],
    [
      withExecutor({ container: { type: "MESOS", linux_info: { share_cgroups: true } } }),
      "The 'share_cgroups' field cannot be set to 'true' on executor containers",
    ],
    [withExecutor({ shutdown_grace_period: { nanoseconds: -5 } }), "'shutdown_grace_period'"],
    [withExecutor({ executor_id: { value: ".." } }), "Executor has an invalid ID: '..' is disallowed"],
    [withExecutor({ resources: [{ ...CPUS, name: "" }] }), "Executor uses invalid resources: Empty"],
    [withExecutor({ resources: [{ ...CPUS, revocable: {} }] }), "mixes revocable"],
  ])("executor: %j is refused", (task, reason) => {
    expect(checkTask(task, EXPECTED)).toContain(reason);
  });
});
