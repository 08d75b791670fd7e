/** Flags of `mesh agent` about sandboxes; names and defaults are those of Mesos. */
import {
  type ContainerOutputs,
  DEFAULT_OUTPUTS,
  type OutputSettings,
  readOptions,
  readSize,
} from "../agent/output-settings.ts";
import { DAY_MS, MINUTE_MS } from "../base/time.ts";
import { badFlag, type FlagSpec, type Flags } from "./flags.ts";

export const SANDBOX_FLAGS: readonly FlagSpec[] = [
  {
    name: "gc-delay",
    value: "<duration>",
    description: "How long the sandbox of an ended task is kept, at most",
    default: "1weeks",
  },
  {
    name: "gc-disk-headroom",
    value: "<fraction>",
    description: "Sandboxes go the sooner the fuller the disk is, all at once when only this share is free",
    default: "0.1",
  },
  {
    name: "disk-watch-interval",
    value: "<duration>",
    description: "Time between looks for sandboxes to remove",
    default: "1mins",
  },
  {
    name: "enforce-container-disk-quota",
    description: "End tasks that have more in their sandbox or volumes than the disk they asked for",
  },
  {
    name: "container-disk-watch-interval",
    value: "<duration>",
    description: "Time between measurements for it",
    default: "15secs",
  },
  {
    name: "container-logger",
    value: "<kind>",
    description: "rotate (stdout and stderr of a task are bounded), or sandbox (they are plain files)",
    default: "rotate",
  },
  {
    name: "max-stdout-size",
    value: "<bytes>",
    description: "Size at which a task's stdout begins anew and what was in it becomes stdout.1",
    default: "10MB",
  },
  {
    name: "logrotate-stdout-options",
    value: "<options>",
    description: "How many such earlier parts are kept",
    default: "rotate 9",
  },
  { name: "max-stderr-size", value: "<bytes>", description: "The same for stderr", default: "10MB" },
  {
    name: "logrotate-stderr-options",
    value: "<options>",
    description: "The same for stderr",
    default: "rotate 9",
  },
];

export interface SandboxSettings {
  readonly gcDelayMs: number;
  /** 0 to 1. */
  readonly gcDiskHeadroom: number;
  readonly diskWatchIntervalMs: number;
  /** How often the disk that containers use is measured; absent: never, and no limit of it holds. */
  readonly diskQuotaIntervalMs?: number | undefined;
  /** Absent: log files of containers grow without bound. */
  readonly outputs?: ContainerOutputs | undefined;
}

export const DEFAULT_SANDBOX_SETTINGS: SandboxSettings = {
  gcDelayMs: 7 * DAY_MS,
  gcDiskHeadroom: 0.1,
  diskWatchIntervalMs: MINUTE_MS,
  outputs: DEFAULT_OUTPUTS,
};

/** Throws MeshError BAD_FLAG. */
export function readSandboxSettings(flags: Flags): SandboxSettings {
  return {
    gcDelayMs: flags.duration("gc-delay"),
    gcDiskHeadroom: flags.number("gc-disk-headroom", { min: 0, max: 1 }),
    diskWatchIntervalMs: flags.duration("disk-watch-interval"),
    diskQuotaIntervalMs: flags.switch("enforce-container-disk-quota")
      ? flags.duration("container-disk-watch-interval")
      : undefined,
    outputs: readOutputs(flags),
  };
}

/** With the names of Mesos' modules too. */
const LOGGERS: Readonly<Record<string, "rotate" | "sandbox">> = {
  rotate: "rotate",
  sandbox: "sandbox",
  org_apache_mesos_LogrotateContainerLogger: "rotate",
};

function readOutputs(flags: Flags): ContainerOutputs | undefined {
  const name = flags.text("container-logger");
  const logger = LOGGERS[name];
  if (logger === undefined) throw badFlag("container-logger", name, "rotate or sandbox");
  const outputs = { stdout: readOutput(flags, "stdout"), stderr: readOutput(flags, "stderr") };
  return logger === "rotate" ? outputs : undefined;
}

function readOutput(flags: Flags, stream: "stdout" | "stderr"): OutputSettings {
  const [sizeFlag, optionsFlag] = [`max-${stream}-size`, `logrotate-${stream}-options`];
  const [size, options] = [readSize(flags.text(sizeFlag)), readOptions(flags.text(optionsFlag))];
  if (!size.ok) throw badFlag(sizeFlag, flags.text(sizeFlag), size.error);
  if (!options.ok) throw badFlag(optionsFlag, flags.text(optionsFlag), options.error);
  return { ...size.value, ...options.value };
}
