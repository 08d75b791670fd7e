/**
 * One agent that runs nothing: it speaks the agents' protocol over a real
 * link, as src/agent does, and says of each task what its kind wants. It
 * finds the leader as a real one does: asks the masters in turn, and waits
 * longer after each failure.
 */
import { randomBytes } from "node:crypto";
import { type AgentLink, connectAgentLink } from "../../src/io/agent-link.ts";
import type { MasterToAgent, RunTask, StatusUpdate } from "../../src/model/agent-protocol.ts";
import type { Resource } from "../../src/model/v1/resources.ts";
import { encodeBlob } from "../../src/wire/blob.ts";
import { decodeMsgpack, encodeMsgpack } from "../../src/wire/msgpack.ts";

const FIRST_BACKOFF_MS = 100;
const MAX_BACKOFF_MS = 60_000;
/** An update that is not acknowledged for so long goes out again. */
const UPDATE_RETRY_MS = 10_000;
const REGISTER_TIMEOUT_MS = 15_000;
/** Tasks with such an id run until they are killed; others end once TASK_RUNNING is acknowledged. */
export const LASTING = "lasting-";

export interface LeaderPlace {
  readonly hostname: string;
  readonly port: number;
}

/** What agents share and who hears of them. */
export interface FleetPort {
  /** Where the leader takes links; undefined if no master knows. */
  findLeader(): Promise<LeaderPlace | undefined>;
  registered(agent: LoadAgent): void;
  lost(agent: LoadAgent): void;
  /** Something that should not happen. */
  problem(text: string): void;
}

interface Task {
  readonly frameworkId: string;
  readonly taskId: string;
  readonly runId: string | undefined;
  state: string;
  /** Not acknowledged yet. */
  update: StatusUpdate | undefined;
  sentAtMs: number;
}

export class LoadAgent {
  readonly #port: FleetPort;
  readonly #index: number;
  readonly #ip: string;
  readonly #tasks = new Map<string, Task>();
  #agentId: string | undefined;
  #term = 0;
  #link: AgentLink | undefined;
  #failures = 0;
  #stopped = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  isRegistered = false;

  constructor(port: FleetPort, index: number) {
    this.#port = port;
    this.#index = index;
    // A master takes agents of one address for the same machine.
    this.#ip = `10.${index >> 16}.${(index >> 8) & 0xff}.${index & 0xff}`;
  }

  get taskCount(): number {
    return this.#tasks.size;
  }

  start(): void {
    void this.#connect();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#link?.close();
  }

  /** Sends again what waited too long. */
  retry(nowMs: number): void {
    for (const task of this.#tasks.values()) {
      if (task.update !== undefined && nowMs - task.sentAtMs >= UPDATE_RETRY_MS) this.#sendUpdate(task);
    }
  }

  async #connect(): Promise<void> {
    const leader = await this.#port.findLeader();
    if (this.#stopped) return;
    if (leader === undefined) {
      this.#retryLater();
      return;
    }
    const link = connectAgentLink({
      ...leader,
      cluster: "",
      from: `load-${this.#index}`,
      onOpen: () => this.#register(),
      onMessage: (payload) => {
        if (this.#link === link) this.#received(payload);
      },
      onClose: () => {
        if (this.#link === link) this.#closed();
      },
    });
    this.#link = link;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => link.close(), REGISTER_TIMEOUT_MS);
  }

  #closed(): void {
    const wasRegistered = this.isRegistered;
    this.isRegistered = false;
    this.#link = undefined;
    clearTimeout(this.#timer);
    if (this.#stopped) return;
    if (wasRegistered) this.#port.lost(this);
    if (wasRegistered) void this.#connect();
    else this.#retryLater();
  }

  #retryLater(): void {
    const longestMs = Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** Math.min(this.#failures++, 20));
    this.#timer = setTimeout(() => void this.#connect(), (longestMs / 2) * (1 + Math.random()));
  }

  #register(): void {
    const id = this.#agentId === undefined ? {} : { id: { value: this.#agentId } };
    this.#send({
      kind: "register-agent",
      agentId: this.#agentId,
      info: encodeBlob("AgentInfo", {
        hostname: `load-${this.#index}.example`,
        port: 5051,
        resources: RESOURCES,
        attributes: [{ name: "rack", type: "TEXT", text: { value: `r${this.#index % 100}` } }],
        ...id,
      }),
      ip: this.#ip,
      version: "1.11.0",
      capabilities: ["MULTI_ROLE", "HIERARCHICAL_ROLE", "RESERVATION_REFINEMENT"],
      tasks: [...this.#tasks.values()].map(({ frameworkId, taskId, runId, state }) => ({
        frameworkId,
        taskId,
        containerId: undefined,
        state,
        settled: false,
        runId,
      })),
    });
  }

  #received(payload: Uint8Array): void {
    const decoded = decodeMsgpack(payload);
    if (!decoded.ok) throw new Error(`A master sent what is no message: ${decoded.error}`);
    const message = decoded.value as MasterToAgent;
    if (message.term < this.#term) return;
    this.#term = message.term;
    switch (message.kind) {
      case "ping":
        this.#send({ kind: "pong", nonce: message.nonce });
        return;
      case "run-task":
        this.#run(message);
        return;
      case "acknowledge-update":
        this.#acknowledged(this.#tasks.get(message.taskId), message.uuid);
        return;
      case "agent-registered":
        this.#registered(message.agentId);
        return;
      case "resend-updates":
        for (const task of this.#tasks.values()) this.#sendUpdate(task);
        return;
      case "kill-task":
        this.#tell(this.#tasks.get(message.taskId), "TASK_KILLED");
        return;
      case "shutdown-framework":
        for (const task of this.#tasks.values()) {
          if (task.frameworkId === message.frameworkId) this.#tasks.delete(task.taskId);
        }
        return;
      case "update-volumes":
        return;
      case "agent-refused":
        this.#port.problem(`Agent ${this.#index} was refused: ${message.reason}`);
        this.stop();
    }
  }

  #registered(agentId: string): void {
    if (this.#agentId !== undefined && this.#agentId !== agentId) {
      this.#port.problem(`Agent ${this.#agentId} became ${agentId}`);
    }
    clearTimeout(this.#timer);
    this.#agentId = agentId;
    this.#failures = 0;
    this.isRegistered = true;
    this.#port.registered(this);
    for (const task of this.#tasks.values()) this.#sendUpdate(task);
  }

  #run({ frameworkId, taskId, runId }: RunTask): void {
    if (this.#tasks.has(taskId)) return;
    const task = { frameworkId, taskId, runId, state: "TASK_STAGING", update: undefined, sentAtMs: 0 };
    this.#tasks.set(taskId, task);
    this.#tell(task, "TASK_RUNNING");
  }

  #tell(task: Task | undefined, state: "TASK_RUNNING" | "TASK_FINISHED" | "TASK_KILLED"): void {
    if (task === undefined || this.#agentId === undefined) return;
    const { frameworkId, taskId, runId } = task;
    const uuid = new Uint8Array(randomBytes(16));
    task.state = state;
    const status = encodeBlob("TaskStatus", {
      task_id: { value: taskId },
      state,
      source: "SOURCE_EXECUTOR",
      agent_id: { value: this.#agentId },
      executor_id: { value: taskId },
      timestamp: Date.now() / 1000,
      uuid,
      container_status: {
        container_id: { value: runId ?? taskId },
        network_infos: [{ ip_addresses: [{ protocol: "IPv4", ip_address: this.#ip }] }],
        executor_pid: 4711,
      },
    });
    task.update = {
      kind: "status-update",
      frameworkId,
      taskId,
      uuid,
      state,
      latestState: state,
      status,
      runId,
    };
    this.#sendUpdate(task);
  }

  #sendUpdate(task: Task): void {
    if (task.update === undefined || !this.isRegistered) return;
    task.sentAtMs = performance.now();
    this.#send(task.update);
  }

  #acknowledged(task: Task | undefined, uuid: Uint8Array): void {
    if (task?.update === undefined || Buffer.compare(task.update.uuid, uuid) !== 0) return;
    task.update = undefined;
    if (task.state !== "TASK_RUNNING") this.#tasks.delete(task.taskId);
    else if (!task.taskId.startsWith(LASTING)) this.#tell(task, "TASK_FINISHED");
  }

  #send(message: unknown): void {
    if (this.#link?.send(encodeMsgpack(message)) === false) this.#link.close();
  }
}

const RESOURCES: Resource[] = [
  { name: "cpus", type: "SCALAR", scalar: { value: 64 } },
  { name: "mem", type: "SCALAR", scalar: { value: 262_144 } },
  { name: "disk", type: "SCALAR", scalar: { value: 1_000_000 } },
  { name: "ports", type: "RANGES", ranges: { range: [{ begin: 31_000, end: 32_000 }] } },
];
