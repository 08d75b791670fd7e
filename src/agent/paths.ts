/**
 * Where an agent keeps things below its work directory, and how /files names
 * them. The layout of sandboxes is that of Mesos (src/slave/paths.hpp), since
 * the web UI, `mesos tail` and frameworks build such paths themselves:
 *
 *     <work_dir>/
 *       slaves/<AID>/frameworks/<FID>/executors/<EID>/
 *         runs/<CID>/               sandbox of one run: stdout, stderr, fetched files
 *         runs/latest -> <CID>      symbolic link
 *         runs/<CID>/containers/<child>/   sandbox of a pod's task
 *         runs/<CID>/tasks/<TID>    symbolic link to that
 *       containers/<CID>/         sandbox of a standalone container
 *       volumes/roles/<role>/<id>/  persistent volumes; slashes of a role become spaces
 *       volumes/trash/              what is left of destroyed ones, on its way out
 *       gc/                         sandboxes on their way out (src/io/sandbox-gc.ts)
 *       run/                        records of containers (src/isolation), where no tmpfs can be used
 *       networks/                   records of the networks that containers joined
 *       meta/                       checkpoint (src/io/checkpoint-store.ts)
 *
 * A command task has an executor of its own, which bears the task's id.
 */
import { assert } from "../base/assert.ts";
import type { VolumeEntry } from "../model/agent-protocol.ts";
import { ownPart, parentContainer } from "../model/container-id.ts";

export interface SandboxIds {
  readonly agentId: string;
  readonly frameworkId: string;
  readonly executorId: string;
  readonly containerId: string;
}

/** Absolute path of a sandbox. */
export function sandboxPath(workDir: string, ids: SandboxIds): string {
  return `${runsPath(workDir, ids)}/${component(ids.containerId)}`;
}

/** Of the container that is a task's own, inside its pod's or not. */
export function taskSandbox(
  workDir: string,
  agentId: string,
  task: {
    readonly frameworkId: string;
    readonly taskId: string;
    readonly executorId: string | undefined;
    readonly containerId: string;
  },
): string {
  const { frameworkId, taskId, executorId = taskId, containerId } = task;
  const parent = parentContainer(containerId);
  const ids = { agentId, frameworkId, executorId };
  if (parent === undefined) return sandboxPath(workDir, { ...ids, containerId });
  return nestedSandboxPath(sandboxPath(workDir, { ...ids, containerId: parent }), ownPart(containerId));
}

/** Absolute path of the sandbox of a container that is inside no other, and no task's. */
export function standaloneSandboxPath(workDir: string, containerId: string): string {
  return `${workDir}/containers/${component(containerId)}`;
}

/** Of a container inside another, by its own part of the id and the other's sandbox. */
export function nestedSandboxPath(parentSandbox: string, value: string): string {
  return `${parentSandbox}/containers/${component(value)}`;
}

/** Absolute path of the link to the newest sandbox of an executor. */
export function latestLinkPath(workDir: string, ids: Omit<SandboxIds, "containerId">): string {
  return `${runsPath(workDir, ids)}/latest`;
}

/** Path under which /files shows the newest sandbox of an executor. */
export function virtualSandboxPath(frameworkId: string, executorId: string): string {
  return `/frameworks/${component(frameworkId)}/executors/${component(executorId)}/runs/latest`;
}

/**
 * Absolute path of a persistent volume: in the work directory, below the root
 * of a PATH disk, or the root of a MOUNT disk itself.
 */
export function volumePath(workDir: string, volume: Omit<VolumeEntry, "making">): string {
  const { role, persistenceId, root = workDir, wholeDisk = false } = volume;
  const base = root.startsWith("/") ? root : `${workDir}/${root}`;
  if (wholeDisk) return base;
  return `${base}/volumes/roles/${component(role.replaceAll("/", " "))}/${component(persistenceId)}`;
}

export function runtimeDirectory(workDir: string): string {
  return `${workDir}/run`;
}

export function networksDirectory(workDir: string): string {
  return `${workDir}/networks`;
}

export function checkpointDirectory(workDir: string): string {
  return `${workDir}/meta`;
}

/** A real directory and a path inside it; `relative` is empty for the directory itself. */
export interface FileLocation {
  readonly root: string;
  readonly relative: string;
}

/**
 * Maps a path as /files takes it to a sandbox below the work directory: the
 * sandbox's host path (a container id or `latest`),
 * `/frameworks/<FID>/executors/<EID>/runs/latest`, or `/containers/<CID>` of a
 * standalone container. Undefined for every other
 * path; whether the sandbox exists is for the reader to see.
 */
export function resolveSandboxPath(
  workDir: string,
  agentId: string | undefined,
  virtualPath: string,
): FileLocation | undefined {
  const host = virtualPath.startsWith(`${workDir}/`) ? virtualPath.slice(workDir.length) : undefined;
  const parts = (host ?? virtualPath).split("/").filter((part) => part !== "");
  if (parts.some((part) => part === "." || part === "..")) return undefined;
  const [first, containerId, ...inside] = parts;
  if (first === "containers" && containerId !== undefined) {
    return { root: standaloneSandboxPath(workDir, containerId), relative: inside.join("/") };
  }
  const owner = host === undefined ? agentId : parts[0] === "slaves" ? parts[1] : undefined;
  if (owner === undefined) return undefined;
  const [frameworks, frameworkId, executors, executorId, runs, run, ...rest] =
    host === undefined ? parts : parts.slice(2);
  if (frameworks !== "frameworks" || executors !== "executors" || runs !== "runs") return undefined;
  if (frameworkId === undefined || executorId === undefined || run === undefined) return undefined;
  if (host === undefined && run !== "latest") return undefined;
  const ids = { agentId: owner, frameworkId, executorId };
  return { root: `${runsPath(workDir, ids)}/${component(run)}`, relative: rest.join("/") };
}

function runsPath(workDir: string, ids: Omit<SandboxIds, "containerId">): string {
  const agent = `${workDir}/slaves/${component(ids.agentId)}`;
  return `${agent}/frameworks/${component(ids.frameworkId)}/executors/${component(ids.executorId)}/runs`;
}

/** Ids are checked by the master; one that could leave its directory must never come this far. */
function component(id: string): string {
  assert(
    id !== "" && id !== "." && id !== ".." && !id.includes("/") && !id.includes("\0"),
    `The id ${JSON.stringify(id)} cannot be part of a path`,
  );
  return id;
}
