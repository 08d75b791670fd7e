/**
 * Commands of the master's golden scenarios (tests/master/scenarios). Each
 * prints what the core did: proposals, answers, events, messages to agents.
 * Ids are printed without the master's id where one master is enough.
 */

import type { MasterEffect } from "../../src/master/types.ts";
import type { MasterToAgent } from "../../src/model/agent-protocol.ts";
import { toResources } from "../../src/model/resource-format.ts";
import { Resources } from "../../src/model/resources.ts";
import type { Offer } from "../../src/model/v1/offers.ts";
import type { SchedulerCall, SchedulerEvent } from "../../src/model/v1/scheduler.ts";
import type { TaskInfo, TaskState, TaskStatus } from "../../src/model/v1/tasks.ts";
import type { Command as RegistryCommand } from "../../src/registry/commands.ts";
import { MasterBench, scalar } from "./master-bench.ts";
import type { Command, Interpreter } from "./scenario.ts";

/** One scenario's state: the present leader, and which stream each framework holds. */
class Player {
  bench = new MasterBench();
  readonly #streamOf = new Map<string, string>();
  readonly #uuids = new Map<string, Uint8Array>();

  readonly commands: Readonly<Record<string, (command: Command) => void>> = {
    lead: ({ options }) => this.bench.lead(Number(options["term"] ?? 1)),
    /** Another master takes over the same registry. */
    "new-leader": ({ words: [masterId = "m2"], options }) => {
      const { now, registry } = this.bench;
      this.bench = new MasterBench({}, registry, masterId);
      this.bench.now = now;
      this.bench.lead(Number(options["term"] ?? 2));
    },
    "lose-leadership": () => this.bench.step({ kind: "leadership-lost" }),
    /** Proposals wait for `commit` or `drop`. */
    hold: () => {
      this.bench.autoCommit = false;
    },
    commit: () => {
      this.bench.autoCommit = true;
      this.bench.commit();
    },
    drop: () => {
      this.bench.autoCommit = true;
      this.bench.drop();
    },
    pass: ({ words: [ms] }) => this.bench.pass(Number(ms)),
    agent: ({ words: [link = "1", id], options }) => this.#agent(Number(link), id, options),
    unlink: ({ words: [link] }) => this.bench.step({ kind: "agent-link-closed", link: Number(link) }),
    unregister: ({ words: [link] }) => this.bench.fromAgent(Number(link), { kind: "unregister-agent" }),
    subscribe: ({ words: [id], options }) => this.#subscribe(id, options),
    disconnect: ({ words: [id = ""] }) =>
      this.bench.step({ kind: "stream-closed", streamId: this.#streamOf.get(id) ?? "" }),
    update: ({ words: [link, frameworkId = "", taskId = "", state], options }) => {
      const key = `${frameworkId}/${taskId}/${state}`;
      const uuid = this.#uuids.get(key) ?? this.bench.newUuid();
      this.#uuids.set(key, uuid);
      const latest = options["latest"] as TaskState | undefined;
      this.bench.update(Number(link), frameworkId, taskId, state as TaskState, {
        uuid,
        ...(latest === undefined ? {} : { latestState: latest }),
      });
    },
    acknowledge: ({ words: [id = "", agent = "", task = "", state] }) => {
      const uuid = this.#uuids.get(`${id}/${task}/${state}`) ?? new Uint8Array(16);
      this.#call(id, {
        type: "ACKNOWLEDGE",
        acknowledge: { agent_id: { value: agent }, task_id: { value: task }, uuid },
      });
    },
    accept: ({ words: [id = "", offers = "", ...tasks], options }) =>
      this.#accept(id, offers, tasks, options["refuse"]),
    decline: ({ words: [id = "", offers = ""], options }) => {
      const offer_ids = offerIds(offers);
      this.#call(id, { type: "DECLINE", decline: { offer_ids, ...filters(options["refuse"]) } });
    },
    kill: ({ words: [id = "", task = ""] }) =>
      this.#call(id, { type: "KILL", kill: { task_id: { value: task } } }),
    reconcile: ({ words: [id = "", ...tasks] }) =>
      this.#call(id, {
        type: "RECONCILE",
        reconcile: { tasks: tasks.map((task) => ({ task_id: { value: task } })) },
      }),
    suppress: ({ words: [id = ""] }) => this.#call(id, { type: "SUPPRESS" }),
    revive: ({ words: [id = ""] }) => this.#call(id, { type: "REVIVE" }),
    teardown: ({ words: [id = ""] }) => this.#call(id, { type: "TEARDOWN" }),
  };

  #agent(link: number, id: string | undefined, options: Command["options"]): void {
    const tasks = (options["tasks"] ?? "").split(",").flatMap((text) => {
      const [frameworkId = "", taskId = "", state = ""] = text.split("/");
      const runId = this.bench.registry.task(frameworkId, taskId)?.runId;
      return text === "" ? [] : [{ frameworkId, taskId, state, containerId: "c", settled: false, runId }];
    });
    const host = Number(options["host"] ?? link);
    this.bench.fromAgent(link, this.bench.registration(host, id, tasks));
  }

  #subscribe(id: string | undefined, options: Command["options"]): void {
    const aware = options["aware"] !== "no";
    const streamId = this.bench.subscribe({
      name: "f",
      failover_timeout: Number(options["timeout"] ?? 3600),
      capabilities: aware ? [{ type: "PARTITION_AWARE" }] : [],
      ...(options["role"] === undefined ? {} : { role: options["role"] }),
      ...(id === undefined ? {} : { id: { value: id } }),
    });
    for (const effect of this.bench.effects) {
      const subscribed = effect.kind === "scheduler-event" ? effect.event.subscribed : undefined;
      if (subscribed !== undefined) this.#streamOf.set(subscribed.framework_id.value, streamId);
    }
    if (id !== undefined) this.#streamOf.set(id, streamId);
  }

  #accept(id: string, offers: string, tasks: readonly string[], refuse: string | undefined): void {
    const task_infos = tasks.map((text): TaskInfo => {
      const [task = "", agent = "", cpus = "1", mem = "64"] = text.split(":");
      return {
        name: task,
        task_id: { value: task },
        agent_id: { value: agent },
        resources: [scalar("cpus", Number(cpus)), scalar("mem", Number(mem))],
        command: { value: "true" },
      };
    });
    const operations = [{ type: "LAUNCH" as const, launch: { task_infos } }];
    this.#call(id, {
      type: "ACCEPT",
      accept: { offer_ids: offerIds(offers), operations, ...filters(refuse) },
    });
  }

  #call(id: string, call: SchedulerCall): void {
    this.bench.call({ framework_id: { value: id }, ...call }, this.#streamOf.get(id));
  }
}

function offerIds(text: string): { value: string }[] {
  return text.split(",").map((value) => ({ value }));
}

function filters(refuse: string | undefined): { filters?: { refuse_seconds: number } } {
  return refuse === undefined ? {} : { filters: { refuse_seconds: Number(refuse) } };
}

export function masterScenario(): Interpreter {
  const player = new Player();
  return (command) => {
    const run = player.commands[command.name];
    if (run === undefined) return [`Unknown command '${command.name}'`];
    const { bench } = player;
    bench.effects.length = 0;
    run(command);
    return player.bench.effects.flatMap(describeEffect);
  };
}

function describeEffect(effect: MasterEffect): string[] {
  switch (effect.kind) {
    case "propose":
      return effect.commands.map((command) => `propose ${describeCommand(command)}`);
    case "answer":
      return [`answer ${effect.status}${effect.body === "" ? "" : ` ${effect.body}`}`];
    case "scheduler-event":
      return [`${effect.streamId} <- ${describeEvent(effect.event)}`];
    case "close-stream":
      return [`${effect.streamId} closed`];
    case "operator-event":
      return [`operators <- ${effect.event.type}`];
    case "close-operator-streams":
      return ["operators closed"];
    case "agent-send":
      return [`link ${effect.link} <- ${describeMessage(effect.message)}`];
    case "close-link":
      return [`link ${effect.link} closed`];
    case "notice":
      return [`log ${effect.message}`];
  }
}

function describeCommand(command: RegistryCommand): string {
  const { kind } = command;
  if (kind === "apply-operations") return `${kind} on ${command.agentId}`;
  if (kind === "launch-tasks" || kind === "launch-group") {
    return `${kind} ${command.frameworkId} on ${command.agentId}: ${command.tasks.map((t) => t.taskId).join(" ")}`;
  }
  if (kind === "update-task") return `${kind} ${command.frameworkId}/${command.taskId} ${command.state}`;
  if (kind === "complete-task") return `${kind} ${command.frameworkId}/${command.taskId}`;
  if (kind === "init-cluster") return kind;
  if (kind === "update-weights")
    return `${kind} ${command.weights.map(([role, n]) => `${role}:${n}`).join(" ")}`;
  if (kind === "update-quota") return `${kind} ${command.quotas.map(([role]) => role).join(" ")}`;
  if (kind === "put-note" || kind === "delete-note") return `${kind} ${command.key}`;
  if ("frameworkId" in command) return `${kind} ${command.frameworkId}`;
  return "agentId" in command ? `${kind} ${command.agentId}` : kind;
}

function describeEvent(event: SchedulerEvent): string {
  const type = event.type ?? "UNKNOWN";
  if (event.subscribed !== undefined) return `${type} ${event.subscribed.framework_id.value}`;
  if (event.offers !== undefined) return `${type} ${event.offers.offers?.map(describeOffer).join(", ")}`;
  if (event.update !== undefined) return `${type} ${describeStatus(event.update.status)}`;
  if (event.rescind !== undefined) return `${type} ${event.rescind.offer_id.value}`;
  if (event.failure !== undefined) return `${type} ${event.failure.agent_id?.value}`;
  if (event.error !== undefined) return `${type} ${event.error.message}`;
  return type;
}

function describeOffer(offer: Offer): string {
  const resources = Resources.from(offer.resources ?? []);
  const text = resources.ok ? toResources(resources.value).map((r) => `${r.name}:${r.scalar?.value}`) : ["?"];
  return `${offer.id.value} on ${offer.agent_id.value} (${text.join(" ")})`;
}

function describeStatus(status: TaskStatus): string {
  const { task_id, state, source, reason, message, uuid } = status;
  const parts = [task_id.value, state, source, reason, message === undefined ? undefined : `"${message}"`];
  return `${parts.filter((part) => part !== undefined).join(" ")}${uuid === undefined ? "" : ` #${uuid[15]}`}`;
}

function describeMessage(message: MasterToAgent): string {
  switch (message.kind) {
    case "agent-registered":
      return `${message.kind} ${message.agentId} term=${message.term}`;
    case "agent-refused":
      return `${message.kind} ${message.reason}`;
    case "run-task":
    case "kill-task":
      return `${message.kind} ${message.frameworkId}/${message.taskId} term=${message.term}`;
    case "shutdown-executor":
    case "framework-message":
      return `${message.kind} ${message.frameworkId}/${message.executorId} term=${message.term}`;
    case "run-task-group": {
      const tasks = message.tasks.map(({ taskId }) => `${message.frameworkId}/${taskId}`);
      return `${message.kind} ${tasks.join(" ")} term=${message.term}`;
    }
    case "acknowledge-update":
      return `${message.kind} ${message.frameworkId}/${message.taskId} #${message.uuid[15]}`;
    case "shutdown-framework":
    case "resend-updates":
      return `${message.kind} ${message.frameworkId} term=${message.term}`;
    case "update-volumes":
      return `${message.kind} ${message.volumes.map((volume) => volume.persistenceId).join(" ")}`.trimEnd();
    case "ping":
      return `${message.kind} ${message.nonce} term=${message.term}`;
    case "drain":
      return `${message.kind} term=${message.term}`;
  }
}
