/**
 * Quota of mesos.v1.quota.
 */
import type { SchemaSource } from "../schema-parser.ts";

export const QUOTA: readonly SchemaSource[] = [
  {
    file: "quota",
    package: "mesos.v1.quota",
    text: `
QuotaInfo: 1 role string, 2 principal string, 3* guarantee Resource
QuotaRequest: 1 force bool, 2 role string, 3* guarantee Resource
QuotaConfig: 1! role string, 2 guarantees map<string,Value.Scalar>, 3 limits map<string,Value.Scalar>
QuotaStatus: 1* infos QuotaInfo (dep), 2* configs QuotaConfig
`,
  },
];
