/**
 * Calls of frameworks that wait for their turn, one queue for each framework. The queues are served in turn,
 * each for about the same work (deficit round robin, Shreedhar and Varghese 1995): a framework that floods
 * the master waits for itself. Its answers are late, and those of the others are not.
 */
import { ERRORS } from "../base/errors.ts";
import { WAITING_CALLS_PER_FRAMEWORK_MAX } from "../base/limits.ts";
import type { SchedulerCall } from "../model/v1/scheduler.ts";
import { Inbox } from "./inbox.ts";
import type { CallAnswer } from "./port.ts";
import type { CallInput } from "./types.ts";

export const OVERLOADED: CallAnswer = { status: 503, body: ERRORS.OVERLOADED.meaning };
export const TOO_MANY_CALLS: CallAnswer = {
  status: 503,
  body: `${WAITING_CALLS_PER_FRAMEWORK_MAX} calls of the framework wait already; wait for their answers`,
};

/** Work that a framework may ask for before it is the next one's turn, see {@link costOf}. */
const QUANTUM = 32;
/** A large call is paid for with so many missed turns at most: afterwards the others have caught up. */
const DEBT_MAX = 16 * QUANTUM;

interface Queue {
  readonly calls: Inbox<CallInput>;
  credit: number;
}

export class CallQueues {
  /** By framework, the next one first; none is empty. */
  readonly #queues = new Map<string, Queue>();
  #waiting = 0;

  get waiting(): number {
    return this.#waiting;
  }

  /** The framework has as many waiting as it may. */
  isFull(frameworkId: string): boolean {
    return (this.#queues.get(frameworkId)?.calls.waiting ?? 0) >= WAITING_CALLS_PER_FRAMEWORK_MAX;
  }

  push(frameworkId: string, call: CallInput): void {
    let queue = this.#queues.get(frameworkId);
    if (queue === undefined) {
      queue = { calls: new Inbox(), credit: QUANTUM };
      this.#queues.set(frameworkId, queue);
    }
    queue.calls.push(call);
    this.#waiting++;
  }

  /** The next call; undefined if there is none, or if all that there are have to wait. */
  next(mustWait: (frameworkId: string, call: SchedulerCall) => boolean): CallInput | undefined {
    const visits = this.#queues.size * (2 + DEBT_MAX / QUANTUM);
    for (let visit = 0; visit < visits; visit++) {
      const [first] = this.#queues;
      if (first === undefined) return undefined;
      const [id, queue] = first;
      const head = queue.calls.first;
      if (head !== undefined && queue.credit > 0 && !mustWait(id, head.call)) {
        this.#take(id, queue, head);
        return head;
      }
      queue.credit = Math.min(QUANTUM, queue.credit + QUANTUM);
      this.#queues.delete(id);
      this.#queues.set(id, queue);
    }
    return undefined;
  }

  #take(id: string, queue: Queue, head: CallInput): void {
    queue.calls.shift();
    queue.credit = Math.max(-DEBT_MAX, queue.credit - costOf(head.call));
    this.#waiting--;
    if (queue.calls.waiting === 0) this.#queues.delete(id);
  }
}

/** About how much work a call makes. */
export function costOf(call: SchedulerCall): number {
  const { accept, decline, reconcile } = call;
  let things = (accept?.offer_ids?.length ?? 0) + (decline?.offer_ids?.length ?? 0);
  things += reconcile?.tasks?.length ?? 0;
  for (const { launch, launch_group } of accept?.operations ?? []) {
    things += 1 + (launch?.task_infos?.length ?? 0) + (launch_group?.task_group.tasks?.length ?? 0);
  }
  return 1 + things;
}
