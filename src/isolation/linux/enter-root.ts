/**
 * The agent's own program, executed once more as the process that becomes a
 * task with a root file system of its own: the image may hold no shell and no
 * tool, and the host's are out of reach behind pivot_root(2). It runs for some
 * milliseconds in the container's namespaces, as root, and then executes the
 * task in its own place. See root.ts for what it is told.
 *
 * The order matters. The root is changed before anything is mounted in it, so
 * that every path of the image, links included, leads to places in the image;
 * what is bound from the host was opened before. The host's root is let go of
 * before the user is switched. Nothing in JavaScript is loaded after the start.
 */
import {
  chownSync,
  closeSync,
  constants,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  statSync,
  writeSync,
} from "node:fs";
import { constants as os } from "node:os";
import { dirname } from "node:path";
import type { BindMount, OverlayRoot, ReadyMount } from "../container.ts";
import { ENTERED_FD } from "../enter-script.ts";
import type { DeviceNode } from "../gpus.ts";
import {
  OPEN_FILES_VARIABLE,
  ROOT_ENTRY_VARIABLE,
  ROOT_PROGRAM_VARIABLE,
  type RootEntry,
  type RootProgram,
} from "../root.ts";
import { FAILED_STEP_MARK, SETUP_FAILED_STATUS, STARTED_MARK, TASK_STDERR_FD } from "../supervisor-script.ts";
import { Libc } from "./libc.ts";
import { BIND, mountOptions, NO_DEVICES, NO_SETUID, READ_ONLY, RECURSIVE, REMOUNT } from "./mount-flags.ts";
import { confine, limitFileSize, readFilter, setLimits } from "./root-confinement.ts";
import { makeSecrets } from "./secrets.ts";
import { mountStandard } from "./standard-mounts.ts";

/** Of open(2): names a file without access to it. */
const O_PATH = 0o10000000;
/** Of umount2(2): gone for new users now, for good when the last one leaves. */
const DETACH = 2;
const HARMLESS = NO_SETUID | NO_DEVICES;
const LIMIT_OPEN_FILES = 7;
/** Descriptors above stderr that may be open here. */
const DESCRIPTORS_MAX = 1_024;
const SHARED_MEMORY: BindMount = { kind: "bind", source: "/dev/shm", target: "/dev/shm", readOnly: false };
const HOST_FILES = ["/etc/hosts", "/etc/hostname", "/etc/resolv.conf"];
/** POSIX' when PATH is not set. */
const DEFAULT_PATH = "/bin:/usr/bin";
const NOT_FOUND_STATUS = 127;
const NOT_EXECUTABLE_STATUS = 126;

/** Never returns. `words`: the program, see RootProgram. */
export function enterRoot(words: readonly string[]): never {
  try {
    const entry = JSON.parse(process.env[ROOT_ENTRY_VARIABLE] ?? "") as RootEntry;
    const program = JSON.parse(process.env[ROOT_PROGRAM_VARIABLE] ?? "") as RootProgram;
    const libc = new Libc();
    const environment = readEnvironment(program);
    if (entry.join === undefined) {
      prepare(libc, entry);
      writeSync(2, `${STARTED_MARK}\n`);
      libc.dup2(TASK_STDERR_FD, 2);
    } else {
      join(libc, entry, entry.join.pid);
      if (entry.join.mark) writeSync(ENTERED_FD, "\n");
    }
    limitFileSize(libc, entry.limits);
    const [name = "", ...rest] = words;
    if (program.renamed) execute(libc, [name, ...rest.slice(1)], rest[0] ?? "", environment);
    execute(libc, words, name, environment);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    writeSync(
      2,
      `Cannot set up the container's root: ${message.replaceAll("\n", " ")}\n${FAILED_STEP_MARK}root\n`,
    );
    process.exit(SETUP_FAILED_STATUS);
  }
}

function readEnvironment({ prefix, variables }: RootProgram): string[] {
  return Array.from({ length: variables }, (_, index) => process.env[`${prefix}${index}`] ?? "");
}

function prepare(libc: Libc, entry: RootEntry): void {
  const { root, user, cgroup } = entry;
  const procs = cgroup === undefined ? undefined : openSync(`${cgroup}/cgroup.procs`, "w");
  const limits = openFilesLimit();
  const filter = readFilter(entry);
  if (user !== undefined) libc.initGroups(user.name, user.gid);
  const secrets = makeSecrets(libc, entry.secrets).values();
  const shm = entry.keepShm === true && existsSync(SHARED_MEMORY.source) ? [SHARED_MEMORY] : [];
  const binds = [...hostFiles(entry), ...shm, sandboxMount(entry), ...entry.mounts].map((mount) =>
    opened(libc, mount, entry.sandbox, secrets),
  );
  const host = openSync("/", constants.O_RDONLY | constants.O_DIRECTORY);
  mountRoot(libc, entry);
  process.chdir(root.directory);
  libc.pivotRoot(".", ".");
  // The host's root is now mounted over this one; paths from here on lead to the new one.
  libc.fchdir(host);
  const umask = process.umask(0);
  mountStandard(libc);
  for (const device of entry.devices ?? []) makeDevice(libc, device);
  process.umask(umask);
  for (const each of binds) mountInside(libc, each, root.sandbox);
  libc.umount(".", DETACH);
  process.chdir("/");
  mkdirSync(root.workingDirectory, { recursive: true });
  process.chdir(root.workingDirectory);
  libc.newSession();
  if (entry.terminal === true) libc.controlTerminal(0);
  become(libc, entry, { procs, limits, filter });
}

/** Into the root of another process of the container. */
function join(libc: Libc, entry: RootEntry, pid: number): void {
  const { root, user, cgroup } = entry;
  const procs = cgroup === undefined ? undefined : openSync(`${cgroup}/cgroup.procs`, "w");
  const limits = openFilesLimit();
  const filter = readFilter(entry);
  if (user !== undefined) libc.initGroups(user.name, user.gid);
  libc.joinMounts(openSync(`/proc/${pid}/ns/mnt`, constants.O_RDONLY));
  process.chdir(root.workingDirectory);
  become(libc, entry, { procs, limits, filter });
}

interface Becoming {
  /** The container's cgroup.procs. */
  readonly procs: number | undefined;
  readonly limits: [soft: bigint, hard: bigint];
  readonly filter: Uint8Array | undefined;
}

/** Everything that makes the process one of the container, but its program. */
function become(libc: Libc, entry: RootEntry, { procs, limits, filter }: Becoming): void {
  if (procs !== undefined) writeSync(procs, "0");
  libc.setLimit(LIMIT_OPEN_FILES, ...limits);
  libc.resetSignals();
  for (let file = TASK_STDERR_FD; file < DESCRIPTORS_MAX; file++) libc.closeOnExec(file);
  setLimits(libc, entry.limits);
  confine(libc, entry, filter);
}

/** What they were for the shell that executed this process. */
function openFilesLimit(): [soft: bigint, hard: bigint] {
  const line = /^Max open files +(\S+) +(\S+)/m.exec(readFileSync("/proc/self/limits", "utf8"));
  const [, now = "1024", hard = now] = line ?? [];
  const number = (text: string): bigint => (text === "unlimited" ? 2n ** 64n - 1n : BigInt(text));
  return [number(process.env[OPEN_FILES_VARIABLE] || now), number(hard)];
}

/** With the permissions of the host's, whose root is the working directory. */
function makeDevice(libc: Libc, { path, major, minor }: DeviceNode): void {
  const { mode, uid, gid } = statSync(path.slice(1));
  mkdirSync(dirname(path), { recursive: true });
  libc.mknod(path, mode, major, minor);
  chownSync(path, uid, gid);
}

function mountRoot(libc: Libc, { root }: RootEntry): void {
  const { source, directory } = root;
  if (source.kind === "copy") {
    // Only a mount can become the root.
    libc.mount(directory, directory, "", BIND | RECURSIVE);
    return;
  }
  mountOverlay(libc, source, directory);
}

function mountOverlay(libc: Libc, source: OverlayRoot, directory: string): void {
  // Names relative to a directory keep the options below a page.
  process.chdir(source.layersDirectory);
  const options = `lowerdir=${source.layers.join(":")},upperdir=${source.upper},workdir=${source.work}`;
  libc.mount("overlay", directory, "overlay", 0, options);
}

function sandboxMount({ root, sandbox }: RootEntry): BindMount {
  return { kind: "bind", source: sandbox, target: root.sandbox, readOnly: false, recursive: true };
}

/** Names as the host knows them, whose network it is; what is mounted there for the container wins. */
function hostFiles({ mounts }: RootEntry): BindMount[] {
  return HOST_FILES.filter(
    (path) => existsSync(path) && !mounts.some(({ target }) => target === path || target === "/etc"),
  ).map((path) => ({ kind: "bind", source: path, target: path, readOnly: true }));
}

interface Opened {
  readonly mount: ReadyMount;
  /** Of the source; none for a file system. */
  readonly file: number | undefined;
}

/** @param secrets gives the paths of their files one after the other */
function opened(libc: Libc, mount: ReadyMount, sandbox: string, secrets: Iterator<string>): Opened {
  switch (mount.kind) {
    case "file-system":
      return { mount, file: undefined };
    case "secret":
      return { mount, file: openSync(secrets.next().value ?? "", O_PATH) };
    case "overlay":
      mountOverlay(libc, mount.source, mount.directory);
      return { mount, file: openSync(mount.directory, O_PATH) };
    case "bind":
  }
  const { source, sourceBase = sandbox } = mount;
  return { mount, file: source.startsWith("/") ? openSync(source, O_PATH) : openBelow(sourceBase, source) };
}

/** Users have their hands in sandboxes: a link would lead out of it, also one that appears just now. */
function openBelow(base: string, path: string): number {
  let file = openSync(base, O_PATH | constants.O_DIRECTORY);
  for (const name of path.split("/").filter((part) => part !== "")) {
    const next = openSync(`/proc/self/fd/${file}/${name}`, O_PATH | constants.O_NOFOLLOW);
    closeSync(file);
    if (fstatSync(next).isSymbolicLink()) throw new Error(`"${name}" of the path "${path}" is a link`);
    file = next;
  }
  return file;
}

/** Targets that are not there are made, in the container's writable layer or its sandbox. */
function mountInside(libc: Libc, { mount, file }: Opened, sandbox: string): void {
  const target = mount.target.startsWith("/") ? mount.target : `${sandbox}/${mount.target}`;
  if (mount.kind === "file-system") {
    const { flags, data } = mountOptions(mount.options);
    mkdirSync(target, { recursive: true });
    libc.mount("mesh", target, mount.type, flags, data);
    return;
  }
  if (file === undefined) return;
  if (fstatSync(file).isDirectory()) mkdirSync(target, { recursive: true });
  else {
    mkdirSync(target.slice(0, target.lastIndexOf("/")) || "/", { recursive: true });
    closeSync(openSync(target, constants.O_WRONLY | constants.O_CREAT, 0o644));
  }
  // The working directory is the host's root, whose /proc still leads to what was opened there.
  const { recursive = false, harmless = false } = mount.kind === "bind" ? mount : {};
  libc.mount(`proc/self/fd/${file}`, target, "", BIND | (recursive ? RECURSIVE : 0));
  const flags = (mount.readOnly ? READ_ONLY : 0) | (harmless || mount.kind !== "bind" ? HARMLESS : 0);
  if (flags !== 0) libc.mount("", target, "", BIND | REMOUNT | flags);
}

/** As execvp(3): looked up in the container's PATH, and a file that is no program is a shell script. */
function execute(libc: Libc, argv: readonly string[], file: string, environment: readonly string[]): never {
  const path = environment.find((variable) => variable.startsWith("PATH="))?.slice("PATH=".length);
  const names = file.includes("/")
    ? [file]
    : (path ?? DEFAULT_PATH).split(":").map((directory) => `${directory === "" ? "." : directory}/${file}`);
  let status = NOT_FOUND_STATUS;
  let reason = "no such program in the image, or not what it needs to run";
  for (const name of names) {
    const errno = libc.execute(name, argv, environment);
    if (errno === os.errno.ENOEXEC) libc.execute("/bin/sh", ["sh", name, ...argv.slice(1)], environment);
    if (errno === os.errno.ENOENT || errno === os.errno.ENOTDIR) continue;
    status = NOT_EXECUTABLE_STATUS;
    reason = Object.entries(os.errno).find(([, number]) => number === errno)?.[0] ?? `errno ${errno}`;
  }
  writeSync(2, `mesh: cannot execute ${JSON.stringify(file)}: ${reason}\n`);
  process.exit(status);
}
