/**
 * Known ways out of containers, as what a task does. A shell attempt has come
 * through when it exits with 0; a system call when the kernel did not refuse
 * it outright (any errno but EPERM and ENOSYS means that it was looked at).
 */

export interface ShellAttempt {
  readonly name: string;
  /** Where the way was published or is explained. */
  readonly source: string;
  readonly script: string;
  /** Whether it comes through in a container as Mesos makes them: shows that the attempt is a real one. */
  readonly open: boolean;
}

/** All as root of the container. `$m` is an empty directory in the sandbox. */
export const SHELL_ATTEMPTS: readonly ShellAttempt[] = [
  {
    name: "release_agent of a cgroup hierarchy of its own",
    source: "CVE-2022-0492; F. Wilhelm, 2019 (SYS_ADMIN and release_agent)",
    script: "mount -t cgroup -o none,name=esc esc $m && echo /x >$m/release_agent",
    open: true,
  },
  {
    name: "core_pattern",
    source: "core(5), 'Piping core dumps to a program'; kernel.core_pattern is not namespaced",
    script: "echo '|/x' >/proc/sys/kernel/core_pattern",
    open: true,
  },
  {
    name: "modprobe path",
    source: "kernel.modprobe in Documentation/admin-guide/sysctl/kernel.rst: run by the kernel as root",
    script: "echo /x >/proc/sys/kernel/modprobe",
    open: true,
  },
  {
    name: "/proc/sys writable again",
    source: "mount_namespaces(7): who may mount can take a read-only mount away",
    script: "umount /proc/sys || mount -o remount,bind,rw /proc/sys",
    open: false,
  },
  {
    name: "a fresh /proc in another place",
    source: "OCI runtime specification, masked paths: another mount has none of the masks",
    script: "mount -t proc p $m && echo 1 >$m/sys/vm/drop_caches",
    open: true,
  },
  {
    name: "sysrq-trigger",
    source: "Documentation/admin-guide/sysrq.rst; h only prints help",
    script: "echo h >/proc/sysrq-trigger",
    open: true,
  },
  {
    name: "knobs in /sys",
    source:
      "moby/moby: /sys is read-only in unprivileged containers; uevent_helper was run by the kernel as root",
    script: "echo 0 >/sys/kernel/mm/ksm/run || echo x >/sys/kernel/uevent_helper",
    open: true,
  },
  {
    name: "a new node of the disk",
    source: "mknod(2); the classic of privileged containers, capabilities(7) CAP_MKNOD",
    script: "mknod $m/disk b $(cat /sys/block/vda/dev | sed 's/:/ /')",
    open: true,
  },
  {
    name: "the disk, raw",
    source: "cgroup-v2.rst, device controller: what a container may open",
    script: "dd if=/dev/vda of=/dev/null bs=512 count=1",
    open: false,
  },
  {
    name: "the disk, mounted",
    source: "N. Stoler, 2019, Play with Docker: mount of the host's disk",
    script: "mount -t ext4 /dev/vda $m",
    open: false,
  },
  {
    name: "debugfs",
    source: "Documentation/filesystems/debugfs.rst: made without thought of security",
    script: "mount -t debugfs d $m && ls $m/x86",
    open: true,
  },
  {
    name: "any mount",
    source: "mount(2); CAP_SYS_ADMIN of capabilities(7)",
    script: "mount -t tmpfs t $m",
    open: true,
  },
  {
    name: "cgroups of its own limits",
    source: "cgroup-v2.rst, delegation: who may write memory.max has no limit",
    script: "echo max >/sys/fs/cgroup$(sed -n 's/^0:://p' /proc/self/cgroup)/memory.max",
    open: true,
  },
  {
    name: "a cgroup outside of all limits",
    source: "cgroup-v2.rst, cgroup.procs: a process moves where it may write",
    script: "mkdir /sys/fs/cgroup/esc && echo 0 >/sys/fs/cgroup/esc/cgroup.procs",
    open: true,
  },
  {
    name: "a kernel module",
    source: "xcellerator, 2020, and many: CAP_SYS_MODULE; File exists means that it was loaded before",
    script: "insmod $(ls /modules/*.ko | head -n 1) 2>&1 | grep -q 'File exists'",
    open: true,
  },
  {
    name: "the root of the process that began the container",
    source: "proc_pid_root(5); CVE-2016-9962 (runc: access to the init process through ptrace)",
    script: "ls /proc/1/root/ && ls /proc/1/fd",
    open: true,
  },
  {
    name: "namespaces of the process that began the container",
    source: "setns(2), nsenter(1)",
    script: "nsenter --target 1 --uts --ipc --mount sh -c :",
    open: true,
  },
  {
    name: "processes of the host",
    source: "pid_namespaces(7)",
    script: "grep -l kthreadd /proc/[0-9]*/comm",
    open: false,
  },
  {
    name: "files of the host, as their root",
    source: "user_namespaces(7): a root that is nobody outside",
    script: "echo x >/usr/bin/owned",
    open: true,
  },
  {
    name: "programs of the host that the agent executes",
    source: "CVE-2019-5736 (runc: /proc/self/exe overwritten)",
    script: ": >>/usr/bin/setpriv",
    open: true,
  },
  {
    name: "records of the agent",
    source: "its own: /run/mesh tells of all containers",
    script: "ls /run/mesh/containers",
    open: true,
  },
  {
    name: "memory of the kernel",
    source: "proc_kcore(5); syslog(2), CVE-2013-1959 and others began with kallsyms",
    script: "head -c 1 /proc/kallsyms | grep -q . || head -c 1 /proc/kcore | grep -q .",
    open: true,
  },
  {
    name: "messages of the kernel",
    source: "dmesg(1): addresses and other machines' names",
    script: "dd if=/dev/kmsg of=/dev/null bs=8192 count=1 || dmesg | grep -q .",
    open: true,
  },
  {
    name: "keys of others",
    source: "keyrings(7): not namespaced; moby/moby masks /proc/keys",
    script: "grep -q . /proc/keys",
    open: true,
  },
  {
    name: "shared memory of others",
    source: "shm_overview(7): /dev/shm of the host has everybody's",
    script: "cat /dev/shm/secret",
    open: true,
  },
  {
    name: "temporary files of others",
    source: "systemd.exec(5), PrivateTmp=: attacks by predictable names in /tmp",
    script: "cat /tmp/secret",
    open: true,
  },
  {
    name: "spared by the OOM killer",
    source: "proc_pid_oom_score_adj(5): CAP_SYS_RESOURCE",
    script: "echo -1000 >/proc/self/oom_score_adj",
    open: true,
  },
  {
    name: "open files of who started it",
    source: "CVE-2024-21626 (runc: leaked file descriptors)",
    script: "test $(ls /proc/self/fd | wc -l) -gt 4",
    open: false,
  },
  {
    name: "user namespaces in which it is root again",
    source: "CVE-2022-0185 (needs CAP_SYS_ADMIN in any user namespace) and many of its kind",
    script: "unshare --user --map-root-user sh -c :",
    open: true,
  },
];

export interface CallAttempt {
  readonly name: string;
  readonly source: string;
  /** Of x86-64. */
  readonly number: number;
  readonly args: readonly number[];
}

/** With arguments that do nothing when they are looked at. */
export const CALL_ATTEMPTS: readonly CallAttempt[] = [
  { name: "add_key", source: "keyrings(7); CVE-2016-0728", number: 248, args: [0, 0, 0, 0, 0] },
  { name: "request_key", source: "keyrings(7): runs a program of the host", number: 249, args: [0, 0, 0, 0] },
  { name: "keyctl", source: "keyrings(7)", number: 250, args: [0, -3, 0] },
  { name: "bpf", source: "CVE-2020-8835, CVE-2021-3490, CVE-2022-23222", number: 321, args: [11, 0, 0] },
  { name: "perf_event_open", source: "CVE-2013-2094, CVE-2023-5717", number: 298, args: [0, 0, -1, -1, 0] },
  { name: "userfaultfd", source: "CVE-2021-22555 and others win races by it", number: 323, args: [-1] },
  { name: "io_uring_setup", source: "CVE-2021-41073, CVE-2022-29582", number: 425, args: [0, 0] },
  { name: "unshare", source: "CVE-2022-0185, CVE-2023-0386", number: 272, args: [0x10000000] },
  { name: "setns", source: "setns(2)", number: 308, args: [-1, 0] },
  { name: "fsopen", source: "CVE-2022-0185", number: 430, args: [0, 0] },
  { name: "move_mount", source: "mount_namespaces(7)", number: 429, args: [-1, 0, -1, 0, 0] },
  { name: "mount", source: "mount(2)", number: 165, args: [0, 0, 0, 0, 0] },
  { name: "open_by_handle_at", source: "S. Krahmer, 2014, shocker.c", number: 304, args: [-1, 0, 0] },
  { name: "init_module", source: "capabilities(7), CAP_SYS_MODULE", number: 175, args: [0, 0, 0] },
  { name: "finit_module", source: "capabilities(7), CAP_SYS_MODULE", number: 313, args: [-1, 0, 0] },
  { name: "kexec_load", source: "kexec_load(2)", number: 246, args: [0, 17, 0, 0] },
  { name: "syslog", source: "syslog(2), read all", number: 103, args: [10, 0, 0] },
  { name: "iopl", source: "iopl(2), CAP_SYS_RAWIO", number: 172, args: [3] },
  { name: "acct", source: "acct(2): a file that the kernel writes", number: 163, args: [1] },
  { name: "swapon", source: "swapon(2)", number: 167, args: [0, 0] },
  { name: "quotactl", source: "quotactl(2)", number: 179, args: [0, 0, 0, 0] },
  { name: "clock_settime", source: "time is not namespaced", number: 227, args: [0, 0] },
  {
    name: "fanotify_init",
    source: "fanotify(7): sees and holds opens of the host",
    number: 300,
    args: [0, 0],
  },
  {
    name: "ptrace of who began it",
    source: "CVE-2016-9962, CVE-2019-13272",
    number: 101,
    args: [0x4206, 1, 0, 0],
  },
  {
    name: "socket AF_VSOCK",
    source: "vsock(7): to the hypervisor, past network namespaces",
    number: 41,
    args: [40, 1, 0],
  },
];
