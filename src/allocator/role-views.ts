import type { RoleNode } from "./role-nodes.ts";
import type { RoleTree } from "./role-tree.ts";
import type { RoleView } from "./types.ts";

/** Roles that have a framework, hold something or have a weight of their own; sorted by name. */
export function roleViews(tree: RoleTree): RoleView[] {
  const views: RoleView[] = [];
  for (const role of tree.roles()) {
    if (role.queue !== undefined || role.weight !== 1) views.push(viewOf(role, tree));
  }
  return views.sort((a, b) => (a.role < b.role ? -1 : 1));
}

function viewOf(role: RoleNode, tree: RoleTree): RoleView {
  const clients = [...(role.queue?.clients.values() ?? [])];
  return {
    role: role.name,
    weight: role.weight,
    frameworks: clients
      .filter((client) => client.subscribed)
      .map((client) => client.name)
      .sort(),
    allocated: role.queue === undefined ? new Map() : tree.quantities(role.queue),
    share: role.share,
  };
}
