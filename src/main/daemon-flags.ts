/** Flags that master and agent share. */
import type { FlagSpec } from "./flags.ts";

export const LOG_LEVEL_FLAG: FlagSpec = {
  name: "log-level",
  value: "<level>",
  description: "debug, info, warn or error",
  default: "info",
};

/** Names are those of Mesos. */
export const LOG_FLAGS: readonly FlagSpec[] = [
  LOG_LEVEL_FLAG,
  {
    name: "logging-level",
    value: "<level>",
    description: "The same as Mesos says it: INFO, WARNING or ERROR; --log-level debug goes further",
  },
  {
    name: "log-dir",
    value: "<dir>",
    description: "Append the log to a file there, too, which /files then shows",
  },
  { name: "quiet", description: "Write no log to standard error" },
  {
    name: "external-log-file",
    value: "<file>",
    description: "File with the log that something else writes, for /files to show",
  },
];

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
  {
    name: "tls-master-name",
    value: "<name>",
    description: "subjectAltName of the masters' certificates alone: no other may be a master's",
  },
];
