import type { Leader } from "./leader.ts";
import type { FrameworkMemory } from "./memory.ts";
import { timerName } from "./timer-names.ts";

export function sendHeartbeat(leader: Leader, framework: FrameworkMemory): void {
  leader.send(framework, { type: "HEARTBEAT" });
}

export function scheduleHeartbeat(leader: Leader, framework: FrameworkMemory): void {
  const atMs = leader.now.monotonicMs + leader.settings.heartbeatIntervalMs;
  leader.timers.set(timerName("heartbeat", framework.id), atMs);
}

export function heartbeatDue(leader: Leader, frameworkId: string): void {
  const framework = leader.frameworks.get(frameworkId);
  if (framework?.streamId === undefined) return;
  sendHeartbeat(leader, framework);
  scheduleHeartbeat(leader, framework);
}
