/** What of the operator's wishes to keep containers apart the machine can do, found out by trying. */
import { existsSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { fail } from "../../base/result.ts";
import type { ConfinementSettings } from "../confinement-settings.ts";
import type { Namespace } from "../container.ts";
import type { UserRange } from "../privileges.ts";
import type { Host, Tools } from "../tools.ts";
import { preparePrivateFileSystems, prepareSeccomp } from "./confinement-files.ts";
import { openUserNamespace } from "./user-namespace.ts";

export interface ConfinementProbeOptions {
  readonly runtimeDirectory: string;
  readonly confinement?: ConfinementSettings;
}

type Confined = Pick<Host, "fixedMounts" | "seccompFilters" | "userNamespace">;

/** @param missing gets what tasks cannot ask for, @param unmet what the operator asked for in vain */
export function probeConfinement(
  { runtimeDirectory, confinement }: ConfinementProbeOptions,
  tools: Tools,
  namespaces: readonly Namespace[],
  missing: string[],
  unmet: string[],
): Confined {
  if (confinement === undefined) return {};
  return {
    ...seccompOf(confinement, missing, unmet),
    ...(confinement.userRange === undefined
      ? {}
      : userNamespaceOf(confinement.userRange, confinement.programDirectory, tools, namespaces, unmet)),
    ...(confinement.privateFileSystems
      ? mountsOf(runtimeDirectory, confinement, tools, namespaces, unmet)
      : {}),
  };
}

function userNamespaceOf(
  range: UserRange,
  programDirectory: string,
  tools: Tools,
  namespaces: readonly Namespace[],
  unmet: string[],
): Confined {
  const closed = closedDirectory(programDirectory);
  if (closed !== undefined) {
    const where = `"${closed}", where --work-dir lies`;
    unmet.push(`Flag --userns-range is given, but its users cannot enter ${where}: chmod o+x it`);
    return {};
  }
  const file =
    namespaces.includes("pid") && tools.nsenter !== undefined
      ? openUserNamespace(range, tools)
      : fail("this agent can make no pid namespace, or lacks nsenter; its log says why");
  if (file.ok) return { userNamespace: { range, file: file.value } };
  unmet.push(`Flag --userns-range is given, but ${file.error}`);
  return {};
}

/** A directory on the way that not everybody may pass. */
function closedDirectory(path: string): string | undefined {
  for (let each = dirname(path); ; each = dirname(each)) {
    const stat = statSync(each, { throwIfNoEntry: false });
    if (stat !== undefined && (stat.mode & 0o001) === 0) return each;
    if (each === "/") return undefined;
  }
}

function seccompOf(settings: ConfinementSettings, missing: string[], unmet: string[]): Confined {
  if (process.platform !== "linux" || process.getuid?.() !== 0) {
    missing.push("seccomp: the agent does not run as root on Linux");
    return {};
  }
  const filters = prepareSeccomp(settings);
  if (filters.ok) return { seccompFilters: filters.value };
  // A profile that the operator brought is a wish of his; the built-in one is an offer.
  (settings.seccompProfiles.size > 0 ? unmet : missing).push(`seccomp: ${filters.error}`);
  return {};
}

function mountsOf(
  runtimeDirectory: string,
  settings: ConfinementSettings,
  { mount, unshare, shell }: Tools,
  namespaces: readonly Namespace[],
  unmet: string[],
): Confined {
  const refuse = (reason: string): Confined => {
    unmet.push(`Flag --private-file-systems is given, but ${reason}`);
    return {};
  };
  if (!namespaces.includes("mount") || !namespaces.includes("pid")) {
    return refuse("this agent can make no mount and pid namespaces; its log says why");
  }
  if (mount === undefined || unshare === undefined) return refuse("mount (util-linux) is not installed");
  const away = settings.devices.find((path) => !path.startsWith("/dev/") || !existsSync(path));
  if (away !== undefined) return refuse(`"${away}" of --allowed-devices is no device below /dev`);
  const prepared = preparePrivateFileSystems(runtimeDirectory, settings, (fstab) => {
    const flags = ["--fork", "--pid", "--mount", "--propagation", "slave", "--mount-proc"];
    const script = `exec ${mount} --all --fstab "$1"`;
    const tried = Bun.spawnSync([unshare, ...flags, shell, "-c", script, "sh", fstab], { stdin: "ignore" });
    return tried.exitCode === 0 ? undefined : `${tried.stdout}${tried.stderr}`.trim();
  });
  return prepared.ok ? { fixedMounts: prepared.value } : refuse(prepared.error);
}
