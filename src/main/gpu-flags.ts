/**
 * Which GPUs `mesh agent` hands out (Mesos src/slave/containerizer/mesos/isolators/gpu/allocator.cpp).
 *
 * | `gpus` in --resources | --nvidia-gpu-devices | handed out                    |
 * |-----------------------|----------------------|-------------------------------|
 * | absent                | absent               | all that the machine has      |
 * | 0                     | absent               | none                          |
 * | N                     | N different indices  | those                         |
 * | anything else         |                      | refused                       |
 */
import { MeshError } from "../base/errors.ts";
import type { GpuSettings } from "../isolation/gpus.ts";
import { findNvidiaGpus, nvidiaWarning } from "../isolation/linux/nvidia.ts";
import type { Resource } from "../model/v1/resources.ts";
import { textOrFile } from "./flag-files.ts";
import { badFlag, type FlagSpec, type Flags } from "./flags.ts";

const FLAG = "nvidia-gpu-devices";
const NONE: GpuSettings = { gpus: [], driver: [] };

export const GPU_FLAGS: readonly FlagSpec[] = [
  {
    name: FLAG,
    value: "<index,…>",
    description:
      "GPUs to offer, by their numbers in nvidia-smi; as many as there are gpus in --resources. By default all",
  },
];

/** Throws MeshError BAD_FLAG. */
export function readGpuDevices(flags: Flags): readonly number[] | undefined {
  const text = flags.optional(FLAG);
  if (text === undefined) return undefined;
  const words = text.split(",").map((word) => word.trim());
  if (!words.every((word) => /^\d{1,4}$/.test(word))) {
    throw badFlag(FLAG, text, "numbers of GPUs as nvidia-smi shows them, such as 0,1");
  }
  const indices = words.map(Number);
  if (new Set(indices).size < indices.length) throw badFlag(FLAG, text, "each number once");
  return indices;
}

export interface GpuFlags {
  /** As given to --resources. */
  readonly resources: string | undefined;
  readonly isolate: boolean;
  readonly gpuDevices?: readonly number[] | undefined;
}

/** GPUs of the machine that the agent may hand out, and what is to be said of them. */
export interface FoundGpus {
  /** Absent: GPUs in --resources are no more than a number, as without isolation everything is. */
  readonly settings?: GpuSettings;
  /** How many to offer unless --resources says so. */
  readonly detected: number;
  readonly warning?: string;
}

/** Looks for GPUs; what the flags say of them must agree with it. Throws MeshError BAD_FLAG. */
export function findGpus(
  flags: GpuFlags,
  look: () => ReturnType<typeof findNvidiaGpus> = findNvidiaGpus,
  isRoot = process.getuid?.() === 0,
): FoundGpus {
  const { gpuDevices, isolate } = flags;
  const named = /\bgpus\b/.test(textOrFile("resources", flags.resources) ?? "");
  if (gpuDevices !== undefined && !named) throw refuse("without gpus in --resources; name as many there");
  if (!isolate) {
    if (gpuDevices !== undefined) throw refuse("with --isolation posix, which keeps no device from any task");
    return { detected: 0 };
  }
  // Nobody asked for any, and nothing could be kept from anybody.
  if (!named && !isRoot) return { settings: NONE, detected: 0 };
  const found = look();
  if (!found.ok) {
    if (gpuDevices !== undefined) throw refuse(`: ${found.error}`);
    return { settings: NONE, detected: 0, warning: `No GPUs are offered: ${found.error}` };
  }
  const settings = chosen(found.value, gpuDevices);
  const warning = nvidiaWarning(settings);
  return {
    settings,
    detected: named ? 0 : settings.gpus.length,
    ...(warning === undefined ? {} : { warning }),
  };
}

function chosen(found: GpuSettings, indices: readonly number[] | undefined): GpuSettings {
  if (indices === undefined) return found;
  const gpus = indices.map((index) => {
    const gpu = found.gpus[index];
    if (gpu === undefined) {
      throw refuse(`: there is no GPU ${index}; this machine has ${found.gpus.length}, counted from 0`);
    }
    return gpu;
  });
  return { ...found, gpus };
}

function refuse(why: string): MeshError {
  return new MeshError("BAD_FLAG", `Cannot use --${FLAG}${why.startsWith(":") ? "" : " "}${why}`);
}

/**
 * The GPUs to hand out, given what is offered; nothing where there are none. Throws MeshError BAD_FLAG when
 * the two do not agree.
 */
export function agreedGpus(
  { settings, detected }: FoundGpus,
  offered: readonly Resource[],
  gpuDevices: readonly number[] | undefined,
): GpuSettings | undefined {
  if (settings === undefined) return undefined;
  if (detected > 0) return settings;
  const gpus = offered.filter(({ name, revocable }) => name === "gpus" && revocable === undefined);
  const count = gpus.reduce((sum, { scalar }) => sum + (scalar?.value ?? 0), 0);
  if (gpuDevices !== undefined && count !== gpuDevices.length) {
    throw refuse(`with ${gpuDevices.length} GPUs beside ${count} gpus in --resources; name as many`);
  }
  if (count === 0) return undefined;
  if (gpuDevices !== undefined) return settings;
  const way = `name them with --${FLAG}, or leave gpus out of --resources to offer all`;
  throw new MeshError(
    "BAD_FLAG",
    `Cannot offer the ${count} gpus of --resources without their devices: this machine has ${settings.gpus.length} that tasks can use; ${way}`,
  );
}
