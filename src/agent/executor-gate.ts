/**
 * Executors at the agent's HTTP edge: their open event streams, and their calls
 * that wait for an answer of the core. A part of the pump.
 */
import { assert } from "../base/assert.ts";
import type { ExecutorCall, ExecutorEvent } from "../model/v1/executor.ts";
import { executorKey } from "./executor.ts";
import type { CallAnswer, EventSink, ExecutorPort, ExecutorStanding } from "./port.ts";
import type { AgentState } from "./state.ts";
import type { AgentEffect, AgentInput } from "./types.ts";

export type ExecutorEffect = Extract<
  AgentEffect,
  { kind: "executor-event" | "close-executor-stream" | "executor-answer" }
>;

export class ExecutorGate implements ExecutorPort {
  readonly #state: AgentState;
  /** False: the inbox is full. */
  readonly #offer: (input: AgentInput) => boolean;
  readonly #streams = new Map<number, EventSink<ExecutorEvent>>();
  readonly #answers = new Map<number, (answer: CallAnswer) => void>();
  #lastId = 0;

  constructor(state: AgentState, offer: (input: AgentInput) => boolean) {
    this.#state = state;
    this.#offer = offer;
  }

  standing(frameworkId: string, executorId: string): ExecutorStanding {
    const { frameworks, executors } = this.#state;
    const executor = executors.get(executorKey(frameworkId, executorId));
    if (executor !== undefined) return executor.subscribed ? "subscribed" : "registering";
    return frameworks.has(frameworkId) ? "executor-unknown" : "framework-unknown";
  }

  containerOf(frameworkId: string, executorId: string): string | undefined {
    return this.#state.executors.get(executorKey(frameworkId, executorId))?.containerId;
  }

  subscribe(call: ExecutorCall, sink: EventSink<ExecutorEvent>): { disconnected(): void } {
    const streamId = ++this.#lastId;
    this.#streams.set(streamId, sink);
    if (!this.#offer({ kind: "executor-subscribe", streamId, call })) {
      this.#streams.delete(streamId);
      sink.close("The agent is busy; subscribe again");
    }
    return {
      disconnected: () => {
        if (!this.#streams.delete(streamId)) return;
        this.#offer({ kind: "executor-stream-closed", streamId });
      },
    };
  }

  call(call: ExecutorCall, answered: (answer: CallAnswer) => void): void {
    const ref = ++this.#lastId;
    this.#answers.set(ref, answered);
    if (this.#offer({ kind: "executor-call", ref, call })) return;
    this.#answers.delete(ref);
    answered({ status: 503, body: "The agent is busy; send the call again" });
  }

  carryOut(effect: ExecutorEffect): void {
    switch (effect.kind) {
      case "executor-event":
        this.#streams.get(effect.streamId)?.send(effect.event);
        return;
      case "close-executor-stream": {
        const sink = this.#streams.get(effect.streamId);
        this.#streams.delete(effect.streamId);
        sink?.close(effect.reason);
        return;
      }
      case "executor-answer": {
        const answered = this.#answers.get(effect.ref);
        assert(answered !== undefined, "A call is answered once");
        this.#answers.delete(effect.ref);
        answered({ status: effect.status, body: effect.body });
      }
    }
  }
}
