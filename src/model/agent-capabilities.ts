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
