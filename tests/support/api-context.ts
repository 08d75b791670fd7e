/** Contexts for the handlers of src/api/, with a clock that stands and a level kept in memory. */

import type { AgentPort } from "../../src/agent/port.ts";
import type { AgentContext, MasterContext } from "../../src/api/context.ts";
import { fixedFileSpace } from "../../src/api/file-space.ts";
import { Slices } from "../../src/api/in-parts.ts";
import { silentLog } from "../../src/base/log.ts";
import type { MasterPort } from "../../src/master/port.ts";

/** Runs what `every` was asked to run, when the test says so. */
export class ManualClock {
  readonly #repeating = new Set<() => void>();

  wallMs(): number {
    return 1_763_805_489_250;
  }

  every(_intervalMs: number, run: () => void): () => void {
    this.#repeating.add(run);
    return () => this.#repeating.delete(run);
  }

  /** One interval of everything that repeats passes. */
  tick(): void {
    for (const run of [...this.#repeating]) run();
  }

  get repeating(): number {
    return this.#repeating.size;
  }
}

function shared(clock: ManualClock) {
  let level = 0;
  return {
    build: { version: "0.1.0", builtAtMs: 1_763_805_489_000, user: "tester" },
    verbosity: {
      level: () => level,
      set: (next: number) => {
        level = next;
      },
    },
    clock,
    log: silentLog,
  };
}

export function masterContext(port: MasterPort, clock = new ManualClock()): MasterContext {
  return { ...shared(clock), port, slices: new Slices(), files: fixedFileSpace({}) };
}

export function agentContext(port: AgentPort, clock = new ManualClock()): AgentContext {
  return { ...shared(clock), port };
}
