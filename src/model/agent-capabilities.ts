import type { AgentInfoCapability, AgentInfoCapabilityType } from "./v1/frameworks.ts";

/**
 * What every agent of this version can do (AgentInfo.Capability), as masters, `/state` and `--agent-features`
 * name it. RESOURCE_PROVIDER is not among it.
 */
export const AGENT_CAPABILITIES = [
  "MULTI_ROLE",
  "HIERARCHICAL_ROLE",
  "RESERVATION_REFINEMENT",
  "RESIZE_VOLUME",
  "AGENT_OPERATION_FEEDBACK",
  "AGENT_DRAINING",
  "TASK_RESOURCE_LIMITS",
] as const;

const NAMED: ReadonlySet<string> = new Set<AgentInfoCapabilityType>([
  ...AGENT_CAPABILITIES,
  "RESOURCE_PROVIDER",
]);

/** As messages tell them: without those of newer agents, for which the API of this version has no name. */
export function capabilityMessages(names: readonly string[]): AgentInfoCapability[] {
  const isNamed = (name: string): name is AgentInfoCapabilityType => NAMED.has(name);
  return names.filter(isNamed).map((type) => ({ type }));
}
