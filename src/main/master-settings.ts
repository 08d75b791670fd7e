/** Settings of a leading master from the flags of `mesh master`. */
import { SECOND_MS } from "../base/time.ts";
import type { MasterSettings } from "../master/types.ts";
import type { Flags } from "./flags.ts";

export type FlagSettings = Partial<Omit<MasterSettings, "address" | "version">>;

/** Throws MeshError BAD_FLAG. */
export function settingsOf(flags: Flags): FlagSettings {
  const seconds = (name: string, min: number): number => flags.number(name, { min, max: 1e9 }) * SECOND_MS;
  const count = (name: string, max: number): number => flags.number(name, { min: 1, max, integer: true });
  return {
    agentPingIntervalMs: seconds("agent-ping-timeout", 1),
    maxAgentPingTimeouts: count("max-agent-ping-timeouts", 1000),
    agentReregisterTimeoutMs: seconds("agent-reregister-timeout", 1),
    registryGcIntervalMs: seconds("registry-gc-interval", 1),
    registryMaxAgentAgeMs: seconds("registry-max-agent-age", 1),
    registryMaxAgentCount: count("registry-max-agent-count", 1e9),
    offerTimeoutMs: flags.optional("offer-timeout") === undefined ? undefined : seconds("offer-timeout", 0.1),
  };
}
