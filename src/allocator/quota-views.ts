/** Quota as operators see it, and what must hold of its books. */
import { assert } from "../base/assert.ts";
import type { AgentRecord } from "./agent-record.ts";
import type { ScalarQuantities } from "./quantities.ts";
import type { QuotaBook } from "./quota-book.ts";
import type { RoleTree } from "./role-tree.ts";
import type { QuotaView } from "./types.ts";

/** Sorted by role. */
export function quotaViews(quotas: QuotaBook, tree: RoleTree): QuotaView[] {
  const views: QuotaView[] = [];
  for (const quota of quotas.roles()) {
    views.push({
      role: quota.name,
      guarantees: quotas.named(quota.guarantees),
      limits: quotas.limitsOf(quota),
      consumed: quotas.named(quota.consumed),
      allocated: tree.quantities(tree.ensureRole(quota.name)),
    });
  }
  return views.sort((a, b) => (a.role < b.role ? -1 : 1));
}

/** Throws AssertionError when the book says something else than a count from nothing. */
export function assertQuotaConsistent(
  agents: Iterable<AgentRecord>,
  tree: RoleTree,
  quotas: QuotaBook,
): void {
  if (!quotas.active) return;
  const known = [...agents];
  const uses = quotas.use(
    [...quotas.roles()].map((quota) => quota.name),
    known,
  );
  const required = new Map<string, number>();
  for (const quota of quotas.roles()) {
    const use = uses.get(quota.name) ?? new Map<string, number>();
    const consumed = quotas.named(quota.consumed);
    assertSame(`Quota of '${quota.name}'`, consumed, use);
    for (const [name, milli] of quotas.named(quota.guarantees)) {
      const need = Math.max(0, milli - (consumed.get(name) ?? 0));
      required.set(name, (required.get(name) ?? 0) + need);
    }
    assert(tree.role(quota.name)?.quota === quota, `Role '${quota.name}' has another quota`);
  }
  const headroom = new Map<string, number>();
  for (const { active, free } of known) {
    if (!active) continue;
    for (const [name, milli] of free.unreserved().nonRevocable().quantities())
      headroom.set(name, (headroom.get(name) ?? 0) + milli);
  }
  assertSame("Headroom", quotas.sums.headroom, headroom);
  assertSame("Required headroom", quotas.sums.required, required);
}

function assertSame(what: string, a: ScalarQuantities, b: ScalarQuantities): void {
  for (const name of new Set([...a.keys(), ...b.keys()])) {
    const [counted, real] = [a.get(name) ?? 0, b.get(name) ?? 0];
    assert(counted === real, `${what} counts ${counted} ${name}, there are ${real}`);
  }
}
