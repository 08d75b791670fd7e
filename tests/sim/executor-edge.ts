/** The HTTP edge of an agent for executors on its machine: their streams and the calls that wait. */
import type { AgentEffect, AgentInput } from "../../src/agent/types.ts";
import type { ExecutorCall, ExecutorEvent } from "../../src/model/v1/executor.ts";
import type { World } from "./world.ts";

type ExecutorEffect = Extract<
  AgentEffect,
  { kind: "executor-event" | "close-executor-stream" | "executor-answer" }
>;

interface StreamEnds {
  event(event: ExecutorEvent): void;
  closed(): void;
}

/** Of every message between the two: they come in order. */
const DELAY_MS = 0.1;
const ANSWERS: ReadonlySet<number> = new Set([202, 400, 403, 503]);

export class ExecutorEdge {
  readonly #world: World;
  readonly #input: (input: AgentInput, delayMs: number) => void;
  readonly #streams = new Map<number, StreamEnds>();
  readonly #waiting = new Map<number, (status: number) => void>();
  #lastId = 0;

  constructor(world: World, input: (input: AgentInput, delayMs: number) => void) {
    this.#world = world;
    this.#input = input;
  }

  subscribe(call: ExecutorCall, ends: StreamEnds): number {
    const streamId = ++this.#lastId;
    this.#streams.set(streamId, ends);
    this.#input({ kind: "executor-subscribe", streamId, call }, DELAY_MS);
    return streamId;
  }

  drop(streamId: number): void {
    if (this.#streams.delete(streamId)) this.#input({ kind: "executor-stream-closed", streamId }, DELAY_MS);
  }

  call(call: ExecutorCall, answered: (status: number) => void): void {
    const ref = ++this.#lastId;
    this.#waiting.set(ref, answered);
    this.#input({ kind: "executor-call", ref, call }, DELAY_MS);
  }

  /** The agent's process ends: connections break. */
  breakAll(): void {
    for (const ends of this.#streams.values()) this.#world.after(DELAY_MS, () => ends.closed());
    this.#streams.clear();
    this.#waiting.clear();
  }

  carryOut(effect: ExecutorEffect): void {
    switch (effect.kind) {
      case "executor-event": {
        const ends = this.#streams.get(effect.streamId);
        this.#world.after(DELAY_MS, () => ends?.event(effect.event));
        return;
      }
      case "close-executor-stream": {
        const ends = this.#streams.get(effect.streamId);
        this.#streams.delete(effect.streamId);
        this.#world.after(DELAY_MS, () => ends?.closed());
        return;
      }
      case "executor-answer": {
        const answered = this.#waiting.get(effect.ref);
        if (answered === undefined) throw new Error(`An executor's call was answered twice: ${effect.body}`);
        if (!ANSWERS.has(effect.status)) throw new Error(`An executor was answered ${effect.status}`);
        this.#waiting.delete(effect.ref);
        this.#world.after(DELAY_MS, () => answered(effect.status));
      }
    }
  }
}
