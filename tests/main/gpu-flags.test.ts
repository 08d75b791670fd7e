import { describe, expect, test } from "bun:test";
import { agentResources } from "../../src/agent/resources.ts";
import { fail, ok } from "../../src/base/result.ts";
import type { GpuSettings } from "../../src/isolation/gpus.ts";
import { Flags } from "../../src/main/flags.ts";
import { agreedGpus, findGpus, GPU_FLAGS, readGpuDevices } from "../../src/main/gpu-flags.ts";

const node = (name: string, minor: number) => ({ path: `/dev/${name}`, major: 195, minor });
const TWO: GpuSettings = {
  gpus: [node("nvidia0", 0), node("nvidia1", 1)],
  driver: [node("nvidiactl", 255), node("nvidia-uvm", 0)],
};
const NONE: GpuSettings = { gpus: [], driver: [] };

/** What is offered and handed out, or why the agent does not start. */
function outcome(
  resources: string | undefined,
  devices?: string,
  {
    machine = TWO,
    isolate = true,
    root = true,
  }: { machine?: GpuSettings; isolate?: boolean; root?: boolean } = {},
): string {
  try {
    const given = new Map(devices === undefined ? [] : [["nvidia-gpu-devices", [devices]]]);
    const gpuDevices = readGpuDevices(new Flags(GPU_FLAGS, given, {}));
    const found = findGpus({ resources, isolate, gpuDevices }, () => ok(machine), root);
    const facts = { cpus: 1, memBytes: undefined, diskBytes: undefined, gpus: found.detected };
    const offered = agentResources(resources, facts);
    if (!offered.ok) return offered.error;
    const gpus = agreedGpus(found, offered.value, gpuDevices);
    const amount = offered.value.find(({ name }) => name === "gpus")?.scalar?.value ?? 0;
    return `${amount}: ${(gpus?.gpus ?? []).map(({ path }) => path).join(" ")}`;
  } catch (error) {
    return error instanceof Error ? error.message : "?";
  }
}

describe("--resources and --nvidia-gpu-devices agree", () => {
  test("all GPUs of the machine are offered unless something is said", () => {
    expect(outcome(undefined)).toBe("2: /dev/nvidia0 /dev/nvidia1");
    expect(outcome("cpus:2")).toBe("2: /dev/nvidia0 /dev/nvidia1");
    expect(outcome("gpus:0")).toBe("0: ");
    expect(outcome(undefined, undefined, { machine: NONE })).toBe("0: ");
  });

  test("as many as are named, in the order in which they are named", () => {
    expect(outcome("gpus:1", "1")).toBe("1: /dev/nvidia1");
    expect(outcome("gpus:2", "1,0")).toBe("2: /dev/nvidia1 /dev/nvidia0");
    expect(outcome("gpus(ml):1;gpus:1", "0,1")).toBe("1: /dev/nvidia0 /dev/nvidia1");
  });

  test.each([
    ["cpus:1", "0", "Cannot use --nvidia-gpu-devices without gpus in --resources"],
    ["gpus:2", "0", "Cannot use --nvidia-gpu-devices with 1 GPUs beside 2 gpus in --resources"],
    ["gpus:0", "0", "Cannot use --nvidia-gpu-devices with 1 GPUs beside 0 gpus in --resources"],
    ["gpus:1", "2", "there is no GPU 2; this machine has 2, counted from 0"],
    ["gpus:2", "1,1", "each number once"],
    ["gpus:1", "GPU-7", "numbers of GPUs as nvidia-smi shows them"],
    ["gpus:2", undefined, "Cannot offer the 2 gpus of --resources without their devices"],
    ["gpus:1.5", undefined, "The 'gpus' resource must be a whole number, got 1.5"],
  ])("gpus %s with devices %s is refused", (resources, devices, why) => {
    expect(outcome(resources, devices)).toContain(why);
  });
});

test("without isolation gpus are a number only", () => {
  expect(outcome("gpus:4", undefined, { isolate: false })).toBe("4: ");
  expect(outcome(undefined, undefined, { isolate: false })).toBe("0: ");
  expect(outcome("gpus:1", "0", { isolate: false })).toContain("with --isolation posix");
});

test("who is not root is offered none unasked", () => {
  expect(outcome(undefined, undefined, { root: false })).toBe("0: ");
});

test("GPUs that tasks could not use are not offered, and the log says why", () => {
  const broken = () => fail("/dev/nvidiactl is not there");
  expect(findGpus({ resources: undefined, isolate: true }, broken, true)).toEqual({
    settings: NONE,
    detected: 0,
    warning: "No GPUs are offered: /dev/nvidiactl is not there",
  });
  const asked = () => findGpus({ resources: "gpus:1", isolate: true, gpuDevices: [0] }, broken, true);
  expect(asked).toThrow("Cannot use --nvidia-gpu-devices: /dev/nvidiactl is not there");
});
