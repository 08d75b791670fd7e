/** Flags of `mesh master` about who is offered what, and the settings they make. */
import type { Sorter } from "../allocator/lots.ts";
import { type MinAllocatable, parseMinAllocatable } from "../allocator/quantities.ts";
import { SECOND_MS } from "../base/time.ts";
import type { MasterSettings } from "../master/types.ts";
import { checkRole } from "../model/roles.ts";
import { badFlag, type FlagSpec, type Flags } from "./flags.ts";

export const ALLOCATOR_FLAGS: readonly FlagSpec[] = [
  {
    name: "min-allocatable-resources",
    value: "<amounts>",
    description: "Smallest offers worth making: ';' joins amounts, '|' alternatives; empty = all",
    default: "cpus:0.01|mem:32",
  },
  {
    name: "fair-sharing-excluded-resource-names",
    value: "<name,…>",
    description: "Resources that do not count when fair shares are computed, as gpus",
  },
  {
    name: "filter-gpu-resources",
    value: "<bool>",
    description: "Keep agents with GPUs from frameworks without GPU_RESOURCES",
    default: "true",
  },
  {
    name: "role-sorter",
    value: "<drf|random>",
    description: "Which role is offered first: by dominant share, or by lot",
    default: "drf",
  },
  {
    name: "framework-sorter",
    value: "<drf|random>",
    description: "The same of the frameworks of a role",
    default: "drf",
  },
  {
    name: "allocator-agent-recovery-factor",
    value: "<fraction>",
    description:
      "Part of the agents that must be back after a change of leader before offers, if quota is set",
    default: "0.8",
  },
  {
    name: "allocator-recovery-timeout",
    value: "<seconds>",
    description: "Time after which offers are made all the same",
    default: "600",
  },
  {
    name: "roles",
    value: "<name,…>",
    description: "Only roles that frameworks may use, beside '*'; without it they may use any",
  },
  {
    name: "whitelist",
    value: "<file>",
    description: "File of host names, one a line, read again every 5 s: other agents get no new tasks",
  },
];

export type AllocatorSettings = Pick<
  MasterSettings,
  "allocation" | "recoveryFactor" | "recoveryTimeoutMs" | "roleWhitelist"
>;

/** Throws MeshError BAD_FLAG. */
export function readAllocatorFlags(flags: Flags): AllocatorSettings {
  return {
    allocation: {
      minAllocatable: minAllocatableOf(flags),
      fairShareExcluded: namesOf(flags, "fair-sharing-excluded-resource-names") ?? [],
      filterGpuResources: flags.switch("filter-gpu-resources"),
      roleSorter: sorterOf(flags, "role-sorter"),
      frameworkSorter: sorterOf(flags, "framework-sorter"),
    },
    recoveryFactor: flags.number("allocator-agent-recovery-factor", { min: 0, max: 1 }),
    recoveryTimeoutMs: flags.number("allocator-recovery-timeout", { min: 0, max: 1e9 }) * SECOND_MS,
    roleWhitelist: rolesOf(flags),
  };
}

function minAllocatableOf(flags: Flags): MinAllocatable {
  const text = flags.optional("min-allocatable-resources") ?? "";
  const minimum = parseMinAllocatable(text);
  if (minimum.ok) return minimum.value;
  throw badFlag("min-allocatable-resources", text, "amounts as cpus:0.01|mem:32");
}

function sorterOf(flags: Flags, name: string): Sorter {
  const value = flags.text(name);
  if (value === "drf" || value === "random") return value;
  throw badFlag(name, value, "drf or random");
}

function rolesOf(flags: Flags): ReadonlySet<string> | undefined {
  const roles = namesOf(flags, "roles");
  if (roles === undefined) return undefined;
  for (const role of roles) {
    const wrong = checkRole(role);
    if (wrong !== undefined) throw badFlag("roles", role, `the name of a role: ${wrong}`);
  }
  return new Set(["*", ...roles]);
}

function namesOf(flags: Flags, name: string): string[] | undefined {
  const given = flags.optional(name);
  if (given === undefined) return undefined;
  return given
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
}
