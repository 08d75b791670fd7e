/** The process that holds the namespaces of a pod, see shared-namespaces.ts. */
import { present } from "../base/assert.ts";
import type { ContainerPod } from "./container.ts";
import {
  orFail,
  STARTED_MARK,
  type SupervisorCommand,
  TRAPPED,
  UNSHARE_FLAGS,
  word,
} from "./supervisor-script.ts";
import type { Host } from "./tools.ts";

/** Of the /dev/shm that belongs to an ipc namespace. */
const SHM_OPTIONS = "mode=1777,nosuid,nodev,noexec";
/** Of sleep(1), in seconds: 68 years. */
const FOR_EVER = 2 ** 31 - 1;

/** Its standard error is its record, whose path is among its words, for finding it again. */
export function holderCommand(
  { containerId, holder }: ContainerPod,
  host: Host,
  recordPath: string,
): SupervisorCommand {
  const { namespaces, shmOptions } = present(holder, `The pod ${containerId} has namespaces of its own`);
  const { unshare, shell, sleep } = host.tools;
  const kinds = (["pid", "ipc"] as const).filter((kind) => kind === "pid" || namespaces.includes(kind));
  // Who can hide the host's file systems from a container hides its /dev/shm, too.
  const shm = shmOptions ?? (host.fixedMounts === undefined ? undefined : SHM_OPTIONS);
  return {
    argv: [
      present(unshare, "Namespaces are offered only with unshare"),
      ...["--fork", ...kinds.map((kind) => UNSHARE_FLAGS[kind]), "--mount", "--propagation", "slave"],
      ...["--mount-proc", shell, "-c", holderScript(namespaces.includes("ipc") ? shm : undefined, host)],
      ...["mesh-pod", recordPath, host.supervisorsCgroup ?? "", shm ?? ""],
      present(sleep, "The plan checked for sleep"),
    ],
    environment: {},
  };
}

/** $1 its record, $2 the cgroup of those that wait, $3 options of its /dev/shm, $4 sleep(1). */
function holderScript(shm: string | undefined, { tools }: Host): string {
  const mount = shm === undefined ? "" : word(present(tools.mount, "The plan checked for mount"));
  return [
    `trap : ${TRAPPED}`,
    `[ -z "$2" ] || echo 0 >"$2/cgroup.procs" ${orFail("cgroup")}`,
    shm === undefined ? "" : `${mount} -c -t tmpfs -o "$3" mesh /dev/shm >&2 ${orFail("mount")}`,
    `echo "${STARTED_MARK}" >&2`,
    // While it waits for that one, it takes in every orphan.
    `while :; do "$4" ${FOR_EVER}; done`,
  ]
    .filter((line) => line !== "")
    .join("\n");
}
