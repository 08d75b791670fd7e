/** What of a container's spec follows from its ContainerInfo and the operator's policy. */
import { ok, type Result } from "../base/result.ts";
import type { ContainerSpec, ContainerTerminal, SharedNamespaces } from "../isolation/container.ts";
import type { ContainerInfo } from "../model/v1/containers.ts";
import { limitsOf, namespacesOf, privilegesOf } from "./container-linux.ts";
import { tmpMounts, volumeMounts } from "./container-mounts.ts";
import { type ContainerPolicy, DEFAULT_POLICY } from "./container-policy.ts";

export type ContainerSetup = Pick<
  ContainerSpec,
  "isolation" | "mounts" | "secrets" | "limits" | "privileges" | "terminal" | "shared"
>;

/** The container that one is nested in, or its pod. */
export interface Parent {
  readonly sandbox: string;
  /** Namespaces of its own. */
  readonly own: SharedNamespaces;
}

/**
 * @param user that the container runs as; "" is the agent's own
 */
export function containerSetup(
  container: ContainerInfo | undefined,
  user: string,
  policy: ContainerPolicy = DEFAULT_POLICY,
  parent?: Parent,
): Result<ContainerSetup> {
  const linux = container?.linux_info ?? {};
  const privileges = privilegesOf(linux, policy);
  if (!privileges.ok) return privileges;
  const limits = limitsOf(container?.rlimit_info);
  if (!limits.ok) return limits;
  const spaces = namespacesOf(linux, policy, parent?.own);
  if (!spaces.ok) return spaces;
  const owner = {
    mayCoverHost: mayCoverHost(user, policy),
    ...(parent === undefined ? {} : { parentSandbox: parent.sandbox }),
  };
  const volumes = volumeMounts(container?.volumes ?? [], policy, owner);
  if (!volumes.ok) return volumes;
  const mounts = [...spaces.value.mounts, ...tmpMounts(policy), ...volumes.value.mounts];
  const { secrets } = volumes.value;
  const terminal = terminalOf(container);
  return ok({
    isolation: { namespaces: spaces.value.namespaces, cgroup: true },
    ...(spaces.value.shared === undefined ? {} : { shared: spaces.value.shared }),
    ...(mounts.length === 0 ? {} : { mounts }),
    ...(secrets.length === 0 ? {} : { secrets }),
    ...(limits.value.length === 0 ? {} : { limits: limits.value }),
    ...(Object.keys(privileges.value).length === 0 ? {} : { privileges: privileges.value }),
    ...(terminal === undefined ? {} : { terminal }),
  });
}

/** The terminal that a container asks for. */
export function terminalOf(container: ContainerInfo | undefined): ContainerTerminal | undefined {
  if (container?.tty_info === undefined) return undefined;
  const size = container.tty_info.window_size;
  return size === undefined ? {} : { size };
}

/** It gains nothing by files of its own in the place of the host's: it is root, or setuid does nothing. */
export function mayCoverHost(user: string, policy: ContainerPolicy = DEFAULT_POLICY): boolean {
  return user === "" || user === "root" || policy.noNewPrivileges;
}
