/** What of a plan must be known to watch and end its container. */
import type { ContainerSpec } from "../container.ts";
import type { Plan } from "../plan.ts";
import type { ContainerRecord } from "./records.ts";

export function recordOf(
  plan: Plan,
  { pod, resources, devices }: ContainerSpec,
  bootId: string,
): ContainerRecord {
  let record: ContainerRecord = {
    version: 1,
    containerId: plan.containerId,
    bootId,
    namespaces: [],
    ownSession: false,
    resources,
    ...(pod === undefined ? {} : { pod: pod.containerId }),
    ...(resources.gpus === undefined ? {} : { gpus: devices?.map(({ path }) => path) ?? [] }),
  };
  // That of a pod comes before the container's own.
  for (const step of plan.steps) {
    if (step.do === "enter-network") record = { ...record, namespaces: ["net"], network: step.owner };
    if (step.do === "join-namespaces")
      record = { ...record, namespaces: [...record.namespaces, ...step.namespaces] };
    if (step.do === "unshare") record = { ...record, namespaces: [...record.namespaces, ...step.namespaces] };
    if (step.do === "limit-disk") record = { ...record, limitedDisk: step.path };
    if (step.do === "make-cgroup") record = { ...record, cgroup: step.path };
    if (step.do === "new-session") record = { ...record, ownSession: true };
  }
  return record;
}
