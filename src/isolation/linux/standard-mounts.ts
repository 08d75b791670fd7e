/**
 * What every root of an image gets: /proc, /sys and /dev, as Mesos makes them
 * (src/linux/fs.cpp `prepareMounts`, `makeStandardDevices`). Paths are those of
 * the new root, where the caller already is.
 */
import { existsSync, mkdirSync, symlinkSync } from "node:fs";
import { HIDDEN_DIRECTORIES, HIDDEN_FILES, HIDDEN_IN_SYS } from "../private-file-systems.ts";
import type { Libc } from "./libc.ts";
import { BIND, NO_DEVICES, NO_EXECUTION, NO_SETUID, READ_ONLY, RECURSIVE, REMOUNT } from "./mount-flags.ts";

/** Below /proc: settings of the whole machine. */
const PROC_READ_ONLY = ["bus", "fs", "irq", "sys", "sysrq-trigger"];
/** Type and permissions of a character device that all may use. */
const CHARACTER_DEVICE = 0o020666;
const DEVICES: readonly (readonly [name: string, major: number, minor: number])[] = [
  ["null", 1, 3],
  ["zero", 1, 5],
  ["full", 1, 7],
  ["random", 1, 8],
  ["urandom", 1, 9],
  ["tty", 5, 0],
];
const LINKS: readonly (readonly [name: string, target: string])[] = [
  ["fd", "/proc/self/fd"],
  ["stdin", "/proc/self/fd/0"],
  ["stdout", "/proc/self/fd/1"],
  ["stderr", "/proc/self/fd/2"],
  ["ptmx", "pts/ptmx"],
];

/** Call it with a umask of 0. */
export function mountStandard(libc: Libc): void {
  const harmless = NO_SETUID | NO_DEVICES | NO_EXECUTION;
  mountAt(libc, "proc", "/proc", harmless);
  for (const name of PROC_READ_ONLY) {
    const path = `/proc/${name}`;
    if (!existsSync(path)) continue;
    libc.mount(path, path, "", BIND | RECURSIVE);
    libc.mount("", path, "", BIND | REMOUNT | READ_ONLY | harmless);
  }
  mountAt(libc, "sysfs", "/sys", harmless | READ_ONLY);
  mountAt(libc, "tmpfs", "/dev", NO_SETUID, "mode=755");
  mountAt(libc, "devpts", "/dev/pts", NO_SETUID | NO_EXECUTION, "newinstance,ptmxmode=0666,mode=0620");
  mountAt(libc, "tmpfs", "/dev/shm", NO_SETUID | NO_DEVICES, "mode=1777");
  for (const [name, major, minor] of DEVICES) libc.mknod(`/dev/${name}`, CHARACTER_DEVICE, major, minor);
  for (const [name, target] of LINKS) symlinkSync(target, `/dev/${name}`);
  for (const path of HIDDEN_FILES.filter((each) => existsSync(each))) libc.mount("/dev/null", path, "", BIND);
  for (const path of [...HIDDEN_DIRECTORIES, ...HIDDEN_IN_SYS].filter((each) => existsSync(each))) {
    libc.mount("tmpfs", path, "tmpfs", harmless | READ_ONLY, "size=0");
  }
}

function mountAt(libc: Libc, type: string, target: string, flags: number, options = ""): void {
  mkdirSync(target, { recursive: true, mode: 0o755 });
  libc.mount(type, target, type, flags, options);
}
