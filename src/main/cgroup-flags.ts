/** Flags of `mesh agent` about cgroups; names are those of Mesos where it has the flag. */
import { type CgroupSettings, DEFAULT_CGROUP_SETTINGS } from "../isolation/cgroup-settings.ts";
import { parseBytes } from "../model/byte-text.ts";
import { allowedDevices } from "./devices-flag.ts";
import { badFlag, type FlagSpec, type Flags } from "./flags.ts";

export const CGROUP_FLAGS: readonly FlagSpec[] = [
  {
    name: "cgroups-root",
    value: "<path>",
    description: "Where agents have their cgroups, below the cgroup2 mount",
    default: DEFAULT_CGROUP_SETTINGS.root,
  },
  {
    name: "cgroups-enable-cfs",
    description:
      "Tasks that name no cpus limit get no more than the cpus they request, also on an idle machine",
  },
  {
    name: "revocable-cpu-low-priority",
    value: "<true|false>",
    description: "Tasks on revocable CPUs run when others leave the CPU alone",
    default: `${DEFAULT_CGROUP_SETTINGS.revocableLowPriority}`,
  },
  { name: "cgroups-limit-swap", description: "Tasks may not swap" },
  {
    name: "cgroups-pids-max",
    value: "<number>",
    description: "Processes and threads of one task; max for no limit",
    default: `${DEFAULT_CGROUP_SETTINGS.maxPids}`,
  },
  { name: "cgroups-cpuset", value: "<cpus>", description: "CPUs on which tasks may run, such as 0-3,8" },
  {
    name: "cgroups-io-max",
    value: "<line;…>",
    description: "Lines of io.max for each task, such as '8:0 rbps=1048576 wiops=100'",
  },
  {
    name: "cgroups-hugetlb-max",
    value: "<size=bytes;…>",
    description: "Huge pages of each size that one task may have, such as '2MB=64MB;1GB=0B'",
  },
  {
    name: "allowed-devices",
    value: "<json>",
    description:
      "Devices that tasks may use besides the usual ones, as Mesos' DeviceWhitelist, file:///path, or all",
  },
];

/** The kernel takes numbers up to PIDS_MAX (kernel/cgroup/pids.c). */
const PIDS_MAX = 4_194_304;

/** Throws MeshError BAD_FLAG. What the machine can keep of them the probe finds out. */
export function readCgroupSettings(flags: Flags): CgroupSettings {
  const cpuset = flags.optional("cgroups-cpuset");
  const ioMax = (flags.optional("cgroups-io-max") ?? "").split(";").map((line) => line.trim());
  return {
    root: readRoot(flags),
    cpuQuota: flags.switch("cgroups-enable-cfs"),
    revocableLowPriority: flags.switch("revocable-cpu-low-priority"),
    limitSwap: flags.switch("cgroups-limit-swap"),
    maxPids:
      flags.text("cgroups-pids-max") === "max"
        ? "unlimited"
        : flags.number("cgroups-pids-max", { min: 1, max: PIDS_MAX, integer: true }),
    ...(cpuset === undefined ? {} : { cpuset }),
    ioMax: ioMax.filter((line) => line !== ""),
    ...readHugePages(flags),
    devices: allowedDevices(flags.optional("allowed-devices")),
  };
}

function readHugePages(flags: Flags): Pick<CgroupSettings, "hugePagesMax"> {
  const text = flags.optional("cgroups-hugetlb-max");
  if (text === undefined) return {};
  const hugePagesMax = text.split(";").map((part): readonly [string, number] => {
    const [size = "", amount = ""] = part.trim().split("=");
    const bytes = parseBytes(amount);
    // As hugetlb_cgroup names its files (mm/hugetlb_cgroup.c, mem_fmt).
    if (/^[1-9]\d*[KMG]B$/.test(size) && bytes.ok) return [size, bytes.value];
    throw badFlag("cgroups-hugetlb-max", text, "sizes of huge pages with amounts such as 2MB=64MB;1GB=0B");
  });
  return { hugePagesMax };
}

function readRoot(flags: Flags): string {
  const root = flags.text("cgroups-root").replace(/^\/+|\/+$/g, "");
  const names = root.split("/");
  if (names.some((name) => name === "" || name === "." || name === ".." || name.includes("\n"))) {
    throw badFlag("cgroups-root", flags.text("cgroups-root"), "a path below the cgroup2 mount such as mesh");
  }
  return root;
}
