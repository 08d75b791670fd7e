import type { CapabilityInfo, CapabilityInfoCapability } from "./v1/containers.ts";

/** Index is the number of include/uapi/linux/capability.h; Mesos' enum is that plus 1000. */
const NAMES: readonly CapabilityInfoCapability[] = [
  "CHOWN",
  "DAC_OVERRIDE",
  "DAC_READ_SEARCH",
  "FOWNER",
  "FSETID",
  "KILL",
  "SETGID",
  "SETUID",
  "SETPCAP",
  "LINUX_IMMUTABLE",
  "NET_BIND_SERVICE",
  "NET_BROADCAST",
  "NET_ADMIN",
  "NET_RAW",
  "IPC_LOCK",
  "IPC_OWNER",
  "SYS_MODULE",
  "SYS_RAWIO",
  "SYS_CHROOT",
  "SYS_PTRACE",
  "SYS_PACCT",
  "SYS_ADMIN",
  "SYS_BOOT",
  "SYS_NICE",
  "SYS_RESOURCE",
  "SYS_TIME",
  "SYS_TTY_CONFIG",
  "MKNOD",
  "LEASE",
  "AUDIT_WRITE",
  "AUDIT_CONTROL",
  "SETFCAP",
  "MAC_OVERRIDE",
  "MAC_ADMIN",
  "SYSLOG",
  "WAKE_ALARM",
  "BLOCK_SUSPEND",
  "AUDIT_READ",
  "PERFMON",
  "BPF",
  "CHECKPOINT_RESTORE",
];

/** Ascending, each once; names that are none are left out, as in Mesos. */
export function capabilityNumbers({ capabilities = [] }: CapabilityInfo): readonly number[] {
  const numbers = new Set(capabilities.map((name) => NAMES.indexOf(name)).filter((number) => number >= 0));
  return [...numbers].sort((a, b) => a - b);
}

export function capabilityNames(numbers: readonly number[]): readonly string[] {
  return numbers.map((number) => NAMES[number] ?? `${number}`);
}
