/** Reads what an agent's recovery needs: its checkpoint, and what became of its containers. */
import type { Log } from "../base/log.ts";
import type { CheckpointEntry, CheckpointStore } from "./checkpoint.ts";
import { refuseReconfiguration } from "./reconfiguration.ts";
import {
  checkpointDamaged,
  planRecovery,
  type Recorded,
  type RecoveryPlan,
  readCheckpoint,
  recordedContainers,
} from "./recovery.ts";
import type { AgentDrivers, AgentOptions } from "./run-drivers.ts";
import { salvageCheckpoint } from "./salvage-checkpoint.ts";

type Options = Pick<AgentOptions, "config" | "reconfigurationPolicy" | "strict">;

/** Throws MeshError CHECKPOINT_DAMAGED, or that of a refused reconfiguration. */
export async function readRecovery(
  { config, reconfigurationPolicy = "any", strict = true }: Options,
  { runtime, store }: Pick<AgentDrivers, "runtime" | "store">,
  log: Log,
): Promise<RecoveryPlan> {
  const entries = await store.readAll();
  const recorded = strict ? readStrictly(entries, config.workDir) : await salvage(entries, store, log);
  refuseReconfiguration(reconfigurationPolicy, recorded.agent, config);
  const containers = await runtime.recover(recordedContainers(recorded));
  const orphans = (await runtime.listOrphans()).filter((id) => !containers.has(id));
  return planRecovery(config.bootId, recorded, containers, orphans);
}

function readStrictly(entries: readonly CheckpointEntry[], workDir: string): Recorded {
  const recorded = readCheckpoint(entries);
  if (!recorded.ok) throw checkpointDamaged(workDir, recorded.error);
  return recorded.value;
}

/** What is left out is deleted, so that nobody comes upon it again. */
async function salvage(
  entries: readonly CheckpointEntry[],
  store: CheckpointStore,
  log: Log,
): Promise<Recorded> {
  const { dropped, recorded } = salvageCheckpoint(entries);
  for (const { key, reason } of dropped) {
    log.error("Left out a record of the damaged checkpoint", { record: key, reason });
  }
  if (dropped.length > 0) await store.write(dropped.map(({ key }) => ({ key, value: undefined })));
  return recorded;
}
