/** Flags of `mesh agent` about what containers may do; names are those of Mesos where it has the flag. */
import { lstatSync, readdirSync, readFileSync, realpathSync } from "node:fs";
import { PRIVATE_TMP } from "../agent/container-mounts.ts";
import type { ContainerPolicy } from "../agent/container-policy.ts";
import { MeshError } from "../base/errors.ts";
import type { ConfinementSettings } from "../isolation/confinement-settings.ts";
import type { CapabilitySet, UserRange } from "../isolation/privileges.ts";
import { capabilityNumbers } from "../model/linux-capabilities.ts";
import type { CapabilityInfo } from "../model/v1/containers.ts";
import { decodeJsonValue } from "../wire/json-decode.ts";
import { bytesOf } from "./byte-flags.ts";
import { allowedDevicePaths } from "./devices-flag.ts";
import { textOrFile } from "./flag-files.ts";
import { badFlag, type FlagSpec, type Flags } from "./flags.ts";

const CAPABILITIES = '{"capabilities": ["NET_BIND_SERVICE", "KILL"]}';

export const CONTAINER_FLAGS: readonly FlagSpec[] = [
  {
    name: "hardened",
    description:
      "Tasks are kept apart as far as the machine can: all of the flags that follow, with good values",
  },
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
    name: "seccomp-profile-name",
    value: "<name>",
    description: 'Profile of system calls for tasks that name none; "default" is built in',
  },
  {
    name: "seccomp-config-dir",
    value: "<dir>",
    description: "Directory of further profiles, in Docker's form, each named by its file",
  },
  {
    name: "userns-range",
    value: "<first:count>",
    description: "Users of tasks are these numbers of the host, root is the first: 2000000000:65536",
  },
  {
    name: "private-file-systems",
    description: "Tasks have a /dev and /dev/shm of their own, and see of /proc and /sys what does no harm",
  },
  { name: "private-tmp", description: "/tmp and /var/tmp of a task are a directory in its sandbox" },
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

/**
 * Of a hardened agent whose operator names none. What servers that begin as root use; not what reaches
 * beyond a container: MKNOD, NET_RAW (tasks share the host's network), SYS_ADMIN, SYS_PTRACE and so on.
 */
const HARDENED: CapabilityInfo = {
  capabilities: [
    ...(["CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID"] as const),
    ...(["NET_BIND_SERVICE", "SYS_CHROOT", "AUDIT_WRITE"] as const),
  ],
};
/** Above what systems give to people, services, containers of systemd and /etc/subuid. */
const HARDENED_RANGE: UserRange = { first: 2_000_000_000, count: 65_536 };
const DEFAULT_PROFILE = "default";
/** Of user numbers; 2^32 - 1 stands for nobody in system calls. */
const USERS_MAX = 2 ** 32 - 1;

/** Throws MeshError BAD_FLAG. */
export function readContainerPolicy(flags: Flags): ContainerPolicy {
  const hardened = flags.switch("hardened");
  const effective = readCapabilities(flags, "effective-capabilities");
  const bounding =
    readCapabilities(flags, "bounding-capabilities") ?? (hardened ? capabilityNumbers(HARDENED) : undefined);
  const shm = flags.optional("default-container-shm-size");
  const profile = flags.optional("seccomp-profile-name") ?? (hardened ? DEFAULT_PROFILE : undefined);
  if (effective?.every((each) => bounding?.includes(each) ?? true) === false) {
    const value = flags.text("effective-capabilities");
    throw badFlag("effective-capabilities", value, "some of --bounding-capabilities");
  }
  return {
    ...(effective === undefined ? {} : { effective }),
    ...(bounding === undefined ? {} : { bounding }),
    ...(profile === undefined ? {} : { seccompProfile: profile }),
    noNewPrivileges: hardened || flags.switch("forbid-new-privileges"),
    unconfined: !hardened,
    sharePid: !hardened && !flags.switch("disallow-sharing-agent-pid-namespace"),
    shareIpc: !hardened && !flags.switch("disallow-sharing-agent-ipc-namespace"),
    ...(shm === undefined ? {} : { shmBytes: bytesOf(flags, "default-container-shm-size") }),
    // Private file systems have one; a second goes over it when it is to have a size.
    privateShm: shm !== undefined && (hardened || flags.switch("private-file-systems")),
    privateTmp: hardened || flags.switch("private-tmp"),
    hostPathCreation: readDirectories(flags, "host-path-volume-force-creation"),
  };
}

/** The machine's part of it; throws MeshError BAD_FLAG. */
export function readConfinement(flags: Flags): Omit<ConfinementSettings, "programDirectory"> {
  const { bounding, seccompProfile } = readContainerPolicy(flags);
  const hardened = flags.switch("hardened");
  const seccompProfiles = readProfiles(flags);
  const known = [DEFAULT_PROFILE, ...seccompProfiles.keys()];
  if (seccompProfile !== undefined && !known.includes(seccompProfile)) {
    throw badFlag("seccomp-profile-name", seccompProfile, `one of ${known.join(", ")}`);
  }
  const userRange = readRange(flags) ?? (hardened ? HARDENED_RANGE : undefined);
  return {
    privateFileSystems: hardened || flags.switch("private-file-systems"),
    seccompProfiles,
    ...(bounding === undefined ? {} : { bounding }),
    ...(userRange === undefined ? {} : { userRange }),
    devices: allowedDevicePaths(flags.optional("allowed-devices")),
  };
}

/** A sandbox must not be hidden by what is mounted on /tmp; throws MeshError BAD_FLAG. */
export function checkTmp(workDir: string): void {
  for (const path of PRIVATE_TMP) {
    const refuse = (reason: string): MeshError =>
      new MeshError(
        "BAD_FLAG",
        `Cannot give tasks a ${path} of their own (--private-tmp, --hardened): ${reason}`,
      );
    if (`${realpathSync(workDir)}/`.startsWith(`${path}/`)) throw refuse("--work-dir lies below it");
    if (lstatSync(path, { throwIfNoEntry: false })?.isDirectory() !== true)
      throw refuse("it is no directory");
  }
}

function readProfiles(flags: Flags): ReadonlyMap<string, string> {
  const directory = flags.optional("seccomp-config-dir");
  const profiles = new Map<string, string>();
  if (directory === undefined) return profiles;
  try {
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      if (!entry.isDirectory()) profiles.set(entry.name, readFileSync(`${directory}/${entry.name}`, "utf8"));
    }
    return profiles;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw badFlag("seccomp-config-dir", directory, `a directory of files that can be read (${reason})`);
  }
}

function readRange(flags: Flags): UserRange | undefined {
  const value = flags.optional("userns-range");
  if (value === undefined) return undefined;
  const [, first = 0, count = 0] = /^(\d{1,10}):(\d{1,10})$/.exec(value)?.map(Number) ?? [];
  if (first > 0 && count > 0 && first + count <= USERS_MAX) return { first, count };
  throw badFlag("userns-range", value, `<first:count> with users from 1 to ${USERS_MAX - 1}`);
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
