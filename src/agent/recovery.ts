/**
 * What to do with each task that the checkpoint remembers, after an agent
 * restart (design.md, "An agent restarts").
 */
import type { Exit } from "../isolation/container.ts";
import type { Launched } from "../isolation/runtime.ts";
import type { AgentRecord, StreamRecord, TaskRecord } from "./records.ts";

/** One task of the plan. */
export interface RecoveredTask {
  readonly task: TaskRecord;
  readonly stream: StreamRecord;
  readonly action: RecoveryAction;
}

export type RecoveryAction =
  /** It still runs: watch it again. */
  | { readonly kind: "reattach"; readonly launched: Launched }
  /** It ended and how is known: the terminal update follows from the exit. */
  | { readonly kind: "ended"; readonly exit: Exit }
  /** It ended and nothing recorded how. */
  | { readonly kind: "gone" }
  /** The machine was started anew: nothing of it can live. */
  | { readonly kind: "rebooted" }
  /** It was checkpointed and never started: launch it now. */
  | { readonly kind: "launch" }
  /** Its terminal update is recorded and only waits for its acknowledgement. */
  | { readonly kind: "settle" };

export interface RecoveryPlan {
  /** Undefined on a fresh work directory. */
  readonly agent: AgentRecord | undefined;
  /** blob FrameworkInfo by framework id. */
  readonly frameworks: ReadonlyMap<string, Uint8Array>;
  readonly tasks: readonly RecoveredTask[];
  /** Containers that belong to no task: end them. */
  readonly orphans: readonly string[];
  /** Ended containers whose records are no longer needed. */
  readonly cleanups: readonly string[];
}
