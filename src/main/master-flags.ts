/** Flags of `mesh master`; names and defaults are those of Mesos where it has the flag. */
import { ALLOCATOR_FLAGS } from "./allocator-flags.ts";
import { LOG_FLAGS, TLS_FLAGS } from "./daemon-flags.ts";
import type { FlagSpec } from "./flags.ts";
import { FRAMEWORK_FLAGS } from "./framework-flags.ts";
import { HOSTNAME_LOOKUP_FLAG } from "./host-name.ts";

export const MASTER_FLAGS: readonly FlagSpec[] = [
  { name: "ip", value: "<address>", description: "Address to listen on", default: "0.0.0.0" },
  { name: "port", value: "<port>", description: "HTTP API of frameworks and operators", default: "5050" },
  { name: "raft-port", value: "<port>", description: "TCP port of masters and agents", default: "5060" },
  {
    name: "advertise",
    value: "<host:port>",
    description: "How others reach the HTTP API; needed when the host's own name does not resolve",
  },
  { name: "hostname", value: "<name>", description: "Name told to others; by default the advertised host" },
  HOSTNAME_LOOKUP_FLAG,
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
    description: "Name of the cluster, also in /state; a master of another name is refused as a peer",
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
    name: "domain",
    value: "<json>",
    description:
      'Fault domain of the machine: {"fault_domain": {"region": {"name": "eu"}, "zone": {"name": "r1"}}}; or file:///path',
  },
  {
    name: "require-agent-domain",
    value: "<bool>",
    description: "Refuse agents without a --domain of their own",
    default: "false",
  },
  {
    name: "agent-removal-rate-limit",
    value: "<n/duration>",
    description: "How many agents may become unreachable in how much time, as 1/10mins; none = all at once",
  },
  {
    name: "recovery-agent-removal-limit",
    value: "<percent>",
    description:
      "Share of agents that may become unreachable after a failover, as 50%; beyond, all are waited for",
    default: "100%",
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
  ...ALLOCATOR_FLAGS,
  ...FRAMEWORK_FLAGS,
  ...TLS_FLAGS,
  ...LOG_FLAGS,
];
