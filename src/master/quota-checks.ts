/**
 * UPDATE_QUOTA, SET_QUOTA and REMOVE_QUOTA: what must hold before they are written (Mesos
 * master/quota_handler.cpp).
 */
import { ROLE_SETTINGS_MAX } from "../base/limits.ts";
import { fail, ok, type Result } from "../base/result.ts";
import { configOfRequest, describeAmounts, isNoQuota, type Quota, quotaOf } from "../model/quota.ts";
import { topRole } from "../model/roles.ts";
import type { QuotaConfig, QuotaRequest } from "../model/v1/quota.ts";
import type { UpdateQuota } from "../registry/commands.ts";
import type { Leader } from "./leader.ts";
import type { CallAnswer } from "./port.ts";

type Checked = Result<UpdateQuota, CallAnswer>;

function refuse(body: string, status = 400): { readonly ok: false; readonly error: CallAnswer } {
  return fail({ status, body });
}

/** All configs or none (QTA-3); `force` passes by what depends on the cluster's state (QTA-4). */
export function quotaUpdate(leader: Leader, configs: readonly QuotaConfig[], force: boolean): Checked {
  const quotas = new Map<string, Quota>();
  for (const config of configs) {
    const { role } = config;
    if (!isWhitelisted(leader, role))
      return refuse(`Invalid QuotaConfig: '${role}' is not on the roles whitelist`);
    if (role.includes("/")) return refuse(`Updating quota on nested role '${role}' is not supported yet`);
    const quota = quotaOf(config);
    if (!quota.ok) return refuse(`Invalid QuotaConfig: ${quota.error}`);
    quotas.set(role, quota.value);
  }
  const wrong = force ? undefined : (belowConsumption(leader, quotas) ?? overCapacity(leader, quotas));
  if (wrong !== undefined)
    return refuse(`Invalid QuotaConfig: ${wrong} (use 'force' flag to bypass this check)`);
  return command(leader, quotas);
}

/** Limits become as high as guarantees; a role that has quota is refused (QTA-2). */
export function quotaRequest(leader: Leader, request: QuotaRequest): Checked {
  const failed = (reason: string) => refuse(`Failed to validate set quota request: ${reason}`);
  const config = configOfRequest(request);
  if (!config.ok) return failed(config.error);
  const { role } = config.value;
  const quota = quotaOf(config.value);
  if (!quota.ok) return failed(quota.error);
  if (!isWhitelisted(leader, role)) return failed(`Unknown role '${role}'`);
  if (plannedQuotas(leader).has(role))
    return failed(`Cannot set quota for role '${role}' which already has quota; update it by UPDATE_QUOTA`);
  if (role.includes("/")) return refuse(`Setting quota on nested role '${role}' is not supported yet`);
  const quotas = new Map([[role, quota.value]]);
  const wrong = (request.force ?? false) ? undefined : overCapacity(leader, quotas);
  if (wrong !== undefined)
    return refuse(
      `Quota guarantees overcommit the cluster (use 'force' to bypass this check): ${wrong}`,
      409,
    );
  return command(leader, quotas);
}

export function quotaRemoval(leader: Leader, role: string): Checked {
  if (!isWhitelisted(leader, role))
    return refuse(`Failed to validate remove quota request: Unknown role '${role}'`);
  if (!plannedQuotas(leader).has(role))
    return refuse(`Failed to remove quota: Role '${role}' has no quota set`);
  return command(leader, new Map([[role, { guarantees: new Map(), limits: new Map() }]]));
}

/** With the changes that are under way: two that are asked for at once must fit together. */
function plannedQuotas(leader: Leader): Map<string, Quota> {
  const planned = new Map(leader.registry.quotas);
  for (const { quotas } of leader.quotaChanges) {
    for (const [role, quota] of quotas) {
      if (isNoQuota(quota)) planned.delete(role);
      else planned.set(role, quota);
    }
  }
  return planned;
}

function command(leader: Leader, quotas: ReadonlyMap<string, Quota>): Checked {
  const planned = plannedQuotas(leader);
  let total = planned.size;
  for (const [role, quota] of quotas) if (!isNoQuota(quota) && !planned.has(role)) total++;
  if (total > ROLE_SETTINGS_MAX)
    return refuse(`Invalid QuotaConfig: at most ${ROLE_SETTINGS_MAX} roles can have quota`);
  return ok({ kind: "update-quota", quotas: [...quotas] });
}

function isWhitelisted({ settings }: Leader, role: string): boolean {
  return settings.roleWhitelist?.has(role) ?? true;
}

/** Limits below what a role consumes; outstanding offers do not count, they are withdrawn. */
function belowConsumption(leader: Leader, quotas: ReadonlyMap<string, Quota>): string | undefined {
  const limited = [...quotas].filter(([, { limits }]) => limits.size > 0);
  const uses = leader.allocator.quotaUse(limited.map(([role]) => role));
  for (const { role, resources } of leader.offers.values()) {
    const use = uses.get(topRole(role));
    if (use === undefined) continue;
    for (const [name, milli] of resources.unreserved().nonRevocable().quantities())
      use.set(name, (use.get(name) ?? 0) - milli);
  }
  for (const [role, { limits }] of limited) {
    for (const [name, milli] of limits) {
      const used = uses.get(role)?.get(name) ?? 0;
      if (used <= milli) continue;
      const both = `limit ${describeAmounts(new Map([[name, milli]]))}`;
      return `role '${role}' already consumes ${describeAmounts(new Map([[name, used]]))}, more than its ${both}`;
    }
  }
  return undefined;
}

/**
 * Guarantees of all roles together must be there. Agents that are away for a moment count; in
 * Mesos those a new leader has not heard of yet do not, so that it refuses what held before.
 */
function overCapacity(leader: Leader, quotas: ReadonlyMap<string, Quota>): string | undefined {
  const guaranteed = new Map<string, number>();
  for (const [, { guarantees }] of new Map([...plannedQuotas(leader), ...quotas])) {
    for (const [name, milli] of guarantees) guaranteed.set(name, (guaranteed.get(name) ?? 0) + milli);
  }
  if (guaranteed.size === 0) return undefined;
  const capacity = new Map<string, number>();
  for (const agent of leader.agents.values()) {
    if (agent.unreachable) continue;
    for (const [name, milli] of agent.total.nonRevocable().quantities())
      capacity.set(name, (capacity.get(name) ?? 0) + milli);
  }
  for (const [name, milli] of guaranteed) {
    if (milli <= (capacity.get(name) ?? 0)) continue;
    return (
      `total quota guarantees '${describeAmounts(guaranteed)}' ` +
      `exceed cluster capacity '${describeAmounts(capacity)}'`
    );
  }
  return undefined;
}
