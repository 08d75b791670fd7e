/**
 * The resources an agent offers: what `--resources` names, and for cpus, mem,
 * disk, gpus and ports that it does not name, what the machine has (RES-5 to RES-7;
 * Mesos src/slave/containerizer/containerizer.cpp).
 */
import { fail, ok, type Result } from "../base/result.ts";
import { toResources } from "../model/resource-format.ts";
import { parseResources } from "../model/resources-text.ts";
import { ANY_ROLE } from "../model/roles.ts";
import type { Resource } from "../model/v1/resources.ts";
import { decodeJsonValue } from "../wire/json-decode.ts";

/** What the machine has; undefined where it cannot be told. */
export interface MachineFacts {
  readonly cpus: number | undefined;
  readonly memBytes: number | undefined;
  /** Size of the file system that holds the work directory. */
  readonly diskBytes: number | undefined;
  /** That can be handed out; absent: none. */
  readonly gpus?: number;
}

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;
/** Left to the system, when the machine has at least twice that. */
const MEM_KEPT_BYTES = GIB;
const DISK_KEPT_BYTES = 5 * GIB;
/** When the machine does not tell (Mesos src/slave/constants.hpp). */
const DEFAULT_CPUS = 1;
const DEFAULT_MEM_BYTES = GIB;
const DEFAULT_DISK_BYTES = 10 * GIB;
const DEFAULT_PORTS = { begin: 31_000, end: 32_000 } as const;

/**
 * The error is a whole line for the user.
 * @param defaultRole gets what names no role, reserved statically (`--default_role`, RES-9)
 */
export function agentResources(
  flag: string | undefined,
  facts: MachineFacts,
  defaultRole: string = ANY_ROLE,
): Result<readonly Resource[]> {
  const named = parseFlag(flag, defaultRole);
  if (!named.ok) return named;
  const names = new Set(named.value.map((resource) => resource.name));
  const detected: readonly Resource[] = [
    scalar("cpus", facts.cpus ?? DEFAULT_CPUS),
    scalar("mem", usableMegabytes(facts.memBytes, MEM_KEPT_BYTES, DEFAULT_MEM_BYTES)),
    scalar("disk", usableMegabytes(facts.diskBytes, DISK_KEPT_BYTES, DEFAULT_DISK_BYTES)),
    ...(facts.gpus === undefined || facts.gpus === 0 ? [] : [scalar("gpus", facts.gpus)]),
    { name: "ports", type: "RANGES", ranges: { range: [{ ...DEFAULT_PORTS }] } },
  ];
  const missing = detected.filter((resource) => !names.has(resource.name));
  return ok([...named.value, ...missing.map((resource) => inRole(resource, defaultRole))]);
}

function inRole(resource: Resource, role: string): Resource {
  return role === ANY_ROLE ? resource : { ...resource, reservations: [{ type: "STATIC", role }] };
}

function parseFlag(flag: string | undefined, defaultRole: string): Result<readonly Resource[]> {
  if (flag === undefined || flag.trim() === "") return ok([]);
  const decode = (value: unknown) => decodeJsonValue<"Resource">("Resource", value);
  const parsed = parseResources(flag, { decode, defaultRole });
  if (!parsed.ok) return fail(`Cannot use --resources '${flag}': ${parsed.error}`);
  return ok(toResources(parsed.value));
}

/** Memory and disk are counted in mebibytes, whole ones. */
function usableMegabytes(bytes: number | undefined, keptBytes: number, defaultBytes: number): number {
  if (bytes === undefined) return defaultBytes / MIB;
  const usable = bytes >= 2 * keptBytes ? bytes - keptBytes : bytes / 2;
  return Math.floor(usable / MIB);
}

function scalar(name: string, value: number): Resource {
  return { name, type: "SCALAR", scalar: { value } };
}
