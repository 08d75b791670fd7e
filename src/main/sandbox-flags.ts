/** Flags of `mesh agent` about sandboxes; names and defaults are those of Mesos. */
import {
  type ContainerOutputs,
  DEFAULT_OUTPUTS,
  type OutputSettings,
  readOptions,
  readSize,
} from "../agent/output-settings.ts";
import { DAY_MS, MINUTE_MS } from "../base/time.ts";
import type { PortRange } from "../isolation/listening-ports.ts";
import { parseRanges } from "../model/value-ranges.ts";
import { bytesOf } from "./byte-flags.ts";
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
    name: "xfs-project-range",
    value: "<range>",
    description:
      "Tasks cannot write more to their sandbox than the disk they asked for: with these projects of XFS, such as [5000-10000]",
  },
  {
    name: "xfs-kill-containers",
    description: "End tasks that have more, with such projects, in place of refusing their writes",
  },
  {
    name: "xfs-quota-headroom",
    value: "<bytes>",
    description: "How much more they can write until then",
    default: "10MB",
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

export interface ProjectQuotaFlags {
  readonly projects: readonly PortRange[];
  /** Who has too much is ended, and can write so much more until that is seen. */
  readonly kills: boolean;
  readonly headroomBytes: number;
}

export interface SandboxSettings {
  readonly gcDelayMs: number;
  /** 0 to 1. */
  readonly gcDiskHeadroom: number;
  readonly diskWatchIntervalMs: number;
  /** How often the disk that containers use is measured; absent: never, and no limit of it holds. */
  readonly diskQuotaIntervalMs?: number | undefined;
  /** Absent: tasks can write more than they asked for. */
  readonly projectQuotas?: ProjectQuotaFlags | undefined;
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
  const projectQuotas = readProjectQuotas(flags);
  const measured = projectQuotas !== undefined || flags.switch("enforce-container-disk-quota");
  return {
    gcDelayMs: flags.duration("gc-delay"),
    gcDiskHeadroom: flags.number("gc-disk-headroom", { min: 0, max: 1 }),
    diskWatchIntervalMs: flags.duration("disk-watch-interval"),
    diskQuotaIntervalMs: measured ? flags.duration("container-disk-watch-interval") : undefined,
    projectQuotas,
    outputs: readOutputs(flags),
  };
}

/** Numbers of projects; 0 is no project. */
const PROJECT_MAX = 2 ** 31 - 1;
const PROJECTS_MAX = 1_000_000;

function readProjectQuotas(flags: Flags): ProjectQuotaFlags | undefined {
  const text = flags.optional("xfs-project-range");
  const kills = flags.switch("xfs-kill-containers");
  if (text === undefined) {
    if (kills) throw badFlag("xfs-kill-containers", "true", "--xfs-project-range beside it");
    return undefined;
  }
  if (flags.switch("enforce-container-disk-quota"))
    throw badFlag("xfs-project-range", text, "not --enforce-container-disk-quota beside it");
  const ranges = parseRanges(text.trim());
  const usable = ({ begin, end }: PortRange): boolean => begin >= 1 && begin <= end && end <= PROJECT_MAX;
  const count = ranges.ok ? ranges.value.reduce((sum, { begin, end }) => sum + end - begin + 1, 0) : 0;
  if (!ranges.ok || count === 0 || count > PROJECTS_MAX || !ranges.value.every(usable))
    throw badFlag("xfs-project-range", text, "numbers of projects such as [5000-10000]");
  const headroomBytes = bytesOf(flags, "xfs-quota-headroom");
  return { projects: ranges.value, kills, headroomBytes: kills ? headroomBytes : 0 };
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
