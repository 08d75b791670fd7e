/** What there is of containers, whoever launched them. */
import { cgroupChildren, SUPERVISORS } from "./cgroup.ts";
import type { LaunchContext } from "./launch.ts";

/** Ids of all that the disk and the kernel know of, pods too, in order. */
export function containersFound({ host, images, networks, records }: LaunchContext): readonly string[] {
  const { cgroupRoot } = host.capabilities;
  const others = [...(networks?.ownerless() ?? []), ...(images?.containers() ?? [])];
  const found = new Set([...records.ids(), ...others]);
  for (const id of cgroupRoot === undefined ? [] : cgroupChildren(cgroupRoot)) {
    if (id !== SUPERVISORS) found.add(id);
  }
  return [...found].sort();
}
