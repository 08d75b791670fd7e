/** No offer passes a limit; what is guaranteed is not withheld from who wants it. */
import type { SimMaster } from "./sim-master.ts";
import { Violation } from "./violation.ts";

export class QuotaPromises {
  /** Offers made to roles with quota. */
  offers = 0;
  readonly #seen = new Set<string>();

  /**
   * Looks at the offers made in the turn. What a role holds otherwise may be beyond its limit: tasks from
   * before the quota, or of an agent that came back; then it is offered nothing of that.
   */
  turned(master: SimMaster): void {
    const leader = master.node?.core.leader;
    if (leader === undefined) return;
    const quotas = new Map(leader.allocator.quotaViews().map((view) => [view.role, view]));
    for (const { id, role, resources } of leader.offers.values()) {
      if (this.#seen.has(id)) continue;
      this.#seen.add(id);
      const quota = quotas.get(role.split("/")[0] ?? "");
      if (quota === undefined) continue;
      this.offers++;
      for (const [name, milli] of resources.unreserved().nonRevocable().quantities()) {
        const [consumed, limit] = [quota.consumed.get(name) ?? 0, quota.limits.get(name)];
        if (milli === 0 || limit === undefined || consumed <= limit) continue;
        throw new Violation(
          `Role ${role} was offered ${milli} ${name} and has ${consumed}, its limit is ${limit}`,
        );
      }
    }
  }

  /**
   * A guarantee that is not met although someone wants it and it could be offered; undefined when there is
   * none.
   */
  starved(master: SimMaster): string | undefined {
    const leader = master.node?.core.leader;
    if (leader === undefined) return "no leader";
    for (const { role, guarantees, consumed } of leader.allocator.quotaViews()) {
      const lacking = [...guarantees].filter(([name, milli]) => milli > (consumed.get(name) ?? 0));
      if (lacking.length === 0) continue;
      for (const framework of leader.frameworks.values()) {
        if (framework.streamId === undefined) continue;
        const explained = leader.allocator.explain(framework.id, leader.now);
        for (const one of explained?.roles ?? []) {
          const below = one.role === role || one.role.startsWith(`${role}/`);
          if (below && !one.suppressed && one.agents.available > 0)
            return `${framework.id} could be offered what role ${role} lacks: ${lacking.join(" ")}`;
        }
      }
    }
    return undefined;
  }
}
