/**
 * A container as data: what the agent wants run (`ContainerSpec`) and how it
 * ended (`Exit`). Plain values only, so that the agent can checkpoint them.
 */

import type { DeviceNode } from "./gpus.ts";
import type { PortRange } from "./listening-ports.ts";
import type { ContainerNetwork } from "./network.ts";
import type { Privileges, ResourceLimit } from "./privileges.ts";

/** Linux namespaces a container can have of its own; `net` is one that joined networks, see network.ts. */
export type Namespace = "pid" | "mount" | "ipc" | "uts" | "net";

/**
 * What to execute (Mesos CommandInfo): `shell` runs `/bin/sh -c script`;
 * `exec` runs `file` (looked up in the container's PATH when it has no slash)
 * with `argv` whole, argv[0] included.
 */
export type ContainerCommand =
  | { readonly kind: "shell"; readonly script: string }
  | { readonly kind: "exec"; readonly file: string; readonly argv: readonly string[] }
  /** To be joined with an image's Entrypoint and Cmd once that is here, see image-command.ts. */
  | {
      readonly kind: "image";
      readonly shell: boolean;
      readonly value?: string;
      readonly arguments: readonly string[];
    };

/** One URI to bring into the sandbox before the start (Mesos CommandInfo.URI). */
export interface FetchUri {
  /** A path, or a file:, http: or https: URI. */
  readonly value: string;
  readonly executable: boolean;
  /** Unpack by file name ending; an executable file is never unpacked. */
  readonly extract: boolean;
  /** Path inside the sandbox to save under; the URI's last segment when absent. */
  readonly outputFile?: string;
  /** What was fetched for another container may be used again. */
  readonly cache?: boolean;
}

/** An upper bound that need not be one. A word and not Infinity, which JSON cannot hold. */
export type Bound = number | "unlimited";

export interface ContainerResources {
  /** CPUs in thousandths. */
  readonly cpusMilli: number;
  readonly memBytes: number;
  readonly diskBytes: number;
  /** How far the container may go beyond what it requests (Mesos TaskInfo.limits); absent: no further. */
  readonly cpusLimitMilli?: Bound;
  readonly memLimitBytes?: Bound;
  /** The CPUs are lent: others' containers go before it. */
  readonly cpusRevocable?: boolean;
  /** Whole GPUs; absent: none. */
  readonly gpus?: number;
}

export interface ContainerIsolation {
  /** Namespaces wanted. The runtime gives those that its probe found usable, see `RuntimeCapabilities`. */
  readonly namespaces: readonly Namespace[];
  /** Whether a cgroup of its own is wanted. */
  readonly cgroup: boolean;
}

/**
 * A directory that outlives the container. With a relative target it is seen
 * in the sandbox through a symbolic link, with an absolute one it is mounted.
 */
export interface ContainerVolume {
  /** Absolute path; made when missing, and given to the container's user. */
  readonly source: string;
  /** Path of the link inside the sandbox, or an absolute path; no part of it is `..`. */
  readonly target: string;
  /** What it may hold; absent: all of its file system. */
  readonly bytes?: number;
}

/** Namespaces that the containers of a pod, and those inside another one, can have in common. */
export type SharableNamespace = Extract<Namespace, "pid" | "ipc">;

/** Namespaces of the container or pod around it that a container joins, see shared-namespaces.ts. */
export interface SharedNamespaces {
  /** Of that one. */
  readonly containerId: string;
  readonly namespaces: readonly SharableNamespace[];
  /** That one's /dev/shm is not the host's. */
  readonly ownShm?: boolean;
}

/** What the containers of a pod share; see pod-steps.ts. */
export interface ContainerPod {
  /** The ids of its containers are `<this>.<child>`. */
  readonly containerId: string;
  /** Absolute path; those of its containers are below it. */
  readonly sandbox: string;
  /** Name of the link to the container's sandbox in the directory `tasks` of the pod's. */
  readonly linkName: string;
  /** In the pod's sandbox. */
  readonly volumes?: readonly ContainerVolume[];
  /** Of all its containers together. */
  readonly resources: ContainerResources;
  /** Each container is held to its own resources, too; the same for all of a pod. */
  readonly ownLimits: boolean;
  /** Namespaces of its own, which are held when one of its containers joins them. */
  readonly holder?: {
    readonly namespaces: readonly SharableNamespace[];
    /** Of a /dev/shm of its own, as for mount -o; absent: that of the host. */
    readonly shmOptions?: string;
  };
}

/** Something mounted in the container's own mount namespace, see mounts.ts. */
export type ContainerMount = ReadyMount | ImageMount;

/** One that can be made as it stands. */
export type ReadyMount = BindMount | FileSystemMount | OverlayMount | SecretMount;

export interface BindMount {
  readonly kind: "bind";
  /** Absolute path of a directory or file of the host, or one of a directory inside the sandbox. */
  readonly source: string;
  /** An absolute path, or one inside the sandbox; must be there when the mount is made. */
  readonly target: string;
  readonly readOnly: boolean;
  /** With what is mounted below the source; of a read-only one only the top is read-only. */
  readonly recursive?: boolean;
  /** Another sandbox that a relative source lies in. */
  readonly sourceBase?: string;
  /** Of a source that is made. */
  readonly sourceMode?: number;
  /** A missing source on the host is made, as a directory. */
  readonly create?: boolean;
  /** Its devices and setuid bits are none. */
  readonly harmless?: boolean;
}

export interface FileSystemMount {
  readonly kind: "file-system";
  readonly type: "tmpfs" | "proc" | "sysfs" | "devpts" | "mqueue";
  readonly target: string;
  /** As for mount -o. */
  readonly options: string;
}

/** An image seen at a place (Mesos Volume.image). Once it is here it becomes a kind that can be made. */
export interface ImageMount {
  readonly kind: "image";
  readonly image: WantedImage;
  readonly target: string;
  readonly readOnly: boolean;
}

/** The files of an image by overlayfs. Its devices and setuid bits are none. */
export interface OverlayMount {
  readonly kind: "overlay";
  readonly source: OverlayRoot;
  /** Absolute path of an empty directory to mount it at on the way. */
  readonly directory: string;
  readonly target: string;
  readonly readOnly: boolean;
}

/**
 * A file in memory, which only the container's user may read (Mesos Volume.Source.SECRET). The
 * bytes are those of `ContainerSpec.secrets` at the same place among the mounts of this kind.
 */
export interface SecretMount {
  readonly kind: "secret";
  readonly bytes: number;
  readonly target: string;
  readonly readOnly: boolean;
}

/** An image to be had (Mesos Image of type DOCKER). */
export interface WantedImage {
  /** As the framework wrote it: [registry/]repository[:tag][@digest]. */
  readonly name: string;
  /** False: the registry is asked anew, although the image may be here. */
  readonly cached: boolean;
  /** A docker config.json with what the registry wants to know of us; secret. */
  readonly dockerConfig?: string;
}

/** The image that a container's root file system is made of. */
export interface ContainerImage extends WantedImage {
  /** The variables of `ContainerSpec.environment` that win over the image's own. */
  readonly ownVariables: readonly (readonly [name: string, value: string])[];
  /** Absolute path of the sandbox inside. */
  readonly sandbox: string;
}

/** Layers of an image with a writable one on top (overlayfs). */
export interface OverlayRoot {
  readonly kind: "overlay";
  /** Absolute path; the layers are names in it, the topmost first. */
  readonly layersDirectory: string;
  readonly layers: readonly string[];
  /** Absolute paths of the writable layer and of what the kernel needs beside it. */
  readonly upper: string;
  readonly work: string;
}

export type RootSource = OverlayRoot | { readonly kind: "copy" };

/** A root file system of a container's own. */
export interface ContainerRoot {
  readonly source: RootSource;
  /** Absolute path: where the overlay is mounted, or the copy itself. */
  readonly directory: string;
  /** Absolute path of the sandbox as the container sees it. */
  readonly sandbox: string;
  /** Directory in which the program starts; made when missing. */
  readonly workingDirectory: string;
}

/** Cells of a terminal. */
export interface WindowSize {
  readonly rows: number;
  readonly columns: number;
}

/** A terminal for a container (Mesos TTYInfo). */
export interface ContainerTerminal {
  readonly size?: WindowSize;
}

export interface ContainerSpec {
  /** Unique for ever on this agent; letters, digits, `-`, `_` and `.` (a UUID in practice). */
  readonly containerId: string;
  /** Absolute path of the sandbox; the runtime creates it when missing. */
  readonly sandbox: string;
  readonly command: ContainerCommand;
  /** The complete environment: nothing is inherited from the agent. Names are unique. */
  readonly environment: readonly (readonly [name: string, value: string])[];
  /** UNIX user to run as; the agent's own when absent. */
  readonly user?: string;
  /** File names inside the sandbox. Output is appended. */
  readonly stdoutName: string;
  readonly stderrName: string;
  readonly uris: readonly FetchUri[];
  readonly volumes?: readonly ContainerVolume[];
  /** Networks of its own instead of the host's, see network.ts. */
  readonly network?: ContainerNetwork;
  readonly resources: ContainerResources;
  readonly isolation: ContainerIsolation;
  /** In this order. Targets and sources inside the sandbox are made before anything is fetched. */
  readonly mounts?: readonly ContainerMount[];
  /** One for each mount of that kind, in their order. Never part of a plan, so that none is shown. */
  readonly secrets?: readonly Uint8Array[];
  readonly limits?: readonly ResourceLimit[];
  readonly privileges?: Privileges;
  /** The container is one of a pod. */
  readonly pod?: ContainerPod;
  /** Not among the namespaces of `isolation`. */
  readonly shared?: SharedNamespaces;
  /** Absent: the container sees the host's files. */
  readonly image?: ContainerImage;
  /** Made of the image, once it is here. */
  readonly root?: ContainerRoot;
  /** GPUs that it holds, and devices of their driver; from `resources`, once it has them. */
  readonly devices?: readonly DeviceNode[];
  /** Absent: input is empty, output goes to the two files. */
  readonly terminal?: ContainerTerminal;
}

/**
 * The limit that a container broke and was ended for (Mesos ContainerLimitation); `load`: it broke none, but
 * what was lent to it is taken back.
 */
export interface Limitation {
  readonly resource: "memory" | "disk" | "ports" | "load";
  /** The most it had, in bytes; of ports and load 0. */
  readonly usedBytes: number;
  /** Of disk: how much it was given. */
  readonly limitBytes?: number;
  /** Of ports: those that it listened on and did not hold. */
  readonly ports?: readonly PortRange[];
  /** For people, in Mesos' words. */
  readonly message: string;
}

/**
 * How a container ended. `unknown`: it is gone and nothing recorded how (its
 * supervisor was killed, or the machine restarted).
 */
export type Exit = (
  | { readonly kind: "exited"; readonly code: number }
  | { readonly kind: "signaled"; readonly signal: number }
  | { readonly kind: "unknown"; readonly reason: string }
) & { readonly limitation?: Limitation };

const SIGNAL_NAMES: Readonly<Record<number, string>> = {
  1: "SIGHUP",
  2: "SIGINT",
  3: "SIGQUIT",
  4: "SIGILL",
  6: "SIGABRT",
  8: "SIGFPE",
  9: "SIGKILL",
  11: "SIGSEGV",
  13: "SIGPIPE",
  14: "SIGALRM",
  15: "SIGTERM",
};

/** For messages: `exited with status 3`, `terminated by SIGKILL`. */
export function describeExit(exit: Exit): string {
  switch (exit.kind) {
    case "exited":
      return `exited with status ${exit.code}`;
    case "signaled":
      return `terminated by ${SIGNAL_NAMES[exit.signal] ?? `signal ${exit.signal}`}`;
    case "unknown":
      return `ended, but how is not known: ${exit.reason}`;
  }
}
