/** What confinement needs on disk: filters of system calls, a /dev for containers, a list of mounts. */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  statfsSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { release } from "node:os";
import { dirname } from "node:path";
import { fail, ok, type Result } from "../../base/result.ts";
import type { ConfinementSettings } from "../confinement-settings.ts";
import { fstabText } from "../mounts.ts";
import { DEVICE_DIRECTORIES, DEVICE_LINKS, privateMounts, USUAL_DEVICES } from "../private-file-systems.ts";
import { defaultSeccompProfile } from "../seccomp-default.ts";
import { seccompLoader } from "../seccomp-loader.ts";
import { processorOf } from "../seccomp-processor.ts";
import { parseSeccompProfile } from "../seccomp-profile.ts";
import { seccompProgram } from "../seccomp-program.ts";

const DEFAULT = "default";
/** f_type of statfs(2). */
const CGROUP2_MAGIC = 0x63677270;

/** Below the runtime directory, what all containers share. */
export function sharedDirectory(runtimeDirectory: string): string {
  return `${runtimeDirectory}/shared`;
}

/** Programs that load the profiles, by name; each was tried. */
export function prepareSeccomp(settings: ConfinementSettings): Result<ReadonlyMap<string, string>> {
  const processor = processorOf(process.arch);
  if (processor === undefined)
    return fail(`filters of system calls are made for x86-64 and arm64 only, not ${process.arch}`);
  const context = { capabilities: settings.bounding, kernel: release(), processor };
  const loaders = new Map<string, string>();
  mkdirSync(settings.programDirectory, { recursive: true, mode: 0o755 });
  for (const name of new Set([DEFAULT, ...settings.seccompProfiles.keys()])) {
    const text = settings.seccompProfiles.get(name);
    const profile =
      text === undefined ? ok(defaultSeccompProfile(processor)) : parseSeccompProfile(text, context);
    if (!profile.ok) return fail(`the seccomp profile "${name}" cannot be used: ${profile.error}`);
    const path = `${settings.programDirectory}/seccomp-${Buffer.from(name).toString("hex")}`;
    writeProgram(path, seccompLoader(seccompProgram(profile.value, processor), processor.machine));
    loaders.set(name, path);
  }
  const path = loaders.get(DEFAULT) ?? "";
  const tried = Bun.spawnSync([path, "/bin/sh", "-c", ":"], { stdin: "ignore", env: {} });
  if (tried.exitCode === 0) return ok(loaders);
  return fail(
    `"${path}" cannot be executed, or the kernel takes no filter: ${tried.stderr.toString().trim()}`,
  );
}

/** In one step: an agent may be replaced while its predecessor starts a task. */
function writeProgram(path: string, bytes: Uint8Array): void {
  writeFileSync(`${path}.new`, bytes);
  chmodSync(`${path}.new`, 0o755);
  renameSync(`${path}.new`, path);
}

/** The file with the mounts; `try` carries them out in a namespace of their own. */
export function preparePrivateFileSystems(
  runtimeDirectory: string,
  settings: ConfinementSettings,
  tryMounts: (fstab: string) => string | undefined,
): Result<string> {
  const shared = sharedDirectory(runtimeDirectory);
  const devDirectory = `${shared}/dev`;
  const sysDirectory = `${shared}/sys`;
  makeDev(devDirectory, settings.devices);
  mkdirSync(sysDirectory, { recursive: true, mode: 0o755 });
  const cgroups = isCgroup2("/sys/fs/cgroup");
  const view = { devDirectory, sysDirectory, cgroups, devices: settings.devices, exists: existsSync };
  const fstab = `${shared}/mounts`;
  writeFileSync(fstab, fstabText(privateMounts(view)));
  const problem = tryMounts(fstab);
  return problem === undefined ? ok(fstab) : fail(problem);
}

function isCgroup2(path: string): boolean {
  try {
    return statfsSync(path).type === CGROUP2_MAGIC;
  } catch {
    return false;
  }
}

function makeDev(dev: string, devices: readonly string[]): void {
  for (const name of ["", ...DEVICE_DIRECTORIES]) {
    mkdirSync(`${dev}/${name}`, { recursive: true });
    chmodSync(`${dev}/${name}`, 0o755);
  }
  const targets = [...USUAL_DEVICES, ...devices.map((path) => path.slice("/dev/".length))];
  for (const target of targets) {
    mkdirSync(dirname(`${dev}/${target}`), { recursive: true, mode: 0o755 });
    if (!existsSync(`${dev}/${target}`)) writeFileSync(`${dev}/${target}`, "");
  }
  for (const [name, target] of DEVICE_LINKS) {
    if (linkTarget(`${dev}/${name}`) === target) continue;
    rmSync(`${dev}/${name}`, { force: true });
    symlinkSync(target, `${dev}/${name}`);
  }
}

function linkTarget(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
