/**
 * What a container may do beyond what its user may: capabilities, the promise
 * to gain no new ones, a filter of system calls, a user namespace, rlimits.
 * Everything is set by the programs in front of the task's own, in this order:
 *
 *     prlimit   while it may still raise limits
 *     nsenter   into the agent's user namespace for tasks
 *     filter    while it may still load one without no_new_privs
 *     setpriv   user and groups, sets of capabilities, no_new_privs
 *
 * A container that asks for none of it executes none of them.
 */
import { present } from "../base/assert.ts";
import type { Bound, ContainerSpec } from "./container.ts";
import type { CapabilitySet, Privileges, ResourceLimit } from "./privileges.ts";
import type { Owner } from "./runtime.ts";
import type { Host } from "./tools.ts";

/** File descriptor on which the shells hold the user namespace of tasks; closed before the program. */
export const USER_NAMESPACE_FD = 4;

export interface Confinement {
  readonly limits: readonly ResourceLimit[];
  readonly privileges: Privileges;
  readonly userNamespace: boolean;
}

/** Who the user of a container is on the host, whose files its sandbox has; undefined: the agent's own. */
export function outsideOwner(
  { root }: Pick<ContainerSpec, "root">,
  owner: Owner | undefined,
  { userNamespace }: Host,
): Owner | undefined {
  // Files of an image belong to users of the host, see root.ts.
  if (userNamespace === undefined || root !== undefined) return owner;
  const { first } = userNamespace.range;
  return { uid: first + (owner?.uid ?? 0), gid: first + (owner?.gid ?? 0), unnamed: true };
}

/** Why there is no such user in the tasks' user namespace, or nothing. */
export function unmappedUser(
  { root }: Pick<ContainerSpec, "root">,
  owner: Owner | undefined,
  { userNamespace }: Host,
): string | undefined {
  if (owner === undefined || userNamespace === undefined || root !== undefined) return undefined;
  const { count } = userNamespace.range;
  if (owner.uid < count && owner.gid < count) return undefined;
  const user = `user ${owner.uid} of group ${owner.gid}`;
  return `Cannot run as ${user}: the agent's --userns-range has ${count} users; name another or widen it`;
}

/** Why this machine cannot keep a container to it, or nothing. */
export function unkeptConfinement(
  { limits = [], privileges = {} }: Partial<Confinement>,
  { tools, capabilities, seccompFilters }: Host,
): string | undefined {
  const { bounding, effective, noNewPrivileges, seccompProfile } = privileges;
  if (limits.length > 0 && tools.prlimit === undefined) {
    return "Cannot set resource limits: that needs prlimit (util-linux) on the agent's machine; install it";
  }
  const sets = bounding !== undefined || effective !== undefined;
  if (sets && !capabilities.switchUser) {
    return "Cannot set capabilities: that needs an agent that runs as root, and setpriv (util-linux)";
  }
  if (noNewPrivileges === true && tools.setpriv === undefined) {
    return "Cannot keep a task from new privileges: that needs setpriv (util-linux) on the agent's machine";
  }
  if (seccompProfile === undefined || seccompFilters?.has(seccompProfile) === true) return undefined;
  const known = [...(seccompFilters?.keys() ?? [])].join(", ");
  return known === ""
    ? `Cannot use the seccomp profile "${seccompProfile}": this agent can load none; see its log`
    : `The agent has no seccomp profile "${seccompProfile}"; it has ${known}`;
}

/** The words in front of the program; none when nothing is asked for. */
export function confinementWords(wanted: Confinement, owner: Owner | undefined, host: Host): string[] {
  const { limits, privileges } = wanted;
  const words: string[] = [];
  if (limits.length > 0) {
    words.push(present(host.tools.prlimit, "The plan checked for prlimit"));
    words.push(...limits.map(({ name, soft, hard }) => `--${name}=${limit(soft)}:${limit(hard)}`));
  }
  if (wanted.userNamespace) {
    const nsenter = present(host.tools.nsenter, "User namespaces are offered only with nsenter");
    words.push(nsenter, `--user=/proc/self/fd/${USER_NAMESPACE_FD}`, "--setuid=0", "--setgid=0", "--");
  }
  if (privileges.seccompProfile !== undefined) {
    words.push(
      present(host.seccompFilters?.get(privileges.seccompProfile), "The plan checked for the filter"),
    );
  }
  const flags = [...ownerFlags(owner), ...capabilityFlags(privileges)];
  if (privileges.noNewPrivileges === true) flags.push("--no-new-privs");
  if (flags.length > 0) words.push(present(host.tools.setpriv, "The plan checked for setpriv"), ...flags);
  return words;
}

function limit(bound: Bound): string {
  // Digits and no exponent.
  return bound === "unlimited" ? bound : BigInt(bound).toString();
}

function ownerFlags(owner: Owner | undefined): string[] {
  return owner === undefined ? [] : [`--reuid=${owner.uid}`, `--regid=${owner.gid}`, "--init-groups"];
}

/**
 * Ambient capabilities are what survives the execution of a program by a user
 * (capabilities(7), "Transformation of capabilities during execve"). Root would
 * get all in bounds besides, unless SECBIT_NOROOT is set.
 */
function capabilityFlags({ bounding, effective }: Privileges): string[] {
  const flags: string[] = [];
  if (bounding !== undefined) flags.push(`--bounding-set=${setText(bounding)}`);
  if (effective !== undefined) {
    flags.push(`--inh-caps=${setText(effective)}`, `--ambient-caps=${setText(effective)}`);
    if (!sameSet(bounding, effective)) flags.push("--securebits=+noroot");
  } else if (bounding !== undefined) {
    flags.push("--inh-caps=-all");
  }
  return flags;
}

/** By numbers: setpriv's names lag behind the kernel's. */
function setText(set: CapabilitySet): string {
  return ["-all", ...set.map((each) => `+cap_${each}`)].join(",");
}

function sameSet(a: CapabilitySet | undefined, b: CapabilitySet): boolean {
  return a?.length === b.length && a.every((each, at) => each === b[at]);
}
