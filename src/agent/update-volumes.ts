/**
 * Which persistent volumes there are. The master says it whole at each
 * registration and after each change. A volume that went, or was made anew
 * under its old name, loses its data before anything else happens to it: it
 * stays in the record until its directory is out of the way, so that a crash
 * between the two only repeats the removal. Directories are made at first use.
 */
import { SECOND_MS } from "../base/time.ts";
import type { UpdateVolumes } from "../model/agent-protocol.ts";
import { VOLUMES_KEY } from "./checkpoint.ts";
import { volumePath } from "./paths.ts";
import { encodeVolumesRecord, type VolumeRecord } from "./records.ts";
import type { AgentState } from "./state.ts";
import { isSameVolume, volumeKey } from "./volumes.ts";

/** Distance of tries when a volume cannot be removed. */
const RETRY_MS = 5 * SECOND_MS;

export function updateVolumes(state: AgentState, { volumes, registration }: UpdateVolumes): void {
  const { known, removing } = state.volumes;
  const wanted = new Map(volumes.map((volume) => [volumeKey(volume), { ...volume, registration }]));
  state.volumes.wanted = wanted;
  for (const [key, volume] of known) {
    const now = wanted.get(key);
    const stays = now === undefined ? volume.registration !== registration : isSameVolume(volume, now);
    if (!stays && !removing.has(key)) remove(state, key, volume);
  }
  adopt(state, false);
}

function remove(state: AgentState, key: string, volume: VolumeRecord): void {
  state.volumes.removing.add(key);
  state.emit({ kind: "remove-volume", volume, path: volumePath(state.config.workDir, volume) });
}

/** Its removal failed a while ago. */
export function removeVolumeAgain(state: AgentState, key: string): void {
  const { known, removing, wanted } = state.volumes;
  const [volume, now] = [known.get(key), wanted.get(key)];
  if (volume === undefined || removing.has(key) || (now !== undefined && isSameVolume(volume, now))) return;
  remove(state, key, volume);
}

export function volumeRemoved(state: AgentState, volume: VolumeRecord, error: string | undefined): void {
  const { known, removing } = state.volumes;
  const key = volumeKey(volume);
  removing.delete(key);
  const { role, persistenceId } = volume;
  if (error !== undefined) {
    state.log.error("Cannot remove a destroyed volume; trying again", { role, persistenceId, reason: error });
    state.deadlines.set(`volume/${key}`, state.now.monotonicMs + RETRY_MS);
    return;
  }
  state.log.info("Removed a destroyed volume", { role, persistenceId });
  known.delete(key);
  adopt(state, true);
}

/** Notes volumes that are new. Until now no directory of theirs can exist. */
function adopt(state: AgentState, changed: boolean): void {
  const { known, wanted } = state.volumes;
  let write = changed;
  for (const [key, volume] of wanted) {
    if (known.has(key)) continue;
    known.set(key, volume);
    write = true;
  }
  if (write) state.write({ key: VOLUMES_KEY, value: encodeVolumesRecord([...known.values()]) });
}
