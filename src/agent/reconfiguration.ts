/**
 * What may change of an agent that comes back under its id: `--reconfiguration-policy` (AGT-9; Mesos:
 * slave/compatibility.cpp).
 */
import { MeshError } from "../base/errors.ts";
import { Resources } from "../model/resources.ts";
import type { AgentInfo } from "../model/v1/frameworks.ts";
import { decodeBlob } from "../wire/blob.ts";
import type { AgentRecord } from "./records.ts";
import type { AgentConfig } from "./types.ts";

/** Everything; nothing; or only more resources and attributes, and a first domain. */
export const RECONFIGURATION_POLICIES = ["any", "equal", "additive"] as const;
export type ReconfigurationPolicy = (typeof RECONFIGURATION_POLICIES)[number];

/** Why the agent may not come back as `now`, or undefined. Infos have no ids. */
export function checkReconfiguration(
  policy: ReconfigurationPolicy,
  before: AgentInfo,
  now: AgentInfo,
): string | undefined {
  if (policy === "any") return undefined;
  const additive = policy === "additive";
  return (
    changed("hostname", before.hostname, now.hostname) ??
    changed("port", before.port, now.port) ??
    checkResources(additive, before, now) ??
    checkAttributes(additive, before, now) ??
    (additive && before.domain === undefined ? undefined : changed("domain", before.domain, now.domain))
  );
}

/** Throws MeshError BAD_FLAG: nothing of the agent was started yet, and its tasks run on. */
export function refuseReconfiguration(
  policy: ReconfigurationPolicy,
  before: AgentRecord | undefined,
  { info, workDir }: AgentConfig,
): void {
  if (before?.agentId === undefined || before.info === undefined) return;
  const reason = checkReconfiguration(policy, decodeBlob("AgentInfo", before.info), info);
  if (reason === undefined) return;
  const way = `start it as before, take another --reconfiguration-policy, or delete "${workDir}/meta" for a new agent`;
  throw new MeshError(
    "BAD_FLAG",
    `Cannot start agent ${before.agentId} with --reconfiguration-policy ${policy}: ${reason}; ${way}`,
  );
}

function changed(what: string, before: unknown, now: unknown): string | undefined {
  const [old, present] = [JSON.stringify(before), JSON.stringify(now)];
  return old === present ? undefined : `its ${what} was ${old ?? "none"} and is ${present ?? "none"}`;
}

function checkResources(additive: boolean, before: AgentInfo, now: AgentInfo): string | undefined {
  const old = Resources.from(before.resources ?? []);
  const present = Resources.from(now.resources ?? []);
  if (!old.ok || !present.ok) return undefined;
  const fits = additive ? present.value.contains(old.value) : present.value.equals(old.value);
  return fits ? undefined : `its resources were ${old.value} and are ${present.value}`;
}

function checkAttributes(additive: boolean, before: AgentInfo, now: AgentInfo): string | undefined {
  const old = (before.attributes ?? []).map((attribute) => JSON.stringify(attribute));
  const present = new Set((now.attributes ?? []).map((attribute) => JSON.stringify(attribute)));
  const lost = old.find((attribute) => !present.has(attribute));
  if (lost !== undefined) return `it had the attribute ${lost} and has it no more`;
  return additive || present.size === old.length ? undefined : "it has attributes that it had not";
}
