/** Flags that master and agent share. */
import type { FlagSpec } from "./flags.ts";

export const LOG_LEVEL_FLAG: FlagSpec = {
  name: "log-level",
  value: "<level>",
  description: "debug, info, warn or error",
  default: "info",
};

export const TLS_FLAGS: readonly FlagSpec[] = [
  {
    name: "tls-cert",
    value: "<file>",
    description: "Certificate (PEM) for the raft port and links of agents; with --tls-key and --tls-ca",
  },
  { name: "tls-key", value: "<file>", description: "Private key (PEM) of --tls-cert" },
  {
    name: "tls-ca",
    value: "<file>",
    description: "Authority (PEM) that signed the certificates of all masters and agents",
  },
];
