/**
 * NVIDIA's GPUs of this machine, as the kernel driver shows them: a directory for each by its PCI
 * address below /proc/driver/nvidia/gpus, whose file `information` has the minor number of the device
 * file (NVIDIA's README, "The /proc Filesystem Interface"; Mesos asks NVML instead, which gives them in
 * the same order).
 */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { fail, ok, type Result } from "../../base/result.ts";
import { deviceNumbers } from "../device-numbers.ts";
import type { DeviceNode, GpuSettings } from "../gpus.ts";

const GPUS = "/proc/driver/nvidia/gpus";
const CONTROL = "/dev/nvidiactl";
/** CUDA needs the first, profilers the second. */
const MORE = ["/dev/nvidia-uvm", "/dev/nvidia-uvm-tools"];
const S_IFMT = 0o170000;
const S_IFCHR = 0o020000;

/**
 * GPUs in the order of nvidia-smi, by PCI address; none where no driver of NVIDIA's is loaded. The error
 * says what is missing of what the driver has.
 * @param root prefix of all paths that are looked at, for tests
 */
export function findNvidiaGpus(root = ""): Result<GpuSettings> {
  const gpus: DeviceNode[] = [];
  for (const address of addresses(root)) {
    const minor = minorOf(`${root}${GPUS}/${address}/information`);
    if (minor === undefined) return fail(`${GPUS}/${address}/information names no "Device Minor"`);
    const path = `/dev/nvidia${minor}`;
    const node = nodeAt(root, path);
    if (node === undefined) return fail(absent(path, `nvidia-modprobe -c ${minor}`));
    gpus.push(node);
  }
  if (gpus.length === 0) return ok({ gpus, driver: [] });
  const control = nodeAt(root, CONTROL);
  if (control === undefined) return fail(absent(CONTROL, "nvidia-modprobe -c 0"));
  return ok({ gpus, driver: [control, ...MORE.flatMap((path) => nodeAt(root, path) ?? [])] });
}

/** What CUDA lacks, where there is nothing to hinder GPUs from being handed out. */
export function nvidiaWarning({ gpus, driver }: GpuSettings): string | undefined {
  const [uvm = ""] = MORE;
  if (gpus.length === 0 || driver.some(({ path }) => path === uvm)) return undefined;
  return `${absent(uvm, "nvidia-modprobe -c 0 -u")} and start the agent anew: tasks cannot use CUDA without it`;
}

function absent(path: string, command: string): string {
  return `${path} is not there, or no character device; run ${command}`;
}

function addresses(root: string): string[] {
  try {
    // Domain, bus, device and function in hexadecimal digits, of one length each.
    return readdirSync(`${root}${GPUS}`).sort();
  } catch {
    return [];
  }
}

function minorOf(file: string): number | undefined {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
  const minor = /^Device Minor:\s*(\d+)\s*$/m.exec(text)?.[1];
  return minor === undefined ? undefined : Number(minor);
}

function nodeAt(root: string, path: string): DeviceNode | undefined {
  const stat = statSync(`${root}${path}`, { throwIfNoEntry: false });
  if (stat === undefined || (stat.mode & S_IFMT) !== S_IFCHR) return undefined;
  return { path, ...deviceNumbers(stat.rdev) };
}
