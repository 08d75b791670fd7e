/** Flags of `mesh agent`; names and defaults are those of Mesos where it has the flag. */

import { ADDRESS_FLAGS } from "./address-flags.ts";
import { AGENT_FEATURES_FLAG } from "./agent-features.ts";
import { CGROUP_FLAGS } from "./cgroup-flags.ts";
import { DEFAULT_MASTER } from "./client/master-client.ts";
import { CONTAINER_FLAGS } from "./container-flags.ts";
import { LOG_FLAGS, TLS_FLAGS } from "./daemon-flags.ts";
import { EXECUTOR_AUTHENTICATION_FLAGS } from "./executor-authentication.ts";
import { EXECUTOR_FLAGS } from "./executor-flags.ts";
import { FETCHER_FLAGS } from "./fetcher-flags.ts";
import type { FlagSpec } from "./flags.ts";
import { GPU_FLAGS } from "./gpu-flags.ts";
import { HOSTNAME_LOOKUP_FLAG } from "./host-name.ts";
import { IMAGE_FLAGS } from "./image-flags.ts";
import { LOAD_FLAGS } from "./load-watch.ts";
import { NETWORK_FLAGS } from "./network-flags.ts";
import { PORT_FLAGS } from "./port-flags.ts";
import { RECOVERY_FLAGS } from "./recovery-flags.ts";
import { SANDBOX_FLAGS } from "./sandbox-flags.ts";

export const AGENT_FLAGS: readonly FlagSpec[] = [
  {
    name: "master",
    value: "<host:port,…>",
    description: "HTTP addresses of the masters",
    default: DEFAULT_MASTER,
  },
  ...ADDRESS_FLAGS,
  { name: "hostname", value: "<name>", description: "Name put into offers; by default the advertised host" },
  HOSTNAME_LOOKUP_FLAG,
  {
    name: "work-dir",
    value: "<dir>",
    description: "Directory of sandboxes and checkpoints",
    default: "./mesh-agent",
  },
  {
    name: "resources",
    value: "<text>",
    description:
      "For example 'cpus:4;mem:1024;ports:[31000-32000]'; what is not named is detected; or file:///path",
  },
  ...GPU_FLAGS,
  {
    name: "default-role",
    value: "<role>",
    description: "Resources that name no role are reserved for it",
    default: "*",
  },
  {
    name: "oversubscribed-resources",
    value: "<text>",
    description: "Offered beyond what there is, as revocable: 'cpus:2;mem:512', or file:///path",
  },
  ...LOAD_FLAGS,
  { name: "attributes", value: "<text>", description: "For example 'rack:a1;zone:3'" },
  {
    name: "reconfiguration-policy",
    value: "<policy>",
    description: "What may change of an agent that comes back: any, equal (nothing), or additive",
    default: "any",
  },
  AGENT_FEATURES_FLAG,
  {
    name: "domain",
    value: "<json>",
    description:
      'Fault domain of the machine: {"fault_domain": {"region": {"name": "eu"}, "zone": {"name": "r1"}}}; or file:///path',
  },
  {
    name: "isolation",
    value: "<kind>",
    description: "auto (namespaces and cgroups where the machine allows them), or posix",
    default: "auto",
  },
  ...CGROUP_FLAGS,
  ...IMAGE_FLAGS,
  ...CONTAINER_FLAGS,
  ...NETWORK_FLAGS,
  ...PORT_FLAGS,
  {
    name: "registration-backoff-factor",
    value: "<duration>",
    description:
      "Longest first wait before a master that cannot be reached is tried again; it doubles to a minute",
    default: "100ms",
  },
  ...EXECUTOR_FLAGS,
  ...EXECUTOR_AUTHENTICATION_FLAGS,
  ...FETCHER_FLAGS,
  ...RECOVERY_FLAGS,
  ...SANDBOX_FLAGS,
  ...TLS_FLAGS,
  ...LOG_FLAGS,
];
