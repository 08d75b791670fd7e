/** Applying changes of what operators set for roles: weights and quota. */
import { isNoQuota, type Quota } from "../model/quota.ts";
import { ACCEPTED } from "./apply-outcome.ts";
import type { Outcome, UpdateQuota, UpdateWeights } from "./commands.ts";
import { Fields } from "./fields.ts";
import type { RegistryState } from "./state.ts";

export function updateWeights(state: RegistryState, { weights }: UpdateWeights): Outcome {
  for (const [role, weight] of weights) {
    state.weights.set(role, weight);
    state.touch({ kind: "weight", id: role });
  }
  return ACCEPTED;
}

export function updateQuota(state: RegistryState, { quotas }: UpdateQuota): Outcome {
  for (const [role, quota] of quotas) {
    if (isNoQuota(quota)) state.quotas.delete(role);
    else state.quotas.set(role, quota);
    state.touch({ kind: "quota", id: role });
  }
  return ACCEPTED;
}

/** As commands and records keep it: names and thousandths in turn, guarantees then limits. */
export function writeQuota({ guarantees, limits }: Quota): unknown[] {
  return [[...guarantees].flat(), [...limits].flat()];
}

export function readQuota(values: unknown): Quota {
  const fields = new Fields(values, "quota");
  return { guarantees: readAmounts(fields.list(0)), limits: readAmounts(fields.list(1)) };
}

function readAmounts(values: readonly unknown[]): Map<string, number> {
  const fields = new Fields(values, "quota amounts");
  const amounts = new Map<string, number>();
  for (let i = 0; i < fields.length; i += 2) amounts.set(fields.text(i), fields.number(i + 1));
  return amounts;
}
