/** Agents in the master's legacy JSON: `slaves[]` (mesos-wire.md section 7.2). */
import type { AgentView } from "../master/port.ts";
import { drainInfo } from "../model/drain-info.ts";
import type { Attribute } from "../model/v1/resources.ts";
import { encodeJson } from "../wire/json-encode.ts";
import {
  bool,
  dictionary,
  double,
  integer,
  type JsonText,
  list,
  object,
  quote,
  seconds,
} from "./json-text.ts";
import { agentPid } from "./master-messages.ts";
import { fullResourcesJson, rangesText, reservedByRole, resourcesJson, unreserved } from "./resource-text.ts";

/** Registered with this leader, linked or not. */
export function isRegistered(agent: AgentView): boolean {
  return !agent.recovered && !agent.unreachable;
}

export function agentMembers(agent: AgentView): Record<string, JsonText | undefined> {
  const { info } = agent;
  return {
    ...identityMembers(agent),
    pid: quote(agentPid(agent.ip, info.port)),
    registered_time: seconds(agent.registeredAtMs),
    reregistered_time: agent.reregisteredAtMs === undefined ? undefined : seconds(agent.reregisteredAtMs),
    resources: resourcesJson(agent.total),
    used_resources: resourcesJson(agent.used),
    offered_resources: resourcesJson(agent.offered),
    reserved_resources: reservedJson(agent),
    unreserved_resources: resourcesJson(unreserved(agent.total)),
    active: bool(agent.active),
    deactivated: bool(agent.deactivated),
    ...(agent.drain && {
      drain_info: encodeJson("DrainInfo", drainInfo(agent.drain)),
      estimated_drain_start_time_seconds: seconds(agent.drain.startedAtMs),
    }),
    version: quote(agent.version),
    capabilities: list(agent.capabilities, quote),
  };
}

/** An agent that the registry knows and that has not come back to this leader. */
export function recoveredAgentJson(agent: AgentView): JsonText {
  return object(identityMembers(agent));
}

/** With the `…_full` members that only /slaves has. */
export function fullAgentJson(agent: AgentView): JsonText {
  return object({
    ...agentMembers(agent),
    reserved_resources_full: reservedFullJson(agent),
    unreserved_resources_full: fullResourcesJson(unreserved(agent.total)),
    used_resources_full: fullResourcesJson(agent.used),
    offered_resources_full: fullResourcesJson(agent.offered),
  });
}

function identityMembers(agent: AgentView): Record<string, JsonText | undefined> {
  const { info } = agent;
  return {
    id: quote(agent.id),
    hostname: quote(info.hostname),
    port: integer(info.port ?? 5051),
    attributes: attributesJson(info.attributes ?? []),
    domain: info.domain && encodeJson("DomainInfo", info.domain),
  };
}

function reservedJson(agent: AgentView): JsonText {
  return dictionary(
    [...reservedByRole(agent.total)].map(([role, list]) => [role, resourcesJson(list)] as const),
  );
}

function reservedFullJson(agent: AgentView): JsonText {
  return dictionary(
    [...reservedByRole(agent.total)].map(([role, list]) => [role, fullResourcesJson(list)] as const),
  );
}

/** Scalars as numbers, everything else as text. */
export function attributesJson(attributes: readonly Attribute[]): JsonText {
  return dictionary(attributes.map((attribute) => [attribute.name, attributeJson(attribute)] as const));
}

function attributeJson({ scalar, ranges, set, text }: Attribute): JsonText {
  if (scalar !== undefined) return double(scalar.value);
  if (ranges !== undefined) return quote(rangesText(ranges.range ?? []));
  if (set !== undefined) return quote(`{${(set.item ?? []).join(", ")}}`);
  return quote(text?.value ?? "");
}
