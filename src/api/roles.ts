/** Roles as /roles and GET_ROLES show them, computed from frameworks and agents. */
import type { AgentView, ClusterView } from "../master/port.ts";
import { rolesOf } from "../model/capabilities.ts";
import type { Quota } from "../model/quota.ts";
import type { Role } from "../model/v1/frameworks.ts";
import type { Resource } from "../model/v1/resources.ts";
import type { MasterContext } from "./context.ts";
import type { Slices } from "./in-parts.ts";
import { dictionary, double, type JsonText, list, object, quote } from "./json-text.ts";
import { quantities, quantitiesJson, reservedRole } from "./resource-text.ts";

/** Weight of a role that was given none. */
const DEFAULT_WEIGHT = 1;

interface RoleUse {
  readonly name: string;
  readonly parent: RoleUse | undefined;
  readonly allocated: Resource[];
  readonly offered: Resource[];
  readonly reserved: Resource[];
  readonly frameworks: string[];
}

/**
 * Roles that are subscribed to, used, offered to, reserved for, or have a weight or quota, and the roles
 * above them, by name. Amounts are those of a role and all below it (QTA-11).
 */
async function usedRoles(slices: Slices, view: ClusterView): Promise<RoleUse[]> {
  const roles = new Map<string, RoleUse>();
  const role = (name: string): RoleUse => {
    const known = roles.get(name);
    if (known) return known;
    const slash = name.lastIndexOf("/");
    const parent = slash < 0 ? undefined : role(name.slice(0, slash));
    const created: RoleUse = { name, parent, allocated: [], offered: [], reserved: [], frameworks: [] };
    roles.set(name, created);
    return created;
  };
  const frameworks = view.frameworks();
  await slices.each(view.sumFrameworks(), () => {});
  await slices.each(frameworks, (framework) => {
    for (const name of new Set(rolesOf(framework.info))) role(name).frameworks.push(framework.id);
  });
  await slices.each(view.agents(), (agent) => addAgent(agent, role));
  for (const name of view.weights().keys()) role(name);
  for (const name of view.quotas().keys()) role(name);
  return [...roles.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

function addAgent(agent: AgentView, role: (name: string) => RoleUse): void {
  for (const resource of agent.used)
    for (const use of upwards(role(allocatedTo(resource)))) use.allocated.push(resource);
  for (const resource of agent.offered)
    for (const use of upwards(role(allocatedTo(resource)))) use.offered.push(resource);
  for (const resource of agent.total) {
    const name = reservedRole(resource);
    if (name === undefined) continue;
    for (const use of upwards(role(name))) use.reserved.push(resource);
  }
}

/** The role and those above it. */
function* upwards(role: RoleUse): Generator<RoleUse> {
  for (let use: RoleUse | undefined = role; use !== undefined; use = use.parent) yield use;
}

function allocatedTo(resource: Resource): string {
  return resource.allocation_info?.role ?? "*";
}

export async function rolesMessage(slices: Slices, view: ClusterView): Promise<Role[]> {
  const weights = view.weights();
  const roles = await usedRoles(slices, view);
  return roles.map(({ name, frameworks, allocated, offered }) => ({
    name,
    weight: weights.get(name) ?? DEFAULT_WEIGHT,
    frameworks: frameworks.map((value) => ({ value })),
    resources: [...quantities([...allocated, ...offered])].map(
      ([resource, milli]): Resource => ({ name: resource, type: "SCALAR", scalar: { value: milli / 1_000 } }),
    ),
  }));
}

export async function rolesJson({ port, slices }: MasterContext): Promise<JsonText> {
  const view = port.view();
  const [weights, quotas] = [view.weights(), view.quotas()];
  const encode = (role: RoleUse): JsonText => roleJson(role, weights.get(role.name), quotas.get(role.name));
  return object({ roles: list(await usedRoles(slices, view), encode) });
}

function roleJson(role: RoleUse, weight: number | undefined, quota: Quota | undefined): JsonText {
  return object({
    name: quote(role.name),
    weight: double(weight ?? DEFAULT_WEIGHT),
    quota: object({
      role: quote(role.name),
      guarantee: milliJson(quota?.guarantees ?? []),
      limit: milliJson(quota?.limits ?? []),
      consumed: consumedJson(role),
    }),
    resources: quantitiesJson([...role.allocated, ...role.offered]),
    allocated: quantitiesJson(role.allocated),
    offered: quantitiesJson(role.offered),
    reserved: quantitiesJson(role.reserved),
    frameworks: list(role.frameworks, quote),
  });
}

/** What counts against a quota: reservations, and allocations from what is not reserved. */
function consumedJson({ reserved, allocated }: RoleUse): JsonText {
  const counted = allocated.filter(
    (item) => reservedRole(item) === undefined && item.revocable === undefined,
  );
  return milliJson(quantities([...reserved, ...counted]));
}

/** Amounts in thousandths. */
function milliJson(amounts: Iterable<readonly [name: string, milli: number]>): JsonText {
  return dictionary([...amounts].map(([name, milli]) => [name, double(milli / 1_000)] as const));
}
