/** Settings of a leading master from the flags of `mesh master`. */
import { parseDuration } from "../api/duration.ts";
import { SECOND_MS } from "../base/time.ts";
import type { MasterSettings } from "../master/types.ts";
import { readAllocatorFlags } from "./allocator-flags.ts";
import { badFlag, type Flags } from "./flags.ts";

export type FlagSettings = Partial<Omit<MasterSettings, "address" | "version">>;

/** Throws MeshError BAD_FLAG. */
export function settingsOf(flags: Flags): FlagSettings {
  const seconds = (name: string, min: number): number => flags.number(name, { min, max: 1e9 }) * SECOND_MS;
  const count = (name: string, max: number): number => flags.number(name, { min: 1, max, integer: true });
  return {
    ...readAllocatorFlags(flags),
    agentPingIntervalMs: seconds("agent-ping-timeout", 1),
    maxAgentPingTimeouts: count("max-agent-ping-timeouts", 1000),
    agentReregisterTimeoutMs: seconds("agent-reregister-timeout", 1),
    requireAgentDomain: flags.switch("require-agent-domain"),
    agentRemovalRate: removalRate(flags),
    recoveryAgentRemovalLimit: share(flags, "recovery-agent-removal-limit"),
    registryGcIntervalMs: seconds("registry-gc-interval", 1),
    registryMaxAgentAgeMs: seconds("registry-max-agent-age", 1),
    registryMaxAgentCount: count("registry-max-agent-count", 1e9),
    offerTimeoutMs: flags.optional("offer-timeout") === undefined ? undefined : seconds("offer-timeout", 0.1),
  };
}

function removalRate(flags: Flags): MasterSettings["agentRemovalRate"] {
  const name = "agent-removal-rate-limit";
  const value = flags.optional(name);
  if (value === undefined) return undefined;
  const [count = "", duration = "", ...rest] = value.split("/");
  const perMs = parseDuration(duration);
  const valid = /^[1-9]\d{0,8}$/.test(count) && perMs.ok && perMs.value > 0 && rest.length === 0;
  if (!valid) throw badFlag(name, value, "a whole number, a slash and a duration, as 1/10mins");
  return { count: Number(count), perMs: perMs.value };
}

/** A percentage as a number from 0 to 1. */
function share(flags: Flags, name: string): number {
  const value = flags.text(name);
  const [, digits] = /^(\d{1,3}(?:\.\d+)?)%$/.exec(value) ?? [];
  if (digits === undefined || Number(digits) > 100) throw badFlag(name, value, "a percentage, as 50%");
  return Number(digits) / 100;
}
