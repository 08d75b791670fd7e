/** What the operator lets containers of an agent do, and gives to those that ask for nothing. */
import type { CapabilitySet } from "../isolation/privileges.ts";

export interface ContainerPolicy {
  /** Of containers that name none; absent: what their user has (Mesos --effective_capabilities). */
  readonly effective?: CapabilitySet;
  /** No container may have more; absent: no bound (Mesos --bounding_capabilities). */
  readonly bounding?: CapabilitySet;
  /** Mesos' isolator linux/nnp. */
  readonly noNewPrivileges: boolean;
  /** Of containers that name none (Mesos --seccomp_profile_name); absent: unconfined. */
  readonly seccompProfile?: string;
  /** Containers may ask for no filter of system calls at all. */
  readonly unconfined: boolean;
  /** Containers may ask for the agent's pid namespace. */
  readonly sharePid: boolean;
  /** Containers may ask for the agent's ipc namespace and /dev/shm. */
  readonly shareIpc: boolean;
  /** Size of /dev/shm where it is private and nobody says how large (Mesos --default_container_shm_size). */
  readonly shmBytes?: number;
  /** A /dev/shm of their own also for containers that do not ask for it. */
  readonly privateShm: boolean;
  /** /tmp and /var/tmp are a directory of the sandbox. */
  readonly privateTmp: boolean;
  /** Missing directories of HOST_PATH volumes are made at and below these (Mesos flag of that name). */
  readonly hostPathCreation: readonly string[];
}

/** As a Mesos agent without the flags in question. */
export const DEFAULT_POLICY: ContainerPolicy = {
  noNewPrivileges: false,
  unconfined: true,
  sharePid: true,
  shareIpc: true,
  privateShm: false,
  privateTmp: false,
  hostPathCreation: [],
};
