/** From `linux_info` and `rlimit_info`, and the operator's policy, to what holds the container. */
import { fail, ok, type Result } from "../base/result.ts";
import type {
  Bound,
  ContainerMount,
  ContainerPod,
  Namespace,
  SharableNamespace,
  SharedNamespaces,
} from "../isolation/container.ts";
import {
  type CapabilitySet,
  type Privileges,
  RESOURCE_LIMITS,
  type ResourceLimit,
} from "../isolation/privileges.ts";
import { capabilityNames, capabilityNumbers } from "../model/linux-capabilities.ts";
import type { LinuxInfo, RLimitInfo, RLimitInfoRLimit } from "../model/v1/containers.ts";
import type { ContainerPolicy } from "./container-policy.ts";

/** Where the kernel's own bound is reached: RLIM_INFINITY is 2^64 - 1, which no double holds. */
const UNLIMITED_FROM = 2 ** 63;
const BYTES_PER_MEGABYTE = 1024 * 1024;

export function privilegesOf(linux: LinuxInfo, policy: ContainerPolicy): Result<Privileges> {
  // The old field is what `effective_capabilities` is called now.
  const asked = capabilitiesIn(linux.effective_capabilities ?? linux.capability_info);
  const askedBounding = capabilitiesIn(linux.bounding_capabilities);
  const effective = asked ?? policy.effective;
  const bounding = askedBounding ?? policy.bounding ?? effective;
  const excess =
    beyond(askedBounding, policy.bounding, "the agent's --bounding-capabilities") ??
    beyond(effective, bounding, askedBounding === undefined ? "the agent's bound" : "its bounding set");
  if (excess !== undefined) return fail(excess);
  const { seccomp } = linux;
  if (seccomp?.unconfined === true && !policy.unconfined)
    return fail("this agent lets no task be without a filter of system calls (seccomp)");
  const profile = seccomp?.unconfined === true ? undefined : (seccomp?.profile_name ?? policy.seccompProfile);
  if (seccomp?.unconfined === true && seccomp.profile_name !== undefined)
    return fail("seccomp names a profile and is unconfined; give one of the two");
  return ok({
    ...(bounding === undefined ? {} : { bounding }),
    ...(effective === undefined ? {} : { effective }),
    ...(policy.noNewPrivileges ? { noNewPrivileges: true } : {}),
    ...(profile === undefined ? {} : { seccompProfile: profile }),
  });
}

function capabilitiesIn(info: LinuxInfo["effective_capabilities"]): CapabilitySet | undefined {
  return info === undefined ? undefined : capabilityNumbers(info);
}

/** Mesos: LinuxCapabilitiesIsolatorProcess::prepare. */
function beyond(
  wanted: CapabilitySet | undefined,
  allowed: CapabilitySet | undefined,
  whose: string,
): string | undefined {
  if (wanted === undefined || allowed === undefined) return undefined;
  if (wanted.every((each) => allowed.includes(each))) return undefined;
  return `Requested capabilities ${list(wanted)}, but only ${list(allowed)} are allowed by ${whose}`;
}

function list(set: CapabilitySet): string {
  return set.length === 0 ? "none" : capabilityNames(set).join(", ");
}

/** Mesos: rlimits::convert and set; both bounds or none of them. */
export function limitsOf(info: RLimitInfo | undefined): Result<readonly ResourceLimit[]> {
  const limits: ResourceLimit[] = [];
  for (const limit of info?.rlimits ?? []) {
    const name = limitName(limit);
    if (name === undefined) return fail(`the resource limit "${limit.type}" is not known`);
    if (limits.some((each) => each.name === name))
      return fail(`the resource limit "${limit.type}" is given twice`);
    const { soft, hard } = limit;
    if ((soft === undefined) !== (hard === undefined)) {
      return fail(
        `the resource limit "${limit.type}" has one bound; give soft and hard, or none for unlimited`,
      );
    }
    const bounds = { soft: boundOf(soft), hard: boundOf(hard) };
    if (bounds.hard !== "unlimited" && (bounds.soft === "unlimited" || bounds.soft > bounds.hard)) {
      return fail(`the resource limit "${limit.type}" has a soft bound above the hard one`);
    }
    limits.push({ name, ...bounds });
  }
  return ok(limits);
}

function limitName({ type = "UNKNOWN" }: RLimitInfoRLimit): ResourceLimit["name"] | undefined {
  return RESOURCE_LIMITS.find((name) => `RLMT_${name.toUpperCase()}` === type);
}

function boundOf(value: number | undefined): Bound {
  return value === undefined || value >= UNLIMITED_FROM ? "unlimited" : value;
}

export interface ContainerNamespaces {
  readonly namespaces: readonly Namespace[];
  readonly mounts: readonly ContainerMount[];
  /** Those of its parent's that it joins. */
  readonly shared?: SharedNamespaces;
}

/**
 * Namespaces of its own, and the /dev/shm that belongs to its ipc namespace (ISO-29, ISO-30).
 * @param parent all that the one around it has of its own; to share anything else is to share the agent's
 */
export function namespacesOf(
  linux: LinuxInfo,
  policy: ContainerPolicy,
  parent?: SharedNamespaces,
): Result<ContainerNamespaces> {
  const { ipc_mode: ipcMode, shm_size: shmMegabytes } = linux;
  const sharesPid = linux.share_pid_namespace === true;
  const sharesIpc = ipcMode === "SHARE_PARENT";
  const fromParent = (parent?.namespaces ?? []).filter((kind) => (kind === "pid" ? sharesPid : sharesIpc));
  if (sharesPid && !fromParent.includes("pid") && !policy.sharePid)
    return fail("this agent does not let tasks share its pid namespace");
  if (sharesIpc && !fromParent.includes("ipc") && !policy.shareIpc)
    return fail("this agent does not let tasks share its ipc namespace");
  if (shmMegabytes !== undefined && ipcMode !== "PRIVATE") {
    return fail("shm_size needs the ipc_mode PRIVATE: only a /dev/shm of its own has a size");
  }
  const all: readonly Namespace[] = ["pid", "mount", "ipc", "uts"];
  const namespaces = all.filter((kind) => !(kind === "pid" && sharesPid) && !(kind === "ipc" && sharesIpc));
  const own = ipcMode === "PRIVATE" || (policy.privateShm && !sharesIpc);
  const bytes = shmMegabytes === undefined ? policy.shmBytes : shmMegabytes * BYTES_PER_MEGABYTE;
  const shared =
    parent === undefined || fromParent.length === 0 ? {} : { shared: { ...parent, namespaces: fromParent } };
  return ok({ namespaces, mounts: own ? [shmMount(bytes)] : [], ...shared });
}

/** Those of a pod, as its executor's container has it. */
export function podNamespaces(
  linux: LinuxInfo,
  policy: ContainerPolicy,
): Result<NonNullable<ContainerPod["holder"]>> {
  const own = namespacesOf(linux, policy);
  if (!own.ok) return own;
  const shm = own.value.mounts.find((mount) => mount.kind === "file-system");
  return ok({
    namespaces: sharable(own.value.namespaces),
    ...(shm === undefined ? {} : { shmOptions: shm.options }),
  });
}

export function sharable(namespaces: readonly Namespace[]): readonly SharableNamespace[] {
  return (["pid", "ipc"] as const).filter((kind) => namespaces.includes(kind));
}

/** Without a size the kernel allows half of the machine's memory; the pages count as the container's. */
function shmMount(bytes: number | undefined): ContainerMount {
  const size = bytes === undefined ? "" : `,size=${bytes}`;
  const options = `mode=1777,nosuid,nodev,noexec${size}`;
  return { kind: "file-system", type: "tmpfs", target: "/dev/shm", options };
}
