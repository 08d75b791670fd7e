/**
 * Maintenance windows. An agent on a machine that is down keeps its record,
 * and with it its reservations and volumes: it counts as unreachable until the
 * machine is up and the agent registers again.
 */
import { machineKey } from "../model/machines.ts";
import type { MachineID } from "../model/v1/ids.ts";
import { decodeBlob } from "../wire/blob.ts";
import type { StartMaintenance, StopMaintenance, UpdateMaintenance } from "./agent-commands.ts";
import { ACCEPTED, refused } from "./apply-outcome.ts";
import { endTasks } from "./apply-removals.ts";
import type { EndedTask, Outcome } from "./commands.ts";
import type { AgentRecord } from "./records.ts";
import type { RegistryState } from "./state.ts";

export function updateMaintenance(state: RegistryState, command: UpdateMaintenance): Outcome {
  const { maintenance } = state;
  const schedule = decodeBlob("Schedule", command.schedule);
  const named = new Set((schedule.windows ?? []).flatMap((w) => (w.machine_ids ?? []).map(machineKey)));
  if (maintenance.down.some((machine) => !named.has(machineKey(machine)))) return refused("machine-mode");
  maintenance.replace(schedule);
  state.touch({ kind: "maintenance" });
  return ACCEPTED;
}

export function startMaintenance(state: RegistryState, { machines, atMs }: StartMaintenance): Outcome {
  const { maintenance } = state;
  if (machines.some((machine) => maintenance.modeOf(machine) !== "DRAINING")) return refused("machine-mode");
  maintenance.takeDown(machines);
  state.touch({ kind: "maintenance" });
  const endedTasks: EndedTask[] = [];
  for (const agent of agentsOn(state, machines)) {
    const ended = endTasks(state, agent, {
      aware: "TASK_GONE",
      reason: "REASON_AGENT_REMOVED",
      message: "Agent was taken down for maintenance",
      atMs,
    });
    for (const task of ended) endedTasks.push(task);
    agent.unreachableAtMs ??= atMs;
    state.touch({ kind: "agent", id: agent.id });
  }
  return { accepted: true, endedTasks };
}

/** By id: map order differs between masters. Only infos of agents at a fitting address are looked into. */
function agentsOn(state: RegistryState, machines: readonly MachineID[]): AgentRecord[] {
  const ips = new Set(machines.map(({ ip = "" }) => ip));
  const found = [...state.agents.values()].filter(
    ({ info, ip }) =>
      (ips.has("") || ips.has(ip)) && state.maintenance.isDown(decodeBlob("AgentInfo", info).hostname, ip),
  );
  return found.sort((a, b) => (a.id < b.id ? -1 : 1));
}

export function stopMaintenance(state: RegistryState, { machines }: StopMaintenance): Outcome {
  const { maintenance } = state;
  if (machines.some((machine) => maintenance.modeOf(machine) !== "DOWN")) return refused("machine-mode");
  maintenance.bringUp(machines);
  state.touch({ kind: "maintenance" });
  return ACCEPTED;
}
