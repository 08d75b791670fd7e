/** Flags of `mesh master`; names and defaults are those of Mesos where it has the flag. */
import { LOG_LEVEL_FLAG, TLS_FLAGS } from "./daemon-flags.ts";
import type { FlagSpec } from "./flags.ts";
import { FRAMEWORK_FLAGS } from "./framework-flags.ts";

export const MASTER_FLAGS: readonly FlagSpec[] = [
  { name: "ip", value: "<address>", description: "Address to listen on", default: "0.0.0.0" },
  { name: "port", value: "<port>", description: "HTTP API of frameworks and operators", default: "5050" },
  { name: "raft-port", value: "<port>", description: "TCP port of masters and agents", default: "5060" },
  {
    name: "advertise",
    value: "<host:port>",
    description: "How others reach the HTTP API; needed when the host's own name does not resolve",
  },
  {
    name: "data-dir",
    value: "<dir>",
    description: "Directory of the replicated log",
    default: "./mesh-master",
  },
  {
    name: "peers",
    value: "<host:raft-port,…>",
    description:
      "Raft addresses of all masters of a new cluster, this one among them; none = a single master",
  },
  {
    name: "join",
    value: "<host:port,…>",
    description: "HTTP addresses of masters whose cluster this one is to join; needs an empty --data-dir",
  },
  {
    name: "cluster",
    value: "<name>",
    description: "Name of the cluster; a master of another name is refused as a peer",
  },
  {
    name: "agent-ping-timeout",
    value: "<seconds>",
    description: "Time between pings of an agent",
    default: "15",
  },
  {
    name: "max-agent-ping-timeouts",
    value: "<n>",
    description: "Unanswered pings after which an agent counts as unreachable",
    default: "5",
  },
  {
    name: "agent-reregister-timeout",
    value: "<seconds>",
    description: "Time an agent has to come back after a new leader was elected",
    default: "600",
  },
  {
    name: "registry-gc-interval",
    value: "<seconds>",
    description: "Time between looks for agents that left long ago, to forget them",
    default: "900",
  },
  {
    name: "registry-max-agent-age",
    value: "<seconds>",
    description: "Time for which unreachable and gone agents are remembered",
    default: "1209600",
  },
  {
    name: "registry-max-agent-count",
    value: "<n>",
    description: "Unreachable agents, and gone ones, that are remembered at most",
    default: "102400",
  },
  { name: "offer-timeout", value: "<seconds>", description: "Rescind offers that are not used for so long" },
  ...FRAMEWORK_FLAGS,
  ...TLS_FLAGS,
  LOG_LEVEL_FLAG,
];
