/** Flags of `mesh agent` about its restart, and what it shows and allows of tasks; as Mesos has them. */
import { DEFAULT_COMPLETED_EXECUTORS } from "../agent/history.ts";
import type { Agent } from "../agent/run.ts";
import { COMPLETED_EXECUTORS_FLAG_MAX } from "../base/limits.ts";
import type { Log } from "../base/log.ts";
import { openCheckpointStore, salvageCheckpointStore } from "../io/checkpoint-store.ts";
import { badFlag, type FlagSpec, type Flags } from "./flags.ts";

export const RECOVERY_FLAGS: readonly FlagSpec[] = [
  {
    name: "strict",
    value: "<bool>",
    description:
      "A damaged checkpoint ends the start; with false, or --no-strict, what is broken is left out",
    default: "true",
  },
  {
    name: "recover",
    value: "<how>",
    description:
      "reconnect (go on with the tasks that run), or cleanup (end them, leave the cluster and stop)",
    default: "reconnect",
  },
  {
    name: "recovery-timeout",
    value: "<duration>",
    description: "Told to executors: how long they may wait for an agent that is away",
    default: "15mins",
  },
  {
    name: "max-completed-executors-per-framework",
    value: "<n>",
    description: "Ended executors, and tasks without one, of each framework that are shown",
    default: `${DEFAULT_COMPLETED_EXECUTORS}`,
  },
  {
    name: "switch-user",
    value: "<bool>",
    description: "Run tasks as their own users, or their frameworks'; with false all run as the agent's",
    default: "true",
  },
];

export interface RecoverySettings {
  readonly strict: boolean;
  /** End all tasks, leave the cluster and stop. */
  readonly cleanup: boolean;
  readonly recoveryTimeoutMs: number;
  readonly maxCompletedExecutors: number;
  readonly switchUser: boolean;
}

/** Throws MeshError BAD_FLAG. */
export function readRecoverySettings(flags: Flags): RecoverySettings {
  const recover = flags.text("recover");
  if (recover !== "reconnect" && recover !== "cleanup")
    throw badFlag("recover", recover, "reconnect or cleanup");
  const counts = { min: 0, max: COMPLETED_EXECUTORS_FLAG_MAX, integer: true };
  return {
    strict: flags.switch("strict"),
    cleanup: recover === "cleanup",
    recoveryTimeoutMs: flags.duration("recovery-timeout"),
    maxCompletedExecutors: flags.number("max-completed-executors-per-framework", counts),
    switchUser: flags.switch("switch-user"),
  };
}

/** The agent's checkpoint, as far as `strict` allows. Throws MeshError. */
export function openCheckpoint(directory: string, strict: boolean, log: Log) {
  if (strict) return openCheckpointStore(directory);
  return salvageCheckpointStore(directory, (reason) => log.error("The checkpoint was damaged", { reason }));
}

/** How long an agent that is to clean up looks for its master, to say goodbye. */
const GOODBYE_WAIT_MS = 10_000;
const GOODBYE_POLL_MS = 50;

/** Ends the tasks and leaves the cluster (--recover=cleanup). A master that is away learns by silence. */
export async function cleanUp(agent: Pick<Agent, "masterHostname" | "unregister">): Promise<void> {
  const untilMs = performance.now() + GOODBYE_WAIT_MS;
  while (agent.masterHostname() === undefined && performance.now() < untilMs)
    await Bun.sleep(GOODBYE_POLL_MS);
  agent.unregister();
}
