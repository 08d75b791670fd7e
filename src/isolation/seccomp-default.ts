/**
 * The profile "default": everything that the table has, less what no task
 * needs and containers were escaped by. What is newer than the table does not
 * exist for a task (ENOSYS), as programs expect of an older kernel.
 */
import type { Processor } from "./seccomp-processor.ts";
import {
  ALLOW,
  type ArgumentRule,
  ENOSYS,
  EPERM,
  errno,
  type SeccompProfile,
  type SyscallRule,
} from "./seccomp-profile.ts";

const FORBIDDEN = `
mount umount2 pivot_root move_mount open_tree open_tree_attr fsopen fsconfig fsmount fspick mount_setattr
setns unshare
init_module finit_module create_module delete_module get_kernel_syms query_module kexec_load kexec_file_load
bpf perf_event_open userfaultfd io_uring_setup io_uring_enter io_uring_register
add_key request_key keyctl
open_by_handle_at fanotify_init lookup_dcookie
reboot swapon swapoff syslog acct quotactl quotactl_fd nfsservctl vhangup
settimeofday clock_settime
iopl ioperm modify_ldt uselib ustat sysfs _sysctl
kcmp move_pages process_madvise
`;

/** CLONE_NEW* that clone(2) takes: namespaces are the agent's business. */
const NAMESPACE_FLAGS = 0x7e020000n;
/** Its flags are in memory, where no filter sees them; without it libraries use clone. */
const CLONE3 = "clone3";
/** personality(2): ask, Linux, 32 bit, and both with UNAME26; not ADDR_NO_RANDOMIZE and the like. */
const PERSONALITIES = [0n, 0x8n, 0x20000n, 0x20008n, 0xffffffffn];
/** A socket to the hypervisor, for which network namespaces do not count. */
const AF_VSOCK = 40n;

export function defaultSeccompProfile({ calls }: Processor): SeccompProfile {
  const forbidden = new Set(FORBIDDEN.trim().split(/\s+/));
  const rules: SyscallRule[] = [];
  for (const [name, number] of calls) {
    if (name === CLONE3) rules.push({ number, conditions: [], action: errno(ENOSYS) });
    else if (forbidden.has(name)) rules.push({ number, conditions: [], action: errno(EPERM) });
    else for (const conditions of conditionsOf(name)) rules.push({ number, conditions, action: ALLOW });
  }
  for (const name of ["clone", "personality", "socket"]) {
    rules.push(...anyOther(calls.get(name)));
  }
  return { otherwise: errno(ENOSYS), rules };
}

/** Ways to call it that are allowed; one without conditions for most. */
function conditionsOf(name: string): readonly (readonly ArgumentRule[])[] {
  const first = { index: 0, other: 0n };
  switch (name) {
    case "clone":
      return [[{ ...first, comparison: "MASKED_EQ", value: NAMESPACE_FLAGS }]];
    case "personality":
      return PERSONALITIES.map((value) => [{ ...first, comparison: "EQ", value }]);
    case "socket":
      return [[{ ...first, comparison: "NE", value: AF_VSOCK }]];
    default:
      return [[]];
  }
}

/** A condition that always holds, after the ones of the call: it would be idle without one. */
function anyOther(number: number | undefined): readonly SyscallRule[] {
  if (number === undefined) return [];
  const always: ArgumentRule = { index: 0, comparison: "GE", value: 0n, other: 0n };
  return [{ number, conditions: [always], action: errno(EPERM) }];
}
