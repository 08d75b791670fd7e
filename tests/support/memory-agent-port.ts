/** An agent for the tests of the HTTP edge: a fixed set of frameworks and one attached directory. */
import { join } from "node:path";
import type {
  AgentExecutorView,
  AgentFrameworkView,
  AgentPort,
  AgentTaskView,
  ContainerPort,
  ExecutorPort,
  NestedPort,
} from "../../src/agent/port.ts";
import { fixedFileSpace } from "../../src/api/file-space.ts";
import { fail } from "../../src/base/result.ts";
import type { Drain } from "../../src/model/drain-info.ts";
import type { AgentInfo } from "../../src/model/v1/frameworks.ts";
import type { TaskState } from "../../src/model/v1/tasks.ts";
import {
  AGENT_ID,
  AGENT_INFO,
  FRAMEWORK_ID,
  FRAMEWORK_INFO,
  taskInfo,
  taskStatus,
} from "./cluster-sample.ts";

const NOT_FOUND = { status: 404, body: "Container c cannot be found" };

export class MemoryAgentPort implements AgentPort {
  readonly startedAtMs = 1_763_805_489_250;
  readonly hostname = "127.0.0.1";
  readonly ip = "127.0.0.1";
  readonly port = 5051;
  isRecovered = true;
  readonly #frameworks: readonly AgentFrameworkView[];
  readonly #attached: Record<string, string>;

  /** `sandbox` is attached as `/sandbox`. */
  constructor(sandbox = "/nonexistent") {
    this.#attached = { "/sandbox": sandbox };
    const running = { id: FRAMEWORK_ID, info: FRAMEWORK_INFO, completed: false };
    const old = { id: `${FRAMEWORK_ID}-old`, info: FRAMEWORK_INFO, completed: true };
    this.#frameworks = [
      { ...running, executors: [executor("t-run", "TASK_RUNNING", sandbox)] },
      { ...old, executors: [executor("t-end", "TASK_FINISHED", sandbox)] },
    ];
  }

  /** No framework brings one. */
  readonly executors: ExecutorPort = {
    standing: (frameworkId) =>
      this.framework(frameworkId) === undefined ? "framework-unknown" : "executor-unknown",
    containerOf: () => undefined,
    subscribe: () => ({ disconnected() {} }),
    call: (_, answered) => answered({ status: 202, body: "" }),
  };

  /** There is none. */
  readonly nested: NestedPort = {
    launch: async ({ containerId }) => ({
      status: 400,
      body: `Failed to launch container ${containerId}: its parent does not run`,
    }),
    standalone: () => [],
    kill: async () => NOT_FOUND,
    remove: async () => NOT_FOUND,
    wait: async () => ({ ok: false, error: NOT_FOUND }),
  };

  /** Tests of sessions bring one. */
  readonly containers: ContainerPort = {
    openSession: () => fail(NOT_FOUND),
    attachOutput: () => fail(NOT_FOUND),
    attachInput: () => fail(NOT_FOUND),
    wait: () => undefined,
    kill: () => undefined,
    remove: () => undefined,
  };

  agentId(): string {
    return AGENT_ID;
  }

  drainNow: Drain | undefined;

  drain(): Drain | undefined {
    return this.drainNow;
  }

  info(): AgentInfo {
    return AGENT_INFO;
  }

  masterHostname(): string {
    return "127.0.0.1";
  }

  recovered(): boolean {
    return this.isRecovered;
  }

  flags(): Record<string, string> {
    return { port: "5051" };
  }

  metrics(): Record<string, number> {
    return { "slave/registered": 1 };
  }

  frameworks(): readonly AgentFrameworkView[] {
    return this.#frameworks;
  }

  framework(id: string): AgentFrameworkView | undefined {
    return this.#frameworks.find((framework) => framework.id === id);
  }

  resolveFile(virtualPath: string) {
    return fixedFileSpace(this.#attached).resolveFile(virtualPath);
  }

  attachedFiles(): Record<string, string> {
    return this.#attached;
  }
}

function executor(taskId: string, state: TaskState, sandbox: string): AgentExecutorView {
  const info = taskInfo(taskId);
  const containerId = `container-of-${taskId}`;
  const task: AgentTaskView = {
    taskId,
    containerId,
    info,
    state,
    statuses: [taskStatus(taskId, state, 1_763_805_490.5)],
  };
  const completed = state === "TASK_FINISHED";
  return {
    frameworkId: FRAMEWORK_ID,
    executorId: taskId,
    containerId,
    directory: join(sandbox, taskId),
    completed,
    resources: info.resources ?? [],
    tasks: completed ? [] : [task],
    queuedTasks: [],
    completedTasks: completed ? [task] : [],
  };
}
