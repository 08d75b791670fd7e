/**
 * What the containers of one pod share, made by whichever of them comes first:
 * a sandbox around theirs, and a cgroup around theirs. All of it may be there
 * already, and is left as it is; limits follow the newest launch.
 *
 *     <root>/<pod>            limits of the pod; no process is in it
 *     <root>/<pod>/<child>    limits of its own only where the pod hands its controllers on
 */
import { type CgroupFile, cgroupFiles } from "./cgroup-limits.ts";
import type { ContainerPod, ContainerSpec, ContainerVolume } from "./container.ts";
import type { Host } from "./tools.ts";

/** A link beside the sandbox of a pod's containers to one of theirs; the directory is made when missing. */
export interface LinkSandboxStep {
  readonly in: "agent";
  readonly do: "link-sandbox";
  readonly directory: string;
  readonly name: string;
  readonly target: string;
}

/** Steps of the agent, as in plan.ts. */
type PodStep =
  | LinkSandboxStep
  | { readonly in: "agent"; readonly do: "make-sandbox" | "make-cgroup"; readonly path: string }
  | {
      readonly in: "agent";
      readonly do: "link-volumes";
      readonly volumes: readonly ContainerVolume[];
      readonly owner: undefined;
    }
  | {
      readonly in: "agent";
      readonly do: "limit-cgroup";
      readonly path: string;
      readonly files: readonly CgroupFile[];
    };

/** Cgroup of a container, below that of the agent. */
export function cgroupOf({ containerId }: ContainerSpec, root: string): string {
  return `${root}/${containerId.replaceAll(".", "/")}`;
}

/** Before the steps of the container itself. */
export function podSandboxSteps({ pod }: ContainerSpec): PodStep[] {
  if (pod === undefined) return [];
  const steps: PodStep[] = [{ in: "agent", do: "make-sandbox", path: pod.sandbox }];
  if (pod.volumes !== undefined) {
    steps.push({ in: "agent", do: "link-volumes", volumes: pod.volumes, owner: undefined });
  }
  return steps;
}

/** Right after the container's sandbox was made. */
export function podLinkSteps({ containerId, pod }: ContainerSpec): PodStep[] {
  if (pod === undefined) return [];
  const directory = `${pod.sandbox}/tasks`;
  const target = `../containers/${childOf(containerId, pod)}`;
  return [{ in: "agent", do: "link-sandbox", directory, name: pod.linkName, target }];
}

/** Before the container's cgroup is made. */
export function podCgroupSteps({ pod }: ContainerSpec, root: string, host: Host): PodStep[] {
  if (pod === undefined) return [];
  const path = `${root}/${pod.containerId}`;
  const steps: PodStep[] = [{ in: "agent", do: "make-cgroup", path }];
  const files = cgroupFiles(pod.resources, host);
  if (files.length > 0) steps.push({ in: "agent", do: "limit-cgroup", path, files });
  const controllers = host.capabilities.controllers ?? [];
  if (pod.ownLimits && controllers.length > 0) {
    const value = controllers.map((name) => `+${name}`).join(" ");
    steps.push({ in: "agent", do: "limit-cgroup", path, files: [{ file: "cgroup.subtree_control", value }] });
  }
  return steps;
}

/** Whether the container's own cgroup has files of limits: those of one inside another are the parent's. */
export function hasOwnLimits({ containerId, pod }: ContainerSpec): boolean {
  return pod === undefined ? !containerId.includes(".") : pod.ownLimits;
}

function childOf(containerId: string, pod: ContainerPod): string {
  return containerId.slice(pod.containerId.length + 1);
}
