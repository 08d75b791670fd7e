/** Flags of `mesh agent` about sandboxes; names and defaults are those of Mesos. */
import { DAY_MS, MINUTE_MS } from "../base/time.ts";
import type { FlagSpec, Flags } from "./flags.ts";

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
];

export interface SandboxSettings {
  readonly gcDelayMs: number;
  /** 0 to 1. */
  readonly gcDiskHeadroom: number;
  readonly diskWatchIntervalMs: number;
}

export const DEFAULT_SANDBOX_SETTINGS: SandboxSettings = {
  gcDelayMs: 7 * DAY_MS,
  gcDiskHeadroom: 0.1,
  diskWatchIntervalMs: MINUTE_MS,
};

/** Throws MeshError BAD_FLAG. */
export function readSandboxSettings(flags: Flags): SandboxSettings {
  return {
    gcDelayMs: flags.duration("gc-delay"),
    gcDiskHeadroom: flags.number("gc-disk-headroom", { min: 0, max: 1 }),
    diskWatchIntervalMs: flags.duration("disk-watch-interval"),
  };
}
