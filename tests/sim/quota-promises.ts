/** No offer passes a limit; what is guaranteed is not withheld from who wants it. */
import type { SchedulerEvent } from "../../src/model/v1/scheduler.ts";
import type { SimMaster } from "./sim-master.ts";
import { Violation } from "./violation.ts";

export class QuotaPromises {
  /** Offers made to roles with quota. */
  offers = 0;

  /**
   * What a role held when an offer was made to it counts, whatever the quota was when it came to it:
   * tasks from before a quota, or of an agent that came back, may be beyond it, and then the role is offered
   * nothing
   * of that.
   */
  tellsFramework(master: SimMaster, event: SchedulerEvent): void {
    const leader = master.node?.core.leader;
    if (leader === undefined || event.offers === undefined) return;
    const quotas = new Map(leader.allocator.quotaViews().map((view) => [view.role, view]));
    if (quotas.size === 0) return;
    for (const { id } of event.offers.offers ?? []) {
      const offer = leader.offers.get(id.value);
      const quota = quotas.get(offer?.role.split("/")[0] ?? "");
      if (offer === undefined || quota === undefined) continue;
      this.offers++;
      for (const [name, milli] of offer.resources.unreserved().nonRevocable().quantities()) {
        const [consumed, limit] = [quota.consumed.get(name) ?? 0, quota.limits.get(name)];
        if (milli === 0 || limit === undefined || consumed <= limit) continue;
        throw new Violation(
          `Role ${offer.role} was offered ${milli} ${name} and has ${consumed}, its limit is ${limit}`,
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
