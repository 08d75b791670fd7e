import { assert } from "../base/assert.ts";
import { fail, type Result } from "../base/result.ts";
import type { LaunchError } from "../isolation/runtime.ts";
import type { AgentEffect } from "./types.ts";

export type Launch = Extract<AgentEffect, { kind: "launch" }>;

/**
 * Bounds the launches under way, so that hundreds asked for at once do not
 * starve each other and the agent; the others wait in the order they came.
 */
export class LaunchQueue {
  readonly #maxLaunches: number;
  /** By container id. */
  readonly #waiting = new Map<string, Launch>();
  #underWay = 0;

  constructor(maxLaunches: number) {
    assert(maxLaunches >= 1, `At least one launch must be possible, got ${maxLaunches}`);
    this.#maxLaunches = maxLaunches;
  }

  add(launch: Launch): void {
    this.#waiting.set(launch.spec.containerId, launch);
  }

  /** Takes a launch out that has not begun; false when it is not here (any more). */
  cancel(containerId: string): boolean {
    return this.#waiting.delete(containerId);
  }

  /** The next launch to begin, if one may; it counts until `finished`. */
  begin(): Launch | undefined {
    if (this.#underWay >= this.#maxLaunches) return undefined;
    for (const [containerId, launch] of this.#waiting) {
      this.#waiting.delete(containerId);
      this.#underWay++;
      return launch;
    }
    return undefined;
  }

  finished(): void {
    assert(this.#underWay > 0, "A launch ends once");
    this.#underWay--;
  }
}

/** A launch that fails in a way nobody foresaw is a failed launch, not the end of the agent. */
export function unforeseen(error: unknown): Result<never, LaunchError> {
  return fail({ step: "start", message: `The launch failed unforeseen: ${textOf(error)}` });
}

/** What was thrown, in words. */
export function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
