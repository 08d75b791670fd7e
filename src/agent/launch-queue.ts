import { assert } from "../base/assert.ts";
import { IMAGE_LAUNCHES_MAX } from "../base/limits.ts";
import { fail, type Result } from "../base/result.ts";
import { usesImages } from "../isolation/image-command.ts";
import type { LaunchError } from "../isolation/runtime.ts";
import type { AgentEffect } from "./types.ts";

export type Launch = Extract<AgentEffect, { kind: "launch" }>;

/**
 * Bounds the launches under way, so that hundreds asked for at once do not
 * starve each other and the agent; the others wait in the order they came.
 * Those with images, which may wait for the network for long, have a bound of
 * their own and take no place from the others.
 */
export class LaunchQueue {
  readonly #plain: Line;
  readonly #images: Line;

  constructor(maxLaunches: number, maxImageLaunches = IMAGE_LAUNCHES_MAX) {
    assert(maxLaunches >= 1, `At least one launch must be possible, got ${maxLaunches}`);
    this.#plain = new Line(maxLaunches);
    this.#images = new Line(maxImageLaunches);
  }

  add(launch: Launch): void {
    this.#lineOf(launch).waiting.set(launch.spec.containerId, launch);
  }

  #lineOf({ spec }: Launch): Line {
    return usesImages(spec) ? this.#images : this.#plain;
  }

  /** Takes a launch out that has not begun; false when it is not here (any more). */
  cancel(containerId: string): boolean {
    return this.#plain.waiting.delete(containerId) || this.#images.waiting.delete(containerId);
  }

  /** The next launch to begin, if one may; it counts until `finished`. */
  begin(): Launch | undefined {
    return this.#plain.begin() ?? this.#images.begin();
  }

  finished(launch: Launch): void {
    const line = this.#lineOf(launch);
    assert(line.underWay > 0, "A launch ends once");
    line.underWay--;
  }
}

class Line {
  /** By container id. */
  readonly waiting = new Map<string, Launch>();
  underWay = 0;
  readonly #max: number;

  constructor(max: number) {
    this.#max = max;
  }

  begin(): Launch | undefined {
    if (this.underWay >= this.#max) return undefined;
    for (const [containerId, launch] of this.waiting) {
      this.waiting.delete(containerId);
      this.underWay++;
      return launch;
    }
    return undefined;
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
