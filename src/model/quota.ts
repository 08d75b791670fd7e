/**
 * Quota of a role: what it may always get, and what it may have at most. A
 * role's consumption is what is reserved to it and the roles below it, and
 * what they hold of unreserved, non-revocable resources (Mesos docs/quota.md).
 */
import { fail, ok, type Result } from "../base/result.ts";
import { checkRole } from "./roles.ts";
import { milliOf, scalarOf } from "./scalar.ts";
import type { QuotaConfig, QuotaInfo, QuotaRequest } from "./v1/quota.ts";
import type { Resource, ValueScalar } from "./v1/resources.ts";

/** Thousandths by resource name. A name without a guarantee has none; one without a limit is not limited. */
export interface Quota {
  readonly guarantees: ReadonlyMap<string, number>;
  readonly limits: ReadonlyMap<string, number>;
}

/** A trillion, and for what is counted in MB an exabyte: beyond, sums would lose their thousandths. */
const AMOUNT_MAX = 1e12;
const MEGABYTES_MAX = 2 ** 40;

/** No guarantee and no limit: as if nothing was ever set. */
export function isNoQuota({ guarantees, limits }: Quota): boolean {
  return guarantees.size === 0 && limits.size === 0;
}

/**
 * Reads and checks the quota that a config asks for; the error says what is wrong (Mesos master/quota.cpp).
 */
export function quotaOf(config: QuotaConfig): Result<Quota> {
  const role = checkRole(config.role);
  if (role !== undefined) return fail(`Invalid 'QuotaConfig.role': ${role}`);
  const guarantees = amountsOf(config.guarantees ?? {}, "guarantees");
  if (!guarantees.ok) return guarantees;
  const limits = amountsOf(config.limits ?? {}, "limits");
  if (!limits.ok) return limits;
  for (const [name, milli] of guarantees.value) {
    const limit = limits.value.get(name) ?? Number.POSITIVE_INFINITY;
    if (milli <= limit) continue;
    return fail(
      `'QuotaConfig.guarantees' of role '${config.role}' has ${scalarOf(milli)} ${name}, ` +
        `more than the ${scalarOf(limit)} of 'QuotaConfig.limits'`,
    );
  }
  // A guarantee of nothing is none; a limit of nothing is one.
  for (const [name, milli] of guarantees.value) if (milli === 0) guarantees.value.delete(name);
  return ok({ guarantees: guarantees.value, limits: limits.value });
}

function amountsOf(
  scalars: Readonly<Record<string, ValueScalar>>,
  field: "guarantees" | "limits",
): Result<Map<string, number>> {
  const amounts = new Map<string, number>();
  for (const [name, { value }] of Object.entries(scalars).sort(([a], [b]) => (a < b ? -1 : 1))) {
    const max = name === "mem" || name === "disk" ? MEGABYTES_MAX : AMOUNT_MAX;
    const wrong = name === "" || !(value >= 0) || value > max;
    if (wrong)
      return fail(`Invalid 'QuotaConfig.${field}': {'${name}': ${value}}; give a number from 0 to ${max}`);
    amounts.set(name, milliOf(value));
  }
  return ok(amounts);
}

/** The config that SET_QUOTA and POST /quota mean: limits as high as guarantees (QTA-2). */
export function configOfRequest({ role, guarantee = [] }: QuotaRequest): Result<QuotaConfig> {
  if (role === undefined) return fail("QuotaInfo must specify a role");
  if (guarantee.length === 0) return fail("QuotaInfo with empty 'guarantee'");
  const amounts: Record<string, ValueScalar> = {};
  for (const resource of guarantee) {
    const reason = unfit(resource);
    if (reason !== undefined) return fail(reason);
    if (Object.hasOwn(amounts, resource.name))
      return fail(`QuotaInfo contains duplicate resource name '${resource.name}'`);
    amounts[resource.name] = { value: resource.scalar?.value ?? 0 };
  }
  return ok({ role, guarantees: amounts, limits: amounts });
}

function unfit(resource: Resource): string | undefined {
  if (resource.type !== "SCALAR" || resource.scalar === undefined)
    return "QuotaInfo must not include non-scalar resources";
  const reserved = (resource.role ?? "*") !== "*" || resource.reservation !== undefined;
  if (reserved || (resource.reservations ?? []).length > 0)
    return "QuotaInfo must not contain any ReservationInfo";
  if (resource.disk !== undefined) return "QuotaInfo must not contain DiskInfo";
  if (resource.revocable !== undefined) return "QuotaInfo must not contain RevocableInfo";
  return undefined;
}

export function quotaConfig(role: string, { guarantees, limits }: Quota): QuotaConfig {
  return { role, guarantees: scalars(guarantees), limits: scalars(limits) };
}

/** The older message, with guarantees only. */
export function quotaInfo(role: string, { guarantees }: Quota): QuotaInfo {
  return {
    role,
    guarantee: [...guarantees].map(([name, milli]) => ({
      name,
      type: "SCALAR",
      scalar: { value: scalarOf(milli) },
    })),
  };
}

function scalars(amounts: ReadonlyMap<string, number>): Record<string, ValueScalar> {
  return Object.fromEntries([...amounts].map(([name, milli]) => [name, { value: scalarOf(milli) }]));
}

/** `cpus:1; mem:32`, for messages. */
export function describeAmounts(amounts: ReadonlyMap<string, number>): string {
  if (amounts.size === 0) return "{}";
  return [...amounts].map(([name, milli]) => `${name}:${scalarOf(milli)}`).join("; ");
}
