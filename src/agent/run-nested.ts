/** Nested containers at the HTTP edge: calls that wait for an answer of the core. A part of the pump. */
import { assert } from "../base/assert.ts";
import { fail, ok, type Result } from "../base/result.ts";
import type { Exit } from "../isolation/container.ts";
import { rootContainer } from "../model/container-id.ts";
import { textOf } from "./launch-queue.ts";
import type { CallAnswer, NestedCall, NestedEnd, NestedPort } from "./port.ts";
import type { AgentDrivers } from "./run-drivers.ts";
import type { AgentState } from "./state.ts";
import { limitedStatus } from "./task-status.ts";
import type { AgentEffect, AgentInput } from "./types.ts";

export type NestedEffect = Extract<AgentEffect, { kind: "nested-answer" | "nested-ended" | "remove-nested" }>;

/** Where inputs go. */
export interface NestedInbox {
  /** False: it is full. */
  offer(input: AgentInput): boolean;
  put(input: AgentInput): void;
}

type NestedDrivers = Pick<AgentDrivers, "removeSandbox"> & {
  readonly runtime: Pick<AgentDrivers["runtime"], "cleanup">;
};

const BUSY: CallAnswer = { status: 503, body: "The agent is busy; ask again" };

export class NestedGate implements NestedPort {
  readonly #state: AgentState;
  readonly #drivers: NestedDrivers;
  readonly #inbox: NestedInbox;
  readonly #answers = new Map<number, (answer: CallAnswer) => void>();
  /** By container id. */
  readonly #waiting = new Map<string, Set<(exit: Exit) => void>>();
  #lastRef = 0;

  constructor(state: AgentState, drivers: NestedDrivers, inbox: NestedInbox) {
    this.#state = state;
    this.#drivers = drivers;
    this.#inbox = inbox;
  }

  launch(call: NestedCall): Promise<CallAnswer> {
    return this.#ask((ref) => ({ kind: "nested-launch", ref, call }));
  }

  kill(containerId: string, signal: number): Promise<CallAnswer> {
    return this.#ask((ref) => ({ kind: "nested-kill", ref, containerId, signal }));
  }

  remove(containerId: string): Promise<CallAnswer> {
    return this.#ask((ref) => ({ kind: "nested-remove", ref, containerId }));
  }

  standalone(): readonly string[] {
    const { nested } = this.#state;
    const running = [...nested.values()].filter(({ phase }) => phase === "running");
    return running.map(({ containerId }) => containerId).filter((id) => nested.has(rootContainer(id)));
  }

  #ask(make: (ref: number) => AgentInput): Promise<CallAnswer> {
    const ref = ++this.#lastRef;
    const { promise, resolve } = Promise.withResolvers<CallAnswer>();
    this.#answers.set(ref, resolve);
    if (!this.#inbox.offer(make(ref))) {
      this.#answers.delete(ref);
      resolve(BUSY);
    }
    return promise;
  }

  async wait(containerId: string, signal: AbortSignal): Promise<Result<NestedEnd | undefined, CallAnswer>> {
    const nested = this.#state.nested.get(containerId);
    if (nested === undefined) return fail({ status: 404, body: `Container ${containerId} cannot be found` });
    if (nested.exit !== undefined) return ok(endOf(nested.exit));
    const { promise, resolve } = Promise.withResolvers<Exit | undefined>();
    const waiting = this.#waiting.get(containerId) ?? new Set();
    this.#waiting.set(containerId, waiting.add(resolve));
    const abort = (): void => {
      waiting.delete(resolve);
      resolve(undefined);
    };
    signal.addEventListener("abort", abort, { once: true });
    if (signal.aborted) abort();
    const exit = await promise;
    signal.removeEventListener("abort", abort);
    return ok(exit && endOf(exit));
  }

  carryOut(effect: NestedEffect): void {
    if (effect.kind === "nested-ended") {
      const waiting = this.#waiting.get(effect.containerId);
      this.#waiting.delete(effect.containerId);
      for (const resolve of waiting ?? []) resolve(effect.exit);
      return;
    }
    if (effect.kind === "remove-nested") {
      void this.#remove(effect);
      return;
    }
    const { body, ref, status } = effect;
    const resolve = this.#answers.get(ref);
    assert(resolve !== undefined, "A call is answered once");
    this.#answers.delete(ref);
    resolve({ status, body });
  }

  /** The records last: by them it is found again. */
  async #remove({ containerId, sandbox }: Extract<NestedEffect, { kind: "remove-nested" }>): Promise<void> {
    const { removeSandbox, runtime } = this.#drivers;
    const removing = async (): Promise<undefined> => {
      if (sandbox !== undefined) await removeSandbox(sandbox);
      await runtime.cleanup(containerId);
    };
    const error = await removing().catch(textOf);
    this.#inbox.put({ kind: "nested-removed", containerId, error });
  }
}

function endOf(exit: Exit): NestedEnd {
  const { limitation } = exit;
  if (limitation === undefined) return exit;
  const { source: _, ...limited } = limitedStatus(limitation, undefined);
  return { ...exit, limited };
}
