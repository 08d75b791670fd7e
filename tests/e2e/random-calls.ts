/**
 * Calls of all APIs that are nearly right: valid ones with live ids, of which a few fields are left out,
 * repeated or replaced by any value that the schema allows.
 */
import type { Random } from "../../src/base/random.ts";
import type { MessageName, MessageTypes } from "../../src/model/v1/message-types.ts";
import type { Offer } from "../../src/model/v1/offers.ts";
import type { Resource } from "../../src/model/v1/resources.ts";
import type { TaskStatus } from "../../src/model/v1/tasks.ts";
import { encodeJson } from "../../src/wire/json-encode.ts";
import { encodeProtobuf } from "../../src/wire/protobuf.ts";
import { enumSchema, messageSchema } from "../../src/wire/schema.ts";
import type { FieldSchema } from "../../src/wire/schema-parser.ts";
import { randomField, randomMessage } from "../wire/random-message.ts";

type Message = Record<string, unknown>;

/** What there is in the cluster, as calls may name it. */
export interface Live {
  frameworks: readonly string[];
  agents: readonly string[];
  offers: Offer[];
  tasks: string[];
  executors: { frameworkId: string; executorId: string }[];
  containers: readonly string[];
  /** Not acknowledged. */
  updates: TaskStatus[];
}

/** Calls that would take an agent or a framework out for good. */
const NEVER = new Set(["MARK_AGENT_GONE", "DRAIN_AGENT", "TEARDOWN", "SUBSCRIBE"]);
/** Programs are none that random text could make up. */
const COMMANDS = ["true", "exit 3", "sleep 0.1", "sleep 1", "sleep 1000", "kill -9 $$"];

export class RandomCalls {
  readonly #random: Random;
  readonly #live: Live;
  #last = 0;

  constructor(random: Random, live: Live) {
    this.#random = random;
    this.#live = live;
  }

  scheduler(frameworkId: string): Message {
    const offer = this.#random.chance(0.6) ? this.#live.offers.shift() : undefined;
    const call = offer === undefined ? this.#any("SchedulerCall") : this.#accept(offer);
    const status = call["type"] === "ACKNOWLEDGE" ? this.#live.updates.shift() : undefined;
    if (status !== undefined) {
      const { agent_id, task_id, uuid } = status;
      call["acknowledge"] = { agent_id, task_id, uuid };
    }
    return this.#changed("SchedulerCall", { ...call, framework_id: { value: frameworkId } });
  }

  operator(name: "MasterCall" | "AgentCall"): Message {
    return this.#changed(name, this.#any(name));
  }

  executor(): Message {
    const { frameworkId, executorId } = this.#one(this.#live.executors) ?? {
      frameworkId: "f",
      executorId: "e",
    };
    const call = this.#any("ExecutorCall", this.#random.pick(["SUBSCRIBE", "UPDATE", "UPDATE", "MESSAGE"]));
    if (call["type"] === "UPDATE") {
      const state = this.#random.pick(["TASK_STARTING", "TASK_RUNNING", "TASK_RUNNING", "TASK_FINISHED"]);
      const task_id = this.#message("TaskID", 1);
      const uuid = this.#random.bytes(16);
      call["update"] = { status: { task_id, state, uuid, source: "SOURCE_EXECUTOR", timestamp: 1 } };
    }
    const ids = { framework_id: { value: frameworkId }, executor_id: { value: executorId } };
    return this.#changed("ExecutorCall", { ...call, ...ids });
  }

  /** Undefined for what no client could write. */
  encoded(name: MessageName, call: Message): { type: string; body: string | Uint8Array } | undefined {
    const message = call as unknown as MessageTypes[typeof name];
    try {
      if (this.#random.chance(0.5)) {
        return { type: "application/x-protobuf", body: encodeProtobuf(name, message) };
      }
      return { type: "application/json", body: encodeJson(name, message) };
    } catch {
      return undefined;
    }
  }

  /** One with the body that its type asks for. */
  #any(name: MessageName, wanted?: string): Message {
    const types = [...enumSchema(`${name}Type`).values.keys()].filter((type) => !NEVER.has(type));
    const type = wanted ?? this.#random.pick(types);
    const body = messageSchema(name).fields.find((field) => field.name === type.toLowerCase());
    return { type, ...(body === undefined ? {} : { [body.name]: this.#field(body, 5) }) };
  }

  /** A task, one with an executor of its framework, a pod, a reservation or a volume. */
  #accept(offer: Offer): Message {
    const operations = Array.from({ length: this.#random.between(1, 3) }, () => this.#operation(offer));
    return {
      type: "ACCEPT",
      accept: { offer_ids: [offer.id], operations, filters: { refuse_seconds: 0 } },
    };
  }

  #operation(offer: Offer): Message {
    const role = offer.allocation_info?.role ?? "*";
    const part = (of: string, value: number): Resource[] => {
      const found = (offer.resources ?? []).find(({ name, disk }) => name === of && disk === undefined);
      return found === undefined ? [] : [{ ...found, scalar: { value } }];
    };
    const small = (): Resource[] => [...part("cpus", 0.05), ...part("mem", 32)];
    const ids = { executor_id: { value: `e${this.#last}` }, resources: [...small(), ...part("disk", 1)] };
    const task = (more: Message): Message => {
      const id = `t${this.#last++}`;
      this.#live.tasks = [...this.#live.tasks, id].slice(-50);
      return { name: id, task_id: { value: id }, agent_id: offer.agent_id, resources: small(), ...more };
    };
    const command = this.#choose("CommandInfo");
    switch (this.#random.below(5)) {
      case 0:
        return { type: "LAUNCH", launch: { task_infos: [task({ command })] } };
      case 1: {
        const executor = { type: "CUSTOM", ...ids, command: { value: "sleep 1000" } };
        return { type: "LAUNCH", launch: { task_infos: [task({ executor })] } };
      }
      case 2: {
        const tasks = [task({ command }), task({ command: { value: "sleep 1000" } })];
        return {
          type: "LAUNCH_GROUP",
          launch_group: { executor: { type: "DEFAULT", ...ids }, task_group: { tasks } },
        };
      }
      case 3: {
        const reservations = [{ type: "DYNAMIC", role }];
        return {
          type: "RESERVE",
          reserve: { resources: part("disk", 8).map((r) => ({ ...r, reservations })) },
        };
      }
      default:
        return this.#message("OfferOperation", 4);
    }
  }

  #message(name: string, depth: number): Message {
    return randomMessage(this.#random, name, depth, (type) => this.#choose(type));
  }

  #field(field: FieldSchema, depth: number): unknown {
    return randomField(this.#random, field, depth, (type) => this.#choose(type));
  }

  #choose(type: string): Message | undefined {
    const live = this.#live;
    const named = (value: string | undefined): Message | undefined =>
      value === undefined || this.#random.chance(0.05) ? undefined : { value };
    switch (type) {
      case "FrameworkID":
        return named(this.#one(live.frameworks));
      case "AgentID":
        return named(this.#one(live.agents));
      case "OfferID":
        return named(this.#one(live.offers)?.id.value);
      case "TaskID":
        return named(this.#one(live.tasks));
      case "ExecutorID":
        return named(this.#one(live.executors)?.executorId);
      case "ContainerID": {
        const container = named(this.#one(live.containers));
        const inside = { value: `c${this.#random.below(20)}`, parent: container };
        return container === undefined || this.#random.chance(0.5) ? container : inside;
      }
      case "CommandInfo":
        return { value: this.#random.pick(COMMANDS) };
      default:
        return undefined;
    }
  }

  #one<T>(some: readonly T[]): T | undefined {
    return some.length === 0 ? undefined : this.#random.pick(some);
  }

  /** The call as it is, or with up to three changes. */
  #changed(name: MessageName, call: Message): Message {
    const copy = structuredClone(call);
    for (let left = this.#random.below(4); left > 0; left--) this.#change(name, copy);
    return copy;
  }

  #change(name: string, message: Message): void {
    const { fields } = messageSchema(name);
    const inner = fields.filter(({ label, name: field, type }) => {
      return type.kind === "message" && label !== "map" && message[field] !== undefined;
    });
    const into = this.#random.chance(0.8) ? this.#one(inner) : undefined;
    if (into?.type.kind === "message") {
      const found = message[into.name];
      const next = Array.isArray(found) ? this.#one(found as Message[]) : (found as Message);
      if (next !== undefined) this.#change(into.type.name, next);
      return;
    }
    const field = this.#one(fields);
    // What runs is left as it is.
    if (field === undefined || name === "CommandInfo") return;
    if (this.#random.chance(0.3)) delete message[field.name];
    else if (field.type.kind === "scalar" && field.type.name === "double" && field.label === "optional") {
      message[field.name] = this.#random.pick([Number.NaN, Number.POSITIVE_INFINITY, -1, 1e308, 0]);
    } else message[field.name] = this.#field(field, 4);
  }
}
