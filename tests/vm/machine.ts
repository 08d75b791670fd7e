/**
 * Boots Debian's cloud kernel in QEMU (emulated, no KVM) with an initramfs that
 * holds one compiled program, the shells and util-linux. Inside, cgroup v2 is
 * mounted alone at /sys/fs/cgroup with all controllers, which the machine that
 * runs the tests may not have.
 */
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { BOOTED, REPORT_AFTER_S, runMachine } from "./qemu.ts";

const PACKAGES = [
  "qemu-system-x86",
  "linux-image-cloud-amd64",
  "busybox-static",
  "cpio",
  "util-linux",
  "dash",
  "xfsprogs",
];
/** Copied from the host with the libraries they need. */
const PROGRAMS = [
  "/usr/bin/unshare",
  "/usr/bin/nsenter",
  "/usr/bin/setpriv",
  "/usr/bin/setsid",
  "/usr/bin/mount",
  "/usr/bin/prlimit",
  "/usr/bin/dash",
];
const BUSYBOX_LINKS = [
  "cat",
  "chown",
  "dd",
  "dmesg",
  "env",
  "fallocate",
  "grep",
  "hostname",
  "head",
  "id",
  "insmod",
  "ls",
  "mkdir",
  "mkfifo",
  "mknod",
  "readlink",
  "sed",
  "sleep",
  "umount",
  "wc",
  "sync",
];
/** Kernel modules for a disk, in the order of loading. */
const DISK_MODULES = [
  ...["virtio_ring", "virtio", "virtio_pci_modern_dev", "virtio_pci_legacy_dev", "virtio_pci"].map(
    (name) => `drivers/virtio/${name}.ko`,
  ),
  "drivers/block/virtio_blk.ko",
];
const DISK_MIB = 32;
/** mkfs.xfs makes none below 300. */
const XFS_MIB = 320;
const MEMORY_MIB = 1_024;

/** Nothing can be done to the kernel's first root, as pivot_root(2) would; so another mount covers it. */
const INIT = `#!/bin/busybox sh
if [ "$1" != covered ]; then
/bin/busybox mount -o bind / /cover && cd /cover && /bin/busybox mount -o move . /
exec /bin/busybox chroot . /init covered
fi
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sys /sys
/bin/busybox mount -t devtmpfs dev /dev
/bin/busybox mount -t tmpfs tmp /tmp
/bin/busybox mount -t tmpfs run /run
/bin/busybox mount -t cgroup2 cgroup2 /sys/fs/cgroup
for module in $(/bin/busybox cat /modules/order); do /bin/busybox insmod /modules/$module; done
exec </dev/null >/dev/ttyS0 2>&1
echo "${BOOTED}"
(
/bin/busybox sleep ${REPORT_AFTER_S}
for what in l w t; do echo $what >/proc/sysrq-trigger; done
) &
export PATH=/usr/bin:/bin HOME=/tmp
/program
echo "program ended with $?"
/bin/busybox poweroff -f
`;

/** Why the machine cannot be had here, or nothing. Installs what is missing when run as root. */
export function missingForVm(): string | undefined {
  if (process.platform !== "linux" || process.arch !== "x64") return "it needs Linux on x64";
  const missing = missingParts();
  if (missing === undefined) return undefined;
  if (process.getuid?.() !== 0) return `${missing} is not installed, and only root can install it`;
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const apt = (...words: string[]) =>
    Bun.spawnSync(["apt-get", "-o", "DPkg::Lock::Timeout=300", "-y", "-qq", ...words], { env });
  apt("update");
  apt("install", "--no-install-recommends", ...PACKAGES);
  const still = missingParts();
  return still === undefined ? undefined : `${still} cannot be installed by apt-get`;
}

function missingParts(): string | undefined {
  const others = ["/usr/bin/qemu-system-x86_64", "/usr/bin/cpio", "/usr/sbin/mkfs.xfs"];
  const files = [...PROGRAMS, ...others, busybox()];
  return files.find((file) => !existsSync(file)) ?? (kernel() === undefined ? "a cloud kernel" : undefined);
}

function busybox(): string {
  return existsSync("/usr/bin/busybox") ? "/usr/bin/busybox" : "/bin/busybox";
}

function kernel(): string | undefined {
  const images = readdirSync("/boot").filter((name) => /^vmlinuz-.*-cloud-amd64$/.test(name));
  const newest = images.sort((a, b) => a.localeCompare(b, "en", { numeric: true })).at(-1);
  return newest === undefined ? undefined : `/boot/${newest}`;
}

export interface MachineOptions {
  /** Gives the machine a disk, /dev/vda: an empty one, or with this file system. */
  readonly disk?: true | "xfs";
  /** Kernel modules that it loads, by their paths below those of the kernel. */
  readonly modules?: readonly string[];
}

/** Compiles `source`, boots it, and gives everything that it printed. */
export async function runInVm(
  source: string,
  directory: string,
  options: MachineOptions = {},
): Promise<string> {
  const root = join(directory, "root");
  buildRoot(source, root);
  addModules(root, [...(options.disk === undefined ? [] : DISK_MODULES), ...(options.modules ?? [])]);
  const disk = options.disk === undefined ? [] : addDisk(join(directory, "disk"), options.disk);
  const archive = join(directory, "initramfs.cpio");
  check(["sh", "-c", 'cd "$1" && find . | cpio --quiet -o -H newc >"$2"', "sh", root, archive]);
  return runMachine(directory, [
    ...["-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", String(MEMORY_MIB)],
    ...disk,
    ...["-kernel", kernel() ?? "", "-initrd", archive],
    ...["-append", "console=ttyS1 earlyprintk=serial,ttyS1,115200 panic=-1"],
  ]);
}

function buildRoot(source: string, root: string): void {
  for (const path of [
    "cover",
    "proc",
    "sys",
    "dev",
    "tmp",
    "var/tmp",
    "run",
    "etc",
    "usr/bin",
    "usr/lib",
    "usr/lib64",
    "modules",
  ]) {
    mkdirSync(join(root, path), { recursive: true });
  }
  // As Debian has it, so that the libraries are found under both names.
  for (const name of ["bin", "lib", "lib64"]) symlinkSync(`usr/${name}`, join(root, name));
  check([process.execPath, "build", "--compile", source, "--outfile", join(root, "program")]);
  const copied = new Set<string>();
  for (const program of [...PROGRAMS, join(root, "program")]) {
    if (!program.startsWith(root)) cpSync(program, join(root, program), { dereference: true });
    for (const library of libraries(program)) copied.add(library);
  }
  for (const library of copied) {
    const target = library.startsWith("/usr/") ? library : `/usr${library}`;
    mkdirSync(dirname(join(root, target)), { recursive: true });
    cpSync(library, join(root, target), { dereference: true });
  }
  cpSync(busybox(), join(root, "usr/bin/busybox"), { dereference: true });
  symlinkSync("dash", join(root, "usr/bin/sh"));
  for (const name of BUSYBOX_LINKS) symlinkSync("busybox", join(root, "usr/bin", name));
  writeFileSync(join(root, "etc/passwd"), "root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n");
  writeFileSync(join(root, "etc/group"), "root:x:0:\nnogroup:x:65534:\n");
  writeFileSync(join(root, "init"), INIT, { mode: 0o755 });
}

function addModules(root: string, modules: readonly string[]): void {
  const version = basename(kernel() ?? "").replace("vmlinuz-", "");
  for (const module of modules) {
    cpSync(`/lib/modules/${version}/kernel/${module}`, join(root, "modules", basename(module)));
  }
  writeFileSync(join(root, "modules/order"), modules.map((path) => basename(path)).join("\n"));
}

/** Makes a disk; QEMU's arguments. */
function addDisk(image: string, kind: true | "xfs"): string[] {
  writeFileSync(image, "");
  truncateSync(image, (kind === "xfs" ? XFS_MIB : DISK_MIB) * 1_024 * 1_024);
  if (kind === "xfs") check(["/usr/sbin/mkfs.xfs", "-q", image]);
  return ["-drive", `file=${image},format=raw,if=virtio`];
}

/** Absolute paths in what ldd(1) prints. */
function libraries(program: string): string[] {
  return check(["ldd", program]).match(/\/\S+\.so\S*/g) ?? [];
}

function check(command: string[]): string {
  const { exitCode, stdout, stderr } = Bun.spawnSync(command);
  if (exitCode !== 0) throw new Error(`${command.join(" ")} failed: ${stderr.toString()}`);
  return stdout.toString();
}

/** Version of the kernel that will boot, for reports. */
export function kernelName(): string {
  const path = kernel();
  return path === undefined ? "none" : `${path} (${readFileSync(path).length} bytes)`;
}
