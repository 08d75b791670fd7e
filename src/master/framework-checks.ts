import { compileConstraints } from "../allocator/offer-constraints.ts";
import { BLOB_MAX_BYTES } from "../base/limits.ts";
import { ok, type Result } from "../base/result.ts";
import type { FrameworkInfo } from "../model/v1/frameworks.ts";
import type { SchedulerCallSubscribe } from "../model/v1/scheduler.ts";
import { checkSubscribe } from "../model/validate-framework-info.ts";
import type { SubscriptionWishes } from "./framework-memory.ts";
import type { MasterSettings } from "./types.ts";

/**
 * Why a framework may not subscribe or update itself so; undefined when it
 * may. `previous` is the info in the registry, if there is one.
 */
export function checkFramework(
  settings: MasterSettings,
  body: SchedulerCallSubscribe,
  previous: FrameworkInfo | undefined,
): string | undefined {
  const { roleWhitelist, rootSubmissions } = settings;
  const rules = { rootSubmissions, ...(roleWhitelist === undefined ? {} : { roleWhitelist }) };
  const invalid = checkSubscribe(body, rules);
  if (invalid !== undefined) return invalid;
  if (previous !== undefined && (previous.principal ?? "") !== (body.framework_info.principal ?? "")) {
    return "Changing framework's principal is not allowed";
  }
  return undefined;
}

/** The error is the reason why the regular expressions of the constraints are refused. */
export function wishesOf(
  settings: MasterSettings,
  { suppressed_roles = [], offer_constraints }: SchedulerCallSubscribe,
): Result<SubscriptionWishes> {
  const byRole = compileConstraints(offer_constraints, settings.constraintLimits);
  if (!byRole.ok) return byRole;
  const constraints = { given: offer_constraints, byRole: byRole.value };
  return ok({ suppressedRoles: new Set(suppressed_roles), constraints });
}

/** Above BLOB_MAX_BYTES the info cannot be committed. */
export function tooLarge(info: Uint8Array): string {
  return `FrameworkInfo takes ${info.length} bytes, more than ${BLOB_MAX_BYTES}; shorten its labels or roles`;
}
