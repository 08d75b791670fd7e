import { afterEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findNvidiaGpus, nvidiaWarning } from "../../../src/isolation/linux/nvidia.ts";

const roots: string[] = [];
afterEach(() => {
  for (const root of roots.splice(0)) rmSync(root, { recursive: true });
});

/** Devices are links to one that every machine has. */
function machine(gpus: Readonly<Record<string, string>>, devices: readonly string[]): string {
  const root = mkdtempSync(join(tmpdir(), "mesh-nvidia-"));
  roots.push(root);
  mkdirSync(join(root, "dev"));
  for (const [address, information] of Object.entries(gpus)) {
    mkdirSync(join(root, "proc/driver/nvidia/gpus", address), { recursive: true });
    writeFileSync(join(root, "proc/driver/nvidia/gpus", address, "information"), information);
  }
  for (const name of devices) symlinkSync("/dev/zero", join(root, "dev", name));
  return root;
}

const information = (minor: number): string =>
  `Model: \t\t Tesla T4\nIRQ:   \t\t 48\nDevice Minor: \t ${minor}\nGPU Excluded:\t No\n`;

test("GPUs by their PCI addresses, with devices of the driver", () => {
  const gpus = { "0000:41:00.0": information(0), "0000:07:00.0": information(3) };
  const root = machine(gpus, ["nvidia0", "nvidia3", "nvidiactl", "nvidia-uvm", "nvidia-modeset"]);
  const node = (path: string) => ({ path, major: 1, minor: 5 });
  const found = findNvidiaGpus(root);
  expect(found).toEqual({
    ok: true,
    value: {
      gpus: [node("/dev/nvidia3"), node("/dev/nvidia0")],
      driver: [node("/dev/nvidiactl"), node("/dev/nvidia-uvm")],
    },
  });
  expect(found.ok && nvidiaWarning(found.value)).toBeUndefined();
});

test("none without a driver", () => {
  expect(findNvidiaGpus(machine({}, []))).toEqual({ ok: true, value: { gpus: [], driver: [] } });
});

test("says what is missing, and the command that makes it", () => {
  const gpus = { "0000:07:00.0": information(0) };
  const error = (devices: readonly string[]): string => {
    const found = findNvidiaGpus(machine(gpus, devices));
    return found.ok ? (nvidiaWarning(found.value) ?? "") : found.error;
  };
  expect(error([])).toContain("/dev/nvidia0 is not there, or no character device; run nvidia-modprobe -c 0");
  expect(error(["nvidia0"])).toContain("/dev/nvidiactl is not there");
  expect(error(["nvidia0", "nvidiactl"])).toContain("/dev/nvidia-uvm is not there");
  const odd = findNvidiaGpus(machine({ "0000:07:00.0": "Model: T4\n" }, []));
  expect(odd.ok ? "" : odd.error).toBe(
    '/proc/driver/nvidia/gpus/0000:07:00.0/information names no "Device Minor"',
  );
});
