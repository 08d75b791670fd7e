/** Roles as /roles and GET_ROLES show them, computed from frameworks and agents. */
import type { AgentView, ClusterView } from "../master/port.ts";
import { rolesOf } from "../model/capabilities.ts";
import type { Role } from "../model/v1/frameworks.ts";
import type { Resource } from "../model/v1/resources.ts";
import { dictionary, double, type JsonText, list, object, quote } from "./json-text.ts";
import { quantities, quantitiesJson, reservedRole } from "./resource-text.ts";

/** Weight of a role that was given none. */
const DEFAULT_WEIGHT = 1;

interface RoleUse {
  readonly name: string;
  readonly allocated: Resource[];
  readonly offered: Resource[];
  readonly reserved: Resource[];
  readonly frameworks: string[];
}

/** Roles that are subscribed to, used, offered to or reserved for, by name. */
function usedRoles(view: ClusterView): RoleUse[] {
  const roles = new Map<string, RoleUse>();
  const role = (name: string): RoleUse => {
    const known = roles.get(name);
    if (known) return known;
    const created: RoleUse = { name, allocated: [], offered: [], reserved: [], frameworks: [] };
    roles.set(name, created);
    return created;
  };
  for (const framework of view.frameworks()) {
    for (const name of new Set(rolesOf(framework.info))) role(name).frameworks.push(framework.id);
  }
  for (const agent of view.agents()) addAgent(agent, role);
  return [...roles.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

function addAgent(agent: AgentView, role: (name: string) => RoleUse): void {
  for (const resource of agent.used) role(allocatedTo(resource)).allocated.push(resource);
  for (const resource of agent.offered) role(allocatedTo(resource)).offered.push(resource);
  for (const resource of agent.total) {
    const name = reservedRole(resource);
    if (name !== undefined) role(name).reserved.push(resource);
  }
}

function allocatedTo(resource: Resource): string {
  return resource.allocation_info?.role ?? "*";
}

export function rolesMessage(view: ClusterView): Role[] {
  return usedRoles(view).map(({ name, frameworks, allocated, offered }) => ({
    name,
    weight: DEFAULT_WEIGHT,
    frameworks: frameworks.map((value) => ({ value })),
    resources: [...quantities([...allocated, ...offered])].map(
      ([resource, milli]): Resource => ({ name: resource, type: "SCALAR", scalar: { value: milli / 1_000 } }),
    ),
  }));
}

export function rolesJson(view: ClusterView): JsonText {
  return object({ roles: list(usedRoles(view), roleJson) });
}

function roleJson(role: RoleUse): JsonText {
  return object({
    name: quote(role.name),
    weight: double(DEFAULT_WEIGHT),
    quota: object({
      role: quote(role.name),
      guarantee: "{}",
      limit: "{}",
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
  const sums = quantities([...reserved, ...allocated.filter((item) => reservedRole(item) === undefined)]);
  return dictionary([...sums].map(([name, milli]) => [name, double(milli / 1_000)] as const));
}
