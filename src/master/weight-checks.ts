/** UPDATE_WEIGHTS and PUT /weights (Mesos master/weights_handler.cpp). */
import { ROLE_SETTINGS_MAX } from "../base/limits.ts";
import { fail, ok, type Result } from "../base/result.ts";
import { checkRole } from "../model/roles.ts";
import type { WeightInfo } from "../model/v1/frameworks.ts";
import type { UpdateWeights } from "../registry/commands.ts";
import type { Leader } from "./leader.ts";
import type { CallAnswer } from "./port.ts";

const FAILED = "Failed to validate update weights request";

export function weightsUpdate(
  leader: Leader,
  infos: readonly WeightInfo[],
): Result<UpdateWeights, CallAnswer> {
  const weights = new Map<string, number>();
  for (const info of infos) {
    const role = (info.role ?? "").trim();
    const reason = checkWeight(leader, role, info.weight);
    if (reason !== undefined) return fail({ status: 400, body: `${FAILED}${reason}` });
    weights.set(role, info.weight);
  }
  let total = leader.registry.weights.size;
  for (const role of weights.keys()) if (!leader.registry.weights.has(role)) total++;
  if (total > ROLE_SETTINGS_MAX) {
    return fail({ status: 400, body: `${FAILED}: at most ${ROLE_SETTINGS_MAX} roles can have a weight` });
  }
  return ok({ kind: "update-weights", weights: [...weights] });
}

function checkWeight(leader: Leader, role: string, weight: number): string | undefined {
  const invalid = checkRole(role);
  if (invalid !== undefined) return `: Invalid role '${role}': ${invalid}`;
  const { roleWhitelist } = leader.settings;
  if (roleWhitelist !== undefined && !roleWhitelist.has(role)) return `: Unknown role '${role}'`;
  if (weight > 0 && Number.isFinite(weight)) return undefined;
  return ` for role '${role}': Invalid weight '${weight}': Weights must be positive`;
}
