/** Devices that one container may open and others may not: its GPUs, see gpus.ts. */
import type { ContainerSpec } from "./container.ts";
import { DEFAULT_DEVICES, type DeviceRule } from "./device-program.ts";
import type { DeviceNode } from "./gpus.ts";
import type { Host } from "./tools.ts";

/** What the container may open, instead of what all may. */
export interface AllowDevicesStep {
  readonly in: "agent";
  readonly do: "allow-devices";
  /** Its cgroup. */
  readonly path: string;
  readonly rules: readonly DeviceRule[];
}

/** In a container inside another, which asks for none of its own, the rules of that one hold. */
export function deviceSteps(
  { devices, resources }: ContainerSpec,
  path: string,
  host: Host,
): AllowDevicesStep[] {
  if (devices === undefined || resources.gpus === undefined) return [];
  return [{ in: "agent", do: "allow-devices", path, rules: deviceRules(devices, host) }];
}

/** What all may open, and these devices. GPUs are for their holders, also where all else is for everybody. */
export function deviceRules(
  devices: readonly DeviceNode[],
  { cgroupSettings, gpus }: Pick<Host, "cgroupSettings" | "gpus">,
): readonly DeviceRule[] {
  const open = { type: "char", read: true, write: true } as const;
  const allowed = devices.map(({ major, minor }) => ({ ...open, major, minor, mknod: true }));
  // Made, but not opened, by whoever enters a root.
  const refused = (gpus?.gpus ?? []).map(
    ({ major, minor }) => ({ ...open, major, minor, mknod: false, refuses: true }) as const,
  );
  return [...allowed, ...refused, ...(cgroupSettings?.devices ?? DEFAULT_DEVICES)];
}
