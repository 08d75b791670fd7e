/**
 * What waits for a turn of the master. Raft's inputs go first: late heartbeats would cost the leader its
 * place. The others take turns: agents and operators in the order they came, frameworks each for itself
 * (call-queues.ts).
 */
import type { SchedulerCall } from "../model/v1/scheduler.ts";
import { CallQueues } from "./call-queues.ts";
import { Inbox } from "./inbox.ts";
import type { NodeInput } from "./node-types.ts";
import type { MasterInput } from "./types.ts";

/** Inputs of agents and operators for each call of a framework, while there are both. */
const OTHERS_PER_CALL = 4;

/** A kind that is missing here is a compile error. */
const FROM_CLIENTS: Readonly<Record<Exclude<NodeInput["kind"] & MasterInput["kind"], "tick">, true>> = {
  subscribe: true,
  "stream-closed": true,
  call: true,
  teardown: true,
  "operator-kill": true,
  operate: true,
  change: true,
  note: true,
  whitelist: true,
  "agent-message": true,
  "agent-link-closed": true,
};

export interface TakeOptions {
  /** The turn has lasted long enough; asked before each input but the first. */
  readonly isOver: () => boolean;
  /** Inputs of clients, too, not raft's alone. */
  readonly clients: boolean;
  /** This call of a framework has to wait for something that is under way. */
  readonly mustWait: (frameworkId: string, call: SchedulerCall) => boolean;
}

export class Inputs {
  readonly #urgent = new Inbox<NodeInput>();
  readonly #others = new Inbox<NodeInput>();
  readonly #calls = new CallQueues();

  get waiting(): number {
    return this.#urgent.waiting + this.#others.waiting + this.#calls.waiting;
  }

  /** Those of raft. */
  get urgent(): number {
    return this.#urgent.waiting;
  }

  /** The framework has as many calls waiting as it may. */
  isFull(frameworkId: string): boolean {
    return this.#calls.isFull(frameworkId);
  }

  /** `frameworkId`: of a call, whose queue it joins. */
  push(input: NodeInput, frameworkId = ""): void {
    if (input.kind === "call") this.#calls.push(frameworkId, input);
    else if (Object.hasOwn(FROM_CLIENTS, input.kind)) this.#others.push(input);
    else this.#urgent.push(input);
  }

  /** The next one of a turn that took `taken`; undefined when it has them all. */
  next(taken: number, { isOver, clients, mustWait }: TakeOptions): NodeInput | undefined {
    if (this.waiting === 0 || (taken > 0 && isOver())) return undefined;
    const urgent = this.#urgent.shift();
    if (urgent !== undefined || !clients) return urgent;
    if (taken % (OTHERS_PER_CALL + 1) === 0) return this.#calls.next(mustWait) ?? this.#others.shift();
    return this.#others.shift() ?? this.#calls.next(mustWait);
  }
}
