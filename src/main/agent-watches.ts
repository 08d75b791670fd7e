/** What looks again and again at an agent's containers, and ends those that do what they should not. */
import { loadavg } from "node:os";
import type { AgentPort } from "../agent/port.ts";
import type { Log } from "../base/log.ts";
import type { Runtime } from "../isolation/runtime.ts";
import { type LoadSettings, LoadWatch } from "./load-watch.ts";
import { type PortSettings, startPortWatch } from "./port-watch.ts";

export interface WatchSettings {
  /** Left out: tasks may listen where they like. */
  readonly ports?: PortSettings;
  /** Left out: revocable resources are not taken back. */
  readonly load?: LoadSettings | undefined;
}

export interface AgentWatches {
  metrics(): Readonly<Record<string, number>>;
  stop(): Promise<void>;
}

export function startWatches(
  { ports: portSettings, load: loadSettings }: WatchSettings,
  given: { readonly port: AgentPort; readonly runtime: Runtime; readonly log: Log },
): AgentWatches {
  const ports = portSettings && startPortWatch({ ...given, settings: portSettings });
  const load = loadSettings && new LoadWatch({ ...given, settings: loadSettings, load: loadavg });
  load?.start();
  return {
    metrics: () => load?.metrics() ?? {},
    stop: async () => {
      await Promise.all([ports?.stop(), load?.stop()]);
    },
  };
}
