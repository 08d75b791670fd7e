/** How an agent's containers come to be: the runtime with what the flags say of it. */
import type { ContainerPolicy } from "../agent/container-policy.ts";
import { networksDirectory } from "../agent/paths.ts";
import { MeshError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { createFetcher } from "../io/fetcher.ts";
import { checkNetwork } from "../io/network-check.ts";
import type { CgroupSettings } from "../isolation/cgroup-settings.ts";
import type { ConfinementSettings } from "../isolation/confinement-settings.ts";
import type { GpuSettings } from "../isolation/gpus.ts";
import { ProjectQuotas } from "../isolation/linux/project-quotas.ts";
import { openLinuxRuntime } from "../isolation/linux/runtime.ts";
import type { Runtime } from "../isolation/runtime.ts";
import type { AgentInfo } from "../model/v1/frameworks.ts";
import { checkTmp } from "./container-flags.ts";
import { type FetcherFlags, fetchSettings } from "./fetcher-flags.ts";
import { type OpenedImages, openImages, ownProgram } from "./image-care.ts";
import type { ImageSettings } from "./image-flags.ts";
import type { NetworkFlags } from "./network-flags.ts";
import type { ProjectQuotaFlags, SandboxSettings } from "./sandbox-flags.ts";

const BYTES_PER_MEGABYTE = 1024 * 1024;

export interface RuntimeFlags {
  /** False: no namespaces and cgroups. */
  readonly isolate: boolean;
  readonly cgroups?: CgroupSettings;
  /** Left out: DEFAULT_POLICY. */
  readonly containers?: ContainerPolicy;
  /** Left out: tasks join no networks. */
  readonly networks?: NetworkFlags;
  readonly confinement?: Omit<ConfinementSettings, "programDirectory">;
  /** Left out: none are handed out. */
  readonly gpus?: GpuSettings | undefined;
  /** Left out: no images. */
  readonly images?: ImageSettings | undefined;
  /** Left out: nothing that is fetched is kept for other tasks. */
  readonly fetcher?: FetcherFlags;
  readonly sandboxes?: Pick<SandboxSettings, "projectQuotas">;
}

export interface OpenedRuntime {
  readonly runtime: Runtime;
  readonly images: OpenedImages | undefined;
  /** Quotas of sandboxes; undefined: there are none. */
  readonly diskQuotas: ProjectQuotas | undefined;
}

/** Rejects with MeshError BAD_FLAG for limits that the machine cannot keep. */
export async function openRuntime(
  flags: RuntimeFlags,
  info: AgentInfo,
  workDir: string,
  runtimeDirectory: string,
  log: Log,
): Promise<OpenedRuntime> {
  if (flags.containers?.privateTmp === true) checkTmp(workDir);
  const diskQuotas = openDiskQuotas(flags.sandboxes?.projectQuotas, workDir);
  const wanted = flags.isolate ? flags.images : undefined;
  const images = wanted === undefined ? undefined : openImages(wanted, workDir, log);
  const runtime = openLinuxRuntime({
    runtimeDirectory,
    ...(images === undefined ? {} : { images: images.store, self: ownProgram() }),
    fetch: createFetcher(flags.fetcher === undefined ? {} : fetchSettings(flags.fetcher, workDir)),
    checkNetwork,
    isolate: flags.isolate,
    ...(flags.cgroups === undefined ? {} : { cgroups: flags.cgroups }),
    ...(flags.networks === undefined
      ? {}
      : { networks: { ...flags.networks, recordDirectory: networksDirectory(workDir) } }),
    ...(flags.confinement === undefined
      ? {}
      : { confinement: confinementOf(flags.confinement, flags.gpus, workDir) }),
    ...(flags.gpus === undefined ? {} : { gpus: flags.gpus }),
    ...(diskQuotas === undefined ? {} : { diskQuotas }),
    ...offeredMemory(info),
    log,
  });
  logCapabilities(log, runtime);
  return { runtime, images, diskQuotas };
}

/** Throws MeshError BAD_FLAG. */
function openDiskQuotas(wanted: ProjectQuotaFlags | undefined, workDir: string): ProjectQuotas | undefined {
  if (wanted === undefined) return undefined;
  const opened = ProjectQuotas.open(workDir, wanted);
  if (opened.ok) return opened.value;
  throw new MeshError("BAD_FLAG", `Flag --xfs-project-range is given, but ${opened.error}`);
}

/** A /dev of containers shows the GPUs to all; who may open them, their cgroups say. */
function confinementOf(
  settings: Omit<ConfinementSettings, "programDirectory">,
  { gpus, driver }: GpuSettings = { gpus: [], driver: [] },
  workDir: string,
): ConfinementSettings {
  const devices = [...settings.devices, ...[...gpus, ...driver].map(({ path }) => path)];
  return { ...settings, devices: [...new Set(devices)], programDirectory: programDirectory(workDir) };
}

/** Made anew at each start. */
export function programDirectory(workDir: string): string {
  return `${workDir}/programs`;
}

function offeredMemory(info: AgentInfo): { readonly protectedMemBytes?: number } {
  const megabytes = (info.resources ?? [])
    .filter(({ name, revocable }) => name === "mem" && revocable === undefined)
    .reduce((sum, { scalar }) => sum + (scalar?.value ?? 0), 0);
  return megabytes === 0 ? {} : { protectedMemBytes: Math.round(megabytes * BYTES_PER_MEGABYTE) };
}

function logCapabilities(log: Log, runtime: Runtime): void {
  const { form, namespaces, cgroupRoot, controllers = [], missing } = runtime.capabilities;
  log.info("Isolation of tasks", {
    form,
    namespaces: namespaces.join(",") || "none",
    cgroupRoot: cgroupRoot ?? "none",
    controllers: controllers.join(",") || "none",
  });
  for (const reason of missing) log.warn("Isolation is limited", { reason });
}
