/**
 * Weights and quota: an operator's change is checked, committed, then given to the allocator (QTA-1 to
 * QTA-12).
 */
import type { Result } from "../base/result.ts";
import type { RoleCommand, UpdateQuota, UpdateWeights } from "../registry/commands.ts";
import type { Fate, Leader } from "./leader.ts";
import { rescindBeyondQuota, rescindOffersIf } from "./offers.ts";
import type { CallAnswer, RoleChange } from "./port.ts";
import { quotaRemoval, quotaRequest, quotaUpdate } from "./quota-checks.ts";
import type { AnswerRef } from "./types.ts";
import { weightsUpdate } from "./weight-checks.ts";

export function changeRoles(leader: Leader, ref: AnswerRef, change: RoleChange): void {
  const command = commandOf(leader, change);
  if (!command.ok) {
    leader.answer(ref, command.error.status, command.error.body);
    return;
  }
  if (command.value.kind === "update-quota") leader.quotaChanges.push(command.value);
  leader.proposeFor(ref, command.value);
}

function commandOf(leader: Leader, change: RoleChange): Result<RoleCommand, CallAnswer> {
  switch (change.kind) {
    case "weights":
      return weightsUpdate(leader, change.weights);
    case "quota":
      return quotaUpdate(leader, change.configs, change.force);
    case "set-quota":
      return quotaRequest(leader, change.request);
    case "remove-quota":
      return quotaRemoval(leader, change.role);
  }
}

/** All offers go back when an active role is among them, so that the new weights count at once (QTA-12). */
export function weightsUpdated(leader: Leader, command: UpdateWeights, fate: Fate): void {
  leader.answerRequest(command, fate, neverRefused);
  if (!fate.accepted) return;
  for (const [role, weight] of command.weights) leader.allocator.updateWeight(role, weight);
  if (isAnyActive(leader, new Set(command.weights.map(([role]) => role)))) {
    rescindOffersIf(leader, () => true);
  }
  leader.allocationDue = true;
}

export function quotaUpdated(leader: Leader, command: UpdateQuota, fate: Fate): void {
  // One that was applied is a copy of the oldest; one that the log refused is itself.
  leader.quotaChanges.splice(Math.max(0, leader.quotaChanges.indexOf(command)), 1);
  leader.answerRequest(command, fate, neverRefused);
  if (!fate.accepted) return;
  leader.allocator.updateQuotas(command.quotas);
  rescindBeyondQuota(leader);
  leader.allocationDue = true;
}

function neverRefused(): [status: number, body: string] {
  return [503, "Nothing was changed: the registry refused it; try again"];
}

/** Frameworks are in one of the roles or below it. */
function isAnyActive(leader: Leader, named: ReadonlySet<string>): boolean {
  for (const { roles } of leader.frameworks.values()) {
    for (const role of roles) {
      for (let end = role.length; end > 0; end = role.lastIndexOf("/", end - 1)) {
        if (named.has(role.slice(0, end))) return true;
      }
    }
  }
  return false;
}
