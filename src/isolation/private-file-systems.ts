/**
 * Mounts that hide the host's devices and the kernel's knobs from a container
 * that shares the host's files. All of them are below /dev, /proc and /sys.
 *
 * /proc     what changes the kernel is read-only, what tells its secrets is empty: the lists of
 *           the OCI runtime specification's "Default Mask and Readonly Paths" as engines use them
 * /sys      a mount of its own, read-only, without the debug and tracing file systems of the
 *           host's; of cgroups the view of a cgroup2 mount, read-only
 * /dev      a directory prepared for all containers, read-only, on whose files the devices are
 *           bound (a mount cannot make nodes where the file system forbids devices), with
 *           terminals, queues and shared memory of its own
 */
import type { FileSystemMount, ReadyMount } from "./container.ts";

const READ_ONLY = ["/proc/sys", "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sysrq-trigger"];
export const HIDDEN_FILES = [
  "/proc/kcore",
  "/proc/kmsg",
  "/proc/kallsyms",
  "/proc/keys",
  "/proc/key-users",
  "/proc/latency_stats",
  "/proc/sched_debug",
  "/proc/timer_list",
  "/proc/timer_stats",
  "/proc/config.gz",
  "/proc/kpagecount",
  "/proc/kpageflags",
  "/proc/kpagecgroup",
  "/proc/interrupts",
];
export const HIDDEN_DIRECTORIES = ["/proc/acpi", "/proc/asound", "/proc/scsi"];
const CGROUPS = "/sys/fs/cgroup";
export const HIDDEN_IN_SYS = ["/sys/firmware", "/sys/devices/virtual/powercap"];

/** Device nodes that every container has. */
export const USUAL_DEVICES = ["null", "zero", "full", "random", "urandom", "tty"];
/** Links in its /dev. */
export const DEVICE_LINKS: readonly (readonly [name: string, target: string])[] = [
  ["fd", "/proc/self/fd"],
  ["stdin", "/proc/self/fd/0"],
  ["stdout", "/proc/self/fd/1"],
  ["stderr", "/proc/self/fd/2"],
  ["ptmx", "pts/ptmx"],
];
export const DEVICE_DIRECTORIES = ["pts", "shm", "mqueue"];

export interface PrivateView {
  /** Absolute path of the directory that becomes /dev. */
  readonly devDirectory: string;
  /** Absolute path of an empty directory. */
  readonly sysDirectory: string;
  /** A cgroup2 mount is at its usual place. */
  readonly cgroups: boolean;
  /** Absolute paths of devices beside the usual ones. */
  readonly devices: readonly string[];
  /** Whether the host has the path. */
  exists(path: string): boolean;
}

/** In the order in which they must be made. */
export function privateMounts(view: PrivateView): readonly ReadyMount[] {
  const { exists, sysDirectory, cgroups } = view;
  const bind = (source: string, target: string, more: { readOnly?: boolean; recursive?: boolean } = {}) =>
    ({ kind: "bind", source, target, readOnly: false, ...more }) as const;
  const readOnly = { readOnly: true };
  const empty = (target: string): ReadyMount => fresh("tmpfs", target, "ro,size=0,nosuid,nodev,noexec");
  const mounts: ReadyMount[] = [
    ...READ_ONLY.filter(exists).map((path) => bind(path, path, readOnly)),
    ...HIDDEN_FILES.filter(exists).map((path) => bind("/dev/null", path)),
    ...HIDDEN_DIRECTORIES.filter(exists).map(empty),
  ];
  // In another place first: the kernel mounts no file system over itself, and the old one has the cgroups.
  mounts.push(fresh("sysfs", sysDirectory, "ro,nosuid,nodev,noexec"));
  if (cgroups) mounts.push(bind(CGROUPS, `${sysDirectory}${CGROUPS.slice("/sys".length)}`, readOnly));
  mounts.push(bind(sysDirectory, "/sys", { recursive: true }));
  mounts.push(...HIDDEN_IN_SYS.filter(exists).map(empty));
  mounts.push(...deviceMounts(view));
  return mounts;
}

function deviceMounts({ devDirectory: dev, devices }: PrivateView): readonly ReadyMount[] {
  const paths = [...USUAL_DEVICES.map((name) => `/dev/${name}`), ...devices];
  return [
    ...paths.map((path) => {
      const target = `${dev}${path.slice("/dev".length)}`;
      return { kind: "bind", source: path, target, readOnly: false } as const;
    }),
    fresh("devpts", `${dev}/pts`, "newinstance,ptmxmode=0666,mode=0620,nosuid,noexec"),
    fresh("tmpfs", `${dev}/shm`, "mode=1777,nosuid,nodev,noexec"),
    fresh("mqueue", `${dev}/mqueue`, "nosuid,nodev,noexec"),
    { kind: "bind", source: dev, target: "/dev", readOnly: true, recursive: true },
  ];
}

function fresh(type: FileSystemMount["type"], target: string, options: string): FileSystemMount {
  return { kind: "file-system", type, target, options };
}
