/** Pods: cgroups without processes, around those of containers. What makes them is in a container's plan. */
import { existsSync } from "node:fs";
import { fail, ok, type Result } from "../../base/result.ts";
import type { ResourceStatistics } from "../../model/v1/statistics.ts";
import { updateFiles } from "../cgroup-limits.ts";
import type { ContainerResources } from "../container.ts";
import type { Host } from "../tools.ts";
import { limitRunning } from "./cgroup.ts";
import { podUsage } from "./usage.ts";

export class Pods {
  readonly #host: Host;

  constructor(host: Host) {
    this.#host = host;
  }

  /** What all containers of the pod use; undefined when there is no such pod. */
  async statistics(id: string): Promise<ResourceStatistics | undefined> {
    const cgroup = this.#cgroup(id);
    return cgroup === undefined ? undefined : await podUsage(cgroup);
  }

  /** @param containers all that are known: without cgroups, where nothing is limited, they tell of pods */
  update(id: string, resources: ContainerResources, containers: Iterable<string>): Result<void> {
    const cgroup = this.#cgroup(id);
    if (cgroup === undefined) {
      const limited = this.#host.capabilities.cgroupRoot !== undefined;
      if (!limited && [...containers].some((each) => each.startsWith(`${id}.`))) return ok(undefined);
      return fail(`Cannot change the resources of container "${id}": it does not run`);
    }
    return limitRunning(cgroup, updateFiles(resources, this.#host));
  }

  #cgroup(id: string): string | undefined {
    const { cgroupRoot } = this.#host.capabilities;
    const path = `${cgroupRoot}/${id}`;
    return cgroupRoot === undefined || !existsSync(path) ? undefined : path;
  }
}
