/**
 * The maintenance schedule, and machines that go down and come up (AGT-16, AGT-17; Mesos:
 * Master::Http::updateMaintenanceSchedule, startMaintenance, stopMaintenance).
 */
import { BLOB_MAX_BYTES } from "../base/limits.ts";
import { checkMachines, checkSchedule, machineKey, machineText } from "../model/machines.ts";
import type { MachineID } from "../model/v1/ids.ts";
import type { StartMaintenance, StopMaintenance, UpdateMaintenance } from "../registry/agent-commands.ts";
import { encodeBlob } from "../wire/blob.ts";
import { announceLoss, leaveAllocator } from "./agent-liveness.ts";
import { refuseAgent } from "./agents.ts";
import { rescindInverseOffers } from "./inverse-offers.ts";
import type { Fate, Leader } from "./leader.ts";
import { isMachineDown, machineDownMessage } from "./machines.ts";
import type { AgentMemory } from "./memory.ts";
import { rescindOffersOnAgent } from "./offers.ts";
import type { MachineChange } from "./port.ts";
import { dropHoldings, tellLosses } from "./task-losses.ts";
import type { AnswerRef } from "./types.ts";

type Change<K extends MachineChange["kind"]> = Extract<MachineChange, { kind: K }>;

export function updateSchedule(leader: Leader, ref: AnswerRef, { schedule }: Change<"schedule">): void {
  const error = checkSchedule(schedule) ?? lostFromSchedule(leader, schedule);
  const blob = error === undefined ? encodeBlob("Schedule", schedule) : new Uint8Array();
  if (error !== undefined) leader.answer(ref, 400, error);
  else if (blob.length > BLOB_MAX_BYTES) {
    const body = `The schedule takes ${blob.length} bytes, more than ${BLOB_MAX_BYTES}; plan fewer machines`;
    leader.answer(ref, 400, body);
  } else leader.proposeFor(ref, { kind: "update-maintenance", schedule: blob, atMs: leader.now.wallMs });
}

/** A machine that is down must first come up. */
function lostFromSchedule(
  leader: Leader,
  { windows = [] }: Change<"schedule">["schedule"],
): string | undefined {
  const named = new Set(windows.flatMap(({ machine_ids = [] }) => machine_ids.map(machineKey)));
  const lost = leader.registry.maintenance.down.find((machine) => !named.has(machineKey(machine)));
  if (lost === undefined) return undefined;
  return `Machine '${machineText(lost)}' is deactivated and cannot be removed from the schedule`;
}

export function takeMachinesDown(
  leader: Leader,
  ref: AnswerRef,
  { machines }: Change<"machines-down">,
): void {
  const error = checkMachines(machines) ?? wrongMode(leader, machines, "DRAINING", "down");
  const [last, ...others] = [...machines].reverse();
  if (error !== undefined || last === undefined) {
    leader.answer(ref, 400, error);
    return;
  }
  const atMs = leader.now.wallMs;
  // One command for each: an entry is applied without a break, and with a machine go its tasks.
  for (const machine of others) leader.propose({ kind: "start-maintenance", machines: [machine], atMs });
  if (others.length > 0) leader.goingDown.set(ref, machines);
  leader.proposeFor(ref, { kind: "start-maintenance", machines: [last], atMs });
}

export function bringMachinesUp(leader: Leader, ref: AnswerRef, { machines }: Change<"machines-up">): void {
  const error = checkMachines(machines) ?? wrongMode(leader, machines, "DOWN", "up");
  if (error !== undefined) leader.answer(ref, 400, error);
  else leader.proposeFor(ref, { kind: "stop-maintenance", machines, atMs: leader.now.wallMs });
}

function wrongMode(
  leader: Leader,
  machines: readonly MachineID[],
  needed: "DRAINING" | "DOWN",
  way: "down" | "up",
): string | undefined {
  for (const machine of machines) {
    const mode = leader.registry.maintenance.modeOf(machine);
    if (mode === "UP") return `Machine '${machineText(machine)}' is not part of a maintenance schedule`;
    if (mode === needed) continue;
    return `Machine '${machineText(machine)}' is not in ${needed} mode and cannot be brought ${way}`;
  }
  return undefined;
}

const CHANGED_MEANWHILE = "The maintenance schedule changed meanwhile; read it and try again";

export function scheduleUpdated(leader: Leader, command: UpdateMaintenance, fate: Fate): void {
  leader.answerRequest(command, fate, () => [400, CHANGED_MEANWHILE]);
  if (fate.accepted) refreshWindows(leader);
}

export function machinesUp(leader: Leader, command: StopMaintenance, fate: Fate): void {
  leader.answerRequest(command, fate, () => [400, CHANGED_MEANWHILE]);
  if (fate.accepted) refreshWindows(leader);
}

const ONLY_SOME_GO_DOWN =
  "Perhaps only some of the machines go down: the log of the master is full, or a master of an older version is among the masters; ask again for those that the maintenance status still shows as draining";

/** The last command of a call answers for all: those before it were decided before it. */
function answerDown(leader: Leader, command: StartMaintenance, fate: Fate): void {
  const ref = leader.requests.of(command);
  const machines = ref === undefined ? undefined : leader.goingDown.get(ref);
  if (ref === undefined || machines === undefined) {
    leader.answerRequest(command, fate, () => [400, CHANGED_MEANWHILE]);
    return;
  }
  leader.requests.take(command);
  leader.goingDown.delete(ref);
  const missed = machines.filter((machine) => leader.registry.maintenance.modeOf(machine) !== "DOWN");
  if (!fate.accepted && fate.reason === "overloaded") leader.answer(ref, 503, ONLY_SOME_GO_DOWN);
  else if (missed.length === 0) leader.answer(ref, 200);
  else {
    const names = missed.map(machineText).join(", ");
    leader.answer(ref, 400, `${CHANGED_MEANWHILE}. Not down: ${names}`);
  }
}

export function machinesDown(leader: Leader, command: StartMaintenance, fate: Fate): void {
  answerDown(leader, command, fate);
  if (!fate.accepted) return;
  for (const agent of leader.agents.values()) if (isMachineDown(leader, agent)) takeDown(leader, agent);
  tellLosses(leader, fate.endedTasks ?? [], {
    reason: "REASON_AGENT_REMOVED",
    message: "Agent was taken down for maintenance",
    atMs: command.atMs,
  });
}

/** It stops, and is let in again when its machine is up; its reservations and volumes stay. */
function takeDown(leader: Leader, agent: AgentMemory): void {
  agent.kills.clear();
  if (agent.unreachable) return;
  leader.counters.bump("slave_removals");
  if (agent.link !== undefined) {
    refuseAgent(leader, agent.link, machineDownMessage(agent.info.hostname, agent.ip), true);
    agent.link = undefined;
  }
  agent.unreachable = true;
  agent.recovered = false;
  leaveAllocator(leader, agent);
  dropHoldings(agent);
  announceLoss(leader, agent);
}

/** Offers made before say nothing of a new window, or still tell of an old one. */
function refreshWindows(leader: Leader): void {
  const { maintenance } = leader.registry;
  for (const agent of leader.agents.values()) {
    const window = maintenance.windowOf(agent.info.hostname, agent.ip);
    if (JSON.stringify(window) === JSON.stringify(agent.unavailability)) continue;
    agent.unavailability = window;
    rescindOffersOnAgent(leader, agent);
    rescindInverseOffers(leader, agent.id);
    // Answers and filters were about the old window (Mesos: updateUnavailability).
    leader.inverseOffers.forgetAgent(agent.id);
    leader.inverseOffers.watch(agent.id, window);
    leader.allocationDue = true;
  }
}
