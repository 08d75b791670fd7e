import { DEFAULT_MIN_ALLOCATABLE } from "../allocator/quantities.ts";
import { PART_MAX_ITEMS, UNREACHABLE_TASKS_SHOWN_DEFAULT } from "../base/limits.ts";
import { DAY_MS, MINUTE_MS, SECOND_MS } from "../base/time.ts";
import { DEFAULT_MAX_PING_TIMEOUTS, DEFAULT_PING_INTERVAL_MS } from "../model/agent-protocol.ts";
import { DEFAULT_HISTORY_BOUNDS } from "../registry/history-bounds.ts";
import type { MasterSettings } from "./types.ts";

/** Defaults as in Mesos' master/constants.hpp, where Mesos has the setting. */
export const DEFAULT_SETTINGS = {
  agentPingIntervalMs: DEFAULT_PING_INTERVAL_MS,
  maxAgentPingTimeouts: DEFAULT_MAX_PING_TIMEOUTS,
  agentReregisterTimeoutMs: 10 * MINUTE_MS,
  frameworkReturnTimeoutMs: 2 * MINUTE_MS,
  heartbeatIntervalMs: 15 * SECOND_MS,
  offerTimeoutMs: undefined,
  tasksEndedAtOnce: PART_MAX_ITEMS,
  registryGcIntervalMs: 15 * MINUTE_MS,
  registryMaxAgentAgeMs: 14 * DAY_MS,
  registryMaxAgentCount: 102_400,
  agentRemovalRate: undefined,
  recoveryAgentRemovalLimit: 1,
  requireAgentDomain: false,
  allocation: {
    minAllocatable: DEFAULT_MIN_ALLOCATABLE,
    fairShareExcluded: [],
    filterGpuResources: true,
    roleSorter: "drf",
    frameworkSorter: "drf",
  },
  recoveryFactor: 0.8,
  recoveryTimeoutMs: 10 * MINUTE_MS,
  roleWhitelist: undefined,
  constraintLimits: { maxMemBytes: 4096, maxProgramSize: 100 },
  rateLimits: undefined,
  history: DEFAULT_HISTORY_BOUNDS,
  unreachableTasksShown: UNREACHABLE_TASKS_SHOWN_DEFAULT,
  rootSubmissions: true,
} as const satisfies Omit<MasterSettings, "address" | "version">;
