/**
 * The maintenance schedule and the machines that are down.
 *
 *     UP ──(named in a schedule)──► DRAINING ──start──► DOWN ──stop──► UP
 *      ▲                               │
 *      └──(left out of the next one)───┘
 *
 * Stopping takes the machine out of the schedule (Mesos: master/maintenance.hpp).
 */
import { keysOfMachine, machineKey } from "../model/machines.ts";
import type { MachineID, Unavailability } from "../model/v1/ids.ts";
import type { Schedule, Window } from "../model/v1/maintenance.ts";
import { decodeBlob, encodeBlob } from "../wire/blob.ts";
import { Fields } from "./fields.ts";

export type MachineMode = "UP" | "DRAINING" | "DOWN";

export class Maintenance {
  #schedule: Schedule = {};
  readonly #down = new Map<string, MachineID>();
  #windows = new Map<string, Unavailability>();

  /** Nothing is planned or down. */
  get isEmpty(): boolean {
    return this.#windows.size === 0;
  }

  get schedule(): Schedule {
    return this.#schedule;
  }

  /** Sorted by host name and address. */
  get down(): readonly MachineID[] {
    return [...this.#down].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, machine]) => machine);
  }

  /** Machines with a window that are not down, in the order of the schedule. */
  get draining(): readonly MachineID[] {
    const machines = (this.#schedule.windows ?? []).flatMap(({ machine_ids = [] }) => machine_ids);
    return machines.filter((machine) => !this.#down.has(machineKey(machine)));
  }

  /** Of a machine named as the schedule names it. */
  modeOf(machine: MachineID): MachineMode {
    const key = machineKey(machine);
    if (this.#down.has(key)) return "DOWN";
    return this.#windows.has(key) ? "DRAINING" : "UP";
  }

  /** Whether the machine of an agent is down. */
  isDown(hostname: string, ip: string): boolean {
    return this.#down.size > 0 && keysOfMachine(hostname, ip).some((key) => this.#down.has(key));
  }

  /** When the machine of an agent will not be available. */
  windowOf(hostname: string, ip: string): Unavailability | undefined {
    if (this.isEmpty) return undefined;
    const key = keysOfMachine(hostname, ip).find((each) => this.#windows.has(each));
    return key === undefined ? undefined : this.#windows.get(key);
  }

  /** Each machine that is down must be in it. */
  replace(schedule: Schedule): void {
    this.#schedule = schedule;
    this.#windows = new Map();
    for (const { machine_ids = [], unavailability } of schedule.windows ?? []) {
      for (const machine of machine_ids) this.#windows.set(machineKey(machine), unavailability);
    }
  }

  takeDown(machines: readonly MachineID[]): void {
    for (const machine of machines) this.#down.set(machineKey(machine), machine);
  }

  /** They leave the schedule too. */
  bringUp(machines: readonly MachineID[]): void {
    const keys = new Set(machines.map(machineKey));
    for (const key of keys) this.#down.delete(key);
    const windows = (this.#schedule.windows ?? []).map(
      ({ machine_ids = [], unavailability }): Window => ({
        machine_ids: machine_ids.filter((machine) => !keys.has(machineKey(machine))),
        unavailability,
      }),
    );
    const left = windows.filter(({ machine_ids = [] }) => machine_ids.length > 0);
    this.replace(left.length === 0 ? {} : { windows: left });
  }

  /** Undefined when there is nothing to keep. */
  write(): unknown[] | undefined {
    if (this.isEmpty) return undefined;
    return [encodeBlob("Schedule", this.#schedule), flatMachines(this.down)];
  }

  load(values: unknown): void {
    const fields = new Fields(values, "maintenance");
    this.replace(decodeBlob("Schedule", fields.bytes(0)));
    this.takeDown(machinesOf(fields.texts(1)));
  }
}

/** Host name and address of each in turn; "" for what is not given. */
export function flatMachines(machines: readonly MachineID[]): string[] {
  return machines.flatMap(({ hostname = "", ip = "" }) => [hostname, ip]);
}

export function machinesOf(flat: readonly string[]): MachineID[] {
  const machines: MachineID[] = [];
  for (let at = 0; at + 1 < flat.length; at += 2) {
    const [hostname = "", ip = ""] = [flat[at], flat[at + 1]];
    machines.push({ ...(hostname === "" ? {} : { hostname }), ...(ip === "" ? {} : { ip }) });
  }
  return machines;
}
