/** What every master of this version can do beyond the oldest API (MasterInfo.Capability; AGT-24). */
export const MASTER_CAPABILITIES = ["AGENT_UPDATE", "AGENT_DRAINING", "QUOTA_V2"] as const;
