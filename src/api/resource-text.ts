/**
 * Resources as the legacy endpoints show them (mesos-wire.md section 7.2):
 * `cpus`, `gpus`, `mem` and `disk` always, other scalars as numbers, ranges
 * and sets as text, revocable ones under `<name>_revocable`.
 */
import type { Resource, ValueRange } from "../model/v1/resources.ts";
import { encodeJson } from "../wire/json-encode.ts";
import { dictionary, double, type JsonText, list, quote } from "./json-text.ts";

/** Scalars are summed in thousandths: Mesos rounds to three decimals, and so never drifts. */
const MILLI = 1_000;

/** `{"cpus":1.5,"gpus":0.0,…,"ports":"[31000-32000]"}`. Written for speed: /state has five for each agent. */
export function resourcesJson(resources: readonly Resource[]): JsonText {
  let cpus = 0;
  let gpus = 0;
  let mem = 0;
  let disk = 0;
  const others: Resource[] = [];
  for (const resource of resources) {
    const { name, scalar } = resource;
    if (scalar === undefined || resource.revocable !== undefined) others.push(resource);
    else if (name === "cpus") cpus += milliOf(scalar.value);
    else if (name === "mem") mem += milliOf(scalar.value);
    else if (name === "disk") disk += milliOf(scalar.value);
    else if (name === "gpus") gpus += milliOf(scalar.value);
    else others.push(resource);
  }
  const rest = others.length === 0 ? "" : otherResources(others);
  return (
    `{"cpus":${double(cpus / MILLI)},"gpus":${double(gpus / MILLI)},` +
    `"mem":${double(mem / MILLI)},"disk":${double(disk / MILLI)}${rest}}`
  );
}

function milliOf(value: number): number {
  return Math.round(value * MILLI);
}

/** Members for everything but the four usual scalars, each with a comma before it. */
function otherResources(resources: readonly Resource[]): string {
  const scalars = new Map<string, number>();
  const ranges = new Map<string, ValueRange[]>();
  const sets = new Map<string, Set<string>>();
  for (const resource of resources) {
    const name = resource.revocable === undefined ? resource.name : `${resource.name}_revocable`;
    if (resource.scalar !== undefined) {
      scalars.set(name, (scalars.get(name) ?? 0) + milliOf(resource.scalar.value));
    } else if (resource.ranges !== undefined) {
      ranges.set(name, (ranges.get(name) ?? []).concat(resource.ranges.range ?? []));
    } else if (resource.set !== undefined) {
      sets.set(name, new Set([...(sets.get(name) ?? []), ...(resource.set.item ?? [])]));
    }
  }
  let out = "";
  for (const [name, milli] of scalars) out += `,${quote(name)}:${double(milli / MILLI)}`;
  for (const [name, parts] of ranges) out += `,${quote(name)}:${quote(rangesText(parts))}`;
  for (const [name, items] of sets) out += `,${quote(name)}:${quote(`{${[...items].sort().join(", ")}}`)}`;
  return out;
}

/** Scalars only, without zeros: `{"cpus":1.5}`, as in /roles. */
export function quantitiesJson(resources: readonly Resource[]): JsonText {
  return dictionary(
    [...quantities(resources)].map(([name, milli]) => [name, double(milli / MILLI)] as const),
  );
}

/** Sums of the scalars by name, in thousandths. */
export function quantities(resources: readonly Resource[]): Map<string, number> {
  const sums = new Map<string, number>();
  for (const { name, scalar } of resources) {
    if (scalar !== undefined) sums.set(name, (sums.get(name) ?? 0) + milliOf(scalar.value));
  }
  return sums;
}

/** `[31000-31010, 32000-32000]`, sorted and joined. */
export function rangesText(ranges: readonly ValueRange[]): string {
  const joined: ValueRange[] = [];
  for (const range of [...ranges].sort((a, b) => a.begin - b.begin)) {
    const last = joined.at(-1);
    if (last !== undefined && range.begin <= last.end + 1) last.end = Math.max(last.end, range.end);
    else joined.push({ ...range });
  }
  return `[${joined.map(({ begin, end }) => `${begin}-${end}`).join(", ")}]`;
}

/** The role a resource is reserved to; undefined when it is not reserved. */
export function reservedRole(resource: Resource): string | undefined {
  const role = resource.reservations?.at(-1)?.role ?? resource.role;
  return role === "*" ? undefined : role;
}

/** Reserved resources by role, roles in order of appearance. */
export function reservedByRole(resources: readonly Resource[]): Map<string, Resource[]> {
  const roles = new Map<string, Resource[]>();
  for (const resource of resources) {
    const role = reservedRole(resource);
    if (role === undefined) continue;
    const known = roles.get(role);
    if (known) known.push(resource);
    else roles.set(role, [resource]);
  }
  return roles;
}

export function unreserved(resources: readonly Resource[]): Resource[] {
  return resources.filter((resource) => reservedRole(resource) === undefined);
}

/**
 * A resource with its reservation in both formats, as Mesos' endpoints show
 * it (common/resources_utils.cpp, ENDPOINT): `role`, and `reservation` when
 * dynamic, beside `reservations`, unless the reservation was refined.
 */
export function endpointResource(resource: Resource): Resource {
  const { reservations = [] } = resource;
  const [first] = reservations;
  if (first === undefined) return { ...resource, role: resource.role ?? "*" };
  if (reservations.length > 1) return resource;
  const withRole = { ...resource, role: first.role ?? "*" };
  if (first.type !== "DYNAMIC") return withRole;
  const { principal, labels } = first;
  return {
    ...withRole,
    reservation: { ...(principal !== undefined && { principal }), ...(labels !== undefined && { labels }) },
  };
}

/** `[Resource]` with {@link endpointResource} applied, as in `…_full`. */
export function fullResourcesJson(resources: readonly Resource[]): JsonText {
  return list(resources, (resource) => encodeJson("Resource", endpointResource(resource)));
}
