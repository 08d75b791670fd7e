/**
 * Machines of maintenance schedules, and what of a schedule can be checked without a cluster
 * (Mesos: master/maintenance.cpp, `validation`).
 */
import type { MachineID } from "./v1/ids.ts";
import type { Schedule } from "./v1/maintenance.ts";

/** Equal for the same machine; host names do not tell case. */
export function machineKey({ hostname = "", ip = "" }: MachineID): string {
  return `${hostname.toLowerCase()}/${ip}`;
}

/** Keys of an agent's machine: a schedule may name it by host name, by address, or by both. */
export function keysOfMachine(hostname: string, ip: string): readonly string[] {
  return [machineKey({ hostname, ip }), machineKey({ ip }), machineKey({ hostname })];
}

/** As messages quote a machine. */
export function machineText({ hostname = "", ip = "" }: MachineID): string {
  return JSON.stringify({ hostname, ip });
}

/** Why the schedule cannot be, or undefined. */
export function checkSchedule({ windows = [] }: Schedule): string | undefined {
  const machines: MachineID[] = [];
  for (const { machine_ids = [], unavailability } of windows) {
    if (machine_ids.length === 0) return "List of machines in the maintenance window is empty";
    if ((unavailability.duration?.nanoseconds ?? 0) < 0) return "Unavailability 'duration' is negative";
    // Not spread: there may be more than a call takes arguments.
    for (const machine of machine_ids) machines.push(machine);
  }
  return checkEach(machines);
}

/** Why the list of machines to take down or up cannot be, or undefined. */
export function checkMachines(machines: readonly MachineID[]): string | undefined {
  return machines.length === 0 ? "List of machines is empty" : checkEach(machines);
}

function checkEach(machines: readonly MachineID[]): string | undefined {
  const seen = new Set<string>();
  for (const machine of machines) {
    const { hostname = "", ip = "" } = machine;
    if (hostname === "" && ip === "") return "Both 'hostname' and 'ip' for a machine are empty";
    if (ip !== "" && !isIpv4(ip)) return `Failed to parse the 'ip' of machine '${machineText(machine)}'`;
    const key = machineKey(machine);
    if (seen.has(key)) return `Machine '${machineText(machine)}' appears more than once in the schedule`;
    seen.add(key);
  }
  return undefined;
}

function isIpv4(ip: string): boolean {
  const parts = ip.split(".");
  return parts.length === 4 && parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) <= 255);
}
