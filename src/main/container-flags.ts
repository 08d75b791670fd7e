/** Flags of `mesh agent` about what containers may do; names are those of Mesos where it has the flag. */
import type { ContainerPolicy } from "../agent/container-policy.ts";
import type { CapabilitySet } from "../isolation/privileges.ts";
import { capabilityNumbers } from "../model/linux-capabilities.ts";
import { decodeJsonValue } from "../wire/json-decode.ts";
import { bytesOf } from "./byte-flags.ts";
import { textOrFile } from "./flag-files.ts";
import { badFlag, type FlagSpec, type Flags } from "./flags.ts";

const CAPABILITIES = '{"capabilities": ["NET_BIND_SERVICE", "KILL"]}';

export const CONTAINER_FLAGS: readonly FlagSpec[] = [
  {
    name: "effective-capabilities",
    value: "<json>",
    description: `Capabilities of tasks that name none, such as '${CAPABILITIES}'; or file:///path`,
  },
  {
    name: "bounding-capabilities",
    value: "<json>",
    description: "No task may have others; or file:///path",
  },
  {
    name: "forbid-new-privileges",
    description: "Setuid programs give tasks nothing (no_new_privs; Mesos' isolator linux/nnp)",
  },
  {
    name: "default-container-shm-size",
    value: "<bytes>",
    description: "Size of a /dev/shm of a task's own, such as 64MB; by default half of the machine's memory",
  },
  {
    name: "disallow-sharing-agent-pid-namespace",
    description: "Tasks that ask for the pid namespace of the agent fail",
  },
  {
    name: "disallow-sharing-agent-ipc-namespace",
    description: "Tasks that ask for the ipc namespace and /dev/shm of the agent fail",
  },
  {
    name: "host-path-volume-force-creation",
    value: "<dir:…>",
    description: "At and below these, missing directories of HOST_PATH volumes are made",
  },
];

/** Throws MeshError BAD_FLAG. */
export function readContainerPolicy(flags: Flags): ContainerPolicy {
  const effective = readCapabilities(flags, "effective-capabilities");
  const bounding = readCapabilities(flags, "bounding-capabilities");
  const shm = flags.optional("default-container-shm-size");
  if (effective?.every((each) => bounding?.includes(each) ?? true) === false) {
    throw badFlag(
      "effective-capabilities",
      flags.text("effective-capabilities"),
      "some of --bounding-capabilities",
    );
  }
  return {
    ...(effective === undefined ? {} : { effective }),
    ...(bounding === undefined ? {} : { bounding }),
    noNewPrivileges: flags.switch("forbid-new-privileges"),
    sharePid: !flags.switch("disallow-sharing-agent-pid-namespace"),
    shareIpc: !flags.switch("disallow-sharing-agent-ipc-namespace"),
    ...(shm === undefined ? {} : { shmBytes: bytesOf(flags, "default-container-shm-size") }),
    privateShm: false,
    privateTmp: false,
    hostPathCreation: readDirectories(flags, "host-path-volume-force-creation"),
  };
}

function readCapabilities(flags: Flags, name: string): CapabilitySet | undefined {
  const text = textOrFile(name, flags.optional(name));
  if (text === undefined) return undefined;
  const given = parse(name, text);
  const parsed = decodeJsonValue("CapabilityInfo", given);
  if (!parsed.ok) throw badFlag(name, text, `JSON like ${CAPABILITIES}: ${parsed.error.message}`);
  const numbers = capabilityNumbers(parsed.value);
  // The decoder passes over names that it does not know, as clients of another version need it.
  const { capabilities = [] } = given as { readonly capabilities?: readonly unknown[] };
  if (new Set(capabilities).size !== numbers.length) {
    throw badFlag(name, text, `capabilities as in ${CAPABILITIES}; one of them is not known`);
  }
  return numbers;
}

function parse(name: string, text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw badFlag(name, text, `JSON like ${CAPABILITIES}`);
  }
}

function readDirectories(flags: Flags, name: string): readonly string[] {
  const value = flags.optional(name);
  if (value === undefined) return [];
  const paths = value.split(":");
  if (paths.some((path) => !path.startsWith("/")))
    throw badFlag(name, value, "absolute paths joined by colons");
  return paths;
}
