/**
 * Rules for the FrameworkInfo of SUBSCRIBE and UPDATE_FRAMEWORK that need no
 * cluster state (Mesos master/validation.cpp, `framework::validate`, and the
 * checks of `Master::subscribe`). The reasons go into an ERROR event or a 400.
 */
import { hasCapability, rolesOf } from "./capabilities.ts";
import { checkRole } from "./roles.ts";
import type { FrameworkInfo } from "./v1/frameworks.ts";
import type {
  OfferConstraints,
  OfferConstraintsRoleConstraints,
  SchedulerCallSubscribe,
} from "./v1/scheduler.ts";
import { checkId } from "./validate-ids.ts";

/** Seconds that fit a 64-bit count of nanoseconds, about 292 years. */
const DURATION_MAX_SECONDS = 2 ** 63 / 1e9;

export interface FrameworkRules {
  /** `--roles`: the only roles allowed, when given. */
  readonly roleWhitelist?: ReadonlySet<string>;
  /** `--root_submissions`: whether frameworks may run tasks as root. */
  readonly rootSubmissions: boolean;
}

/** Why the framework may not subscribe, or undefined. */
export function checkSubscribe(subscribe: SchedulerCallSubscribe, rules: FrameworkRules): string | undefined {
  const { framework_info, suppressed_roles = [], offer_constraints } = subscribe;
  return (
    checkFrameworkInfo(framework_info, rules) ??
    checkSuppressedRoles(framework_info, suppressed_roles) ??
    checkOfferConstraints(framework_info, offer_constraints)
  );
}

/** Why the FrameworkInfo alone is refused, or undefined. */
export function checkFrameworkInfo(info: FrameworkInfo, rules: FrameworkRules): string | undefined {
  return (
    checkRoles(info) ??
    checkWhitelist(info, rules.roleWhitelist) ??
    checkFrameworkId(info) ??
    checkFailoverTimeout(info.failover_timeout ?? 0) ??
    checkOfferFilters(info) ??
    (info.user === "root" && !rules.rootSubmissions
      ? "User 'root' is not allowed to run frameworks without --root_submissions set"
      : undefined)
  );
}

function checkRoles(info: FrameworkInfo): string | undefined {
  const multiRole = hasCapability(info, "MULTI_ROLE");
  if (multiRole && info.role !== undefined) {
    return "'FrameworkInfo.role' must not be set when the framework is MULTI_ROLE capable";
  }
  if (!multiRole && (info.roles ?? []).length > 0) {
    return "'FrameworkInfo.roles' must not be set when the framework is not MULTI_ROLE capable";
  }
  const seen = new Set<string>();
  for (const role of rolesOf(info)) {
    if (seen.has(role)) return `'FrameworkInfo.roles' contains duplicate items: '${role}'`;
    seen.add(role);
    const reason = checkRole(role);
    if (reason !== undefined)
      return `'FrameworkInfo.${multiRole ? "roles" : "role"}' is not valid: ${reason}`;
  }
  return undefined;
}

function checkWhitelist(info: FrameworkInfo, whitelist: ReadonlySet<string> | undefined): string | undefined {
  if (whitelist === undefined) return undefined;
  const refused = rolesOf(info).filter((role) => !whitelist.has(role));
  if (refused.length === 0) return undefined;
  return `Roles '${refused.join(", ")}' are not present in the master's --roles`;
}

function checkFrameworkId(info: FrameworkInfo): string | undefined {
  // An empty id is a framework that asks for one, as Mesos takes it.
  if (info.id === undefined || info.id.value === "") return undefined;
  const reason = checkId(info.id.value);
  return reason === undefined ? undefined : `'FrameworkInfo.id' is not valid: ${reason}`;
}

function checkFailoverTimeout(seconds: number): string | undefined {
  if (Math.abs(seconds) < DURATION_MAX_SECONDS) return undefined;
  return `The framework failover_timeout (${seconds}) is invalid: at most ${Math.floor(DURATION_MAX_SECONDS)} seconds can be represented`;
}

function checkOfferFilters(info: FrameworkInfo): string | undefined {
  for (const [role, filters] of Object.entries(info.offer_filters ?? {})) {
    const alternatives = filters.min_allocatable_resources?.quantities ?? [];
    for (const { quantities = {} } of alternatives) {
      const entries = Object.entries(quantities);
      if (entries.length === 0)
        return `Invalid offer filters for role '${role}': resource quantities must not be empty`;
      for (const [name, { value }] of entries) {
        if (Number.isFinite(value) && value >= 0) continue;
        return `Invalid offer filters for role '${role}': '${name}' must be a finite amount of at least 0, got ${value}`;
      }
    }
  }
  return undefined;
}

/** Why `suppressed` is refused: every name must be one of the framework's roles. */
export function checkSuppressedRoles(info: FrameworkInfo, suppressed: readonly string[]): string | undefined {
  if (suppressed.length === 0) return undefined;
  const roles = new Set(rolesOf(info));
  const foreign = suppressed.find((role) => !roles.has(role));
  if (foreign === undefined) return undefined;
  return `Suppressed role '${foreign}' is not contained in the list of roles`;
}

/** Why the constraints are refused. Whether their regular expressions compile is the evaluator's to say. */
export function checkOfferConstraints(
  info: FrameworkInfo,
  constraints: OfferConstraints | undefined,
): string | undefined {
  const constrained = Object.entries(constraints?.role_constraints ?? {});
  if (constrained.length === 0) return undefined;
  const roles = new Set(rolesOf(info));
  for (const [role, roleConstraints] of constrained) {
    if (!roles.has(role))
      return `Offer constraints specify the role '${role}', which is not one of the framework's`;
    const reason = checkGroups(roleConstraints);
    if (reason !== undefined) return `Offer constraints for role '${role}' are invalid: ${reason}`;
  }
  return undefined;
}

function checkGroups({ groups = [] }: OfferConstraintsRoleConstraints): string | undefined {
  if (groups.length === 0) return "at least one group is needed";
  for (const { attribute_constraints: constraints = [] } of groups) {
    if (constraints.length === 0) return "a group needs at least one attribute constraint";
    for (const { selector, predicate } of constraints) {
      if (Object.keys(selector).length !== 1) return "a selector names one attribute or pseudo-attribute";
      if (selector.pseudoattribute_type === "UNKNOWN")
        return "the selector has an unknown pseudo-attribute type";
      if (Object.keys(predicate).length !== 1) return "a constraint has exactly one predicate";
    }
  }
  return undefined;
}
