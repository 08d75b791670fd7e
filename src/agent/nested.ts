/**
 * Containers that somebody has the agent run inside another one (TSK-18), as
 * the core holds them in memory: an executor's, most often.
 *
 *     checkpointing --durable--> launching --launched--> running --exited--> ended --removing--> forgotten
 *           \--launch-failed-----------/
 *
 * They use what their parent has: its resources, its user, its network. They
 * outlive the agent's process as their parent does, and end with it. How one
 * ended is kept until it is removed, or its parent ends.
 *
 * Pods need none of this: their tasks are containers by themselves (pod.ts).
 *
 * | file            | job                                        |
 * |-----------------|--------------------------------------------|
 * | nested-calls.ts | calls, from the launch to the end          |
 * | nested-plan.ts  | what one has                               |
 * | nested-end.ts   | what is in a container ends with it        |
 * | nested-gate.ts  | the pump's side of the calls               |
 */
import type { ContainerSpec, Exit } from "../isolation/container.ts";
import type { ContainerState } from "../isolation/runtime.ts";
import type { NestedRecord } from "./records.ts";

export interface Nested {
  readonly containerId: string;
  readonly spec: ContainerSpec;
  phase: "checkpointing" | "launching" | "running" | "ended" | "removing";
  /** Of an ended one. */
  exit: Exit | undefined;
  /** Call that waits for the launch. */
  ref: number | undefined;
  /** Calls that wait for its removal. */
  readonly removals: number[];
}

/** One of the checkpoint, as it was found; undefined: it never ran, and nobody was told that it would. */
export function foundNested(
  { spec }: NestedRecord,
  found: ContainerState,
  sameBoot: boolean,
): Nested | undefined {
  const { containerId } = spec;
  const nested = { containerId, spec, ref: undefined, removals: [] };
  if (found.state === "ended") return { ...nested, phase: "ended", exit: found.exit };
  if (!sameBoot || found.state === "never-started") return undefined;
  if (found.state === "running") return { ...nested, phase: "running", exit: undefined };
  return {
    ...nested,
    phase: "ended",
    exit: { kind: "unknown", reason: "it ended while the agent was away" },
  };
}
