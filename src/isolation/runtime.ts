/**
 * The port through which the agent's pump (src/agent/run.ts) runs containers.
 * Promises stand here and not in any core: cores see only the results, as
 * later inputs. Implementations: src/isolation/linux/runtime.ts (also the
 * POSIX form for other systems) and tests/support/memory-runtime.ts;
 * tests/conformance/runtime.ts holds both to what is written here.
 *
 *     launch --ok--> running --onExit, once--> ended --cleanup--> forgotten
 *        \--error--> forgotten (nothing of it is left but the sandbox)
 */
import type { Result } from "../base/result.ts";
import type { NetworkInfo } from "../model/v1/containers.ts";
import type { ResourceStatistics } from "../model/v1/statistics.ts";
import type { CheckProbe, CheckResult } from "./check.ts";
import type {
  ContainerResources,
  ContainerSpec,
  Exit,
  FetchUri,
  Limitation,
  Namespace,
  WantedImage,
} from "./container.ts";
import type { ImageConfig, ProvidedImage } from "./images.ts";
import type { ProgramInput, Session } from "./session.ts";

/** Where a launch failed. `cancelled`: `kill` came before the start. */
export type LaunchStep =
  | "validate"
  | "image"
  | "sandbox"
  | "user"
  | "fetch"
  | "record"
  | "cgroup"
  | "mount"
  | "network"
  | "start"
  | "cancelled";

export interface LaunchError {
  readonly step: LaunchStep;
  /** For people: the failed action, the value, what to do. */
  readonly message: string;
}

export interface Launched {
  /** The supervisor, in the host's pid namespace. Lives exactly as long as the container. */
  readonly pid: number;
  /** Start time of `pid` (clock ticks since boot on Linux): tells a reused pid. */
  readonly startTime: string;
  /** What it joined, with its addresses; absent on the host's network. */
  readonly networks?: readonly NetworkInfo[];
}

/**
 * What a container is doing now. `gone`: ended, and nothing recorded how.
 * `never-started`: no record shows that a launch of it ever came to the start
 * of a program, so launching it now cannot run it twice; only `recover` says so,
 * after it has ended a launch that the old agent process left in the middle.
 */
export type ContainerState =
  | { readonly state: "running"; readonly launched: Launched }
  | { readonly state: "ended"; readonly exit: Exit }
  | { readonly state: "gone" }
  | { readonly state: "never-started" };

/** What the probe at start found; the same for every container until the agent restarts. */
export interface RuntimeCapabilities {
  /** `linux`: namespaces or cgroups are used; `posix`: sessions and process groups only. */
  readonly form: "linux" | "posix";
  readonly namespaces: readonly Namespace[];
  /** Directory below which container cgroups are made; absent: none can be used. */
  readonly cgroupRoot?: string;
  /** cgroup controllers that hold containers to their resources; none when absent. */
  readonly controllers?: readonly string[];
  readonly switchUser: boolean;
  /** Commands can be run inside containers, to check them. Absent: no. */
  readonly commandChecks?: boolean;
  /** One line for each thing that is missing and why; logged once at start. */
  readonly missing: readonly string[];
}

export interface Runtime {
  readonly capabilities: RuntimeCapabilities;

  /**
   * Sets up sandbox, records and cgroup, fetches the URIs and starts the
   * container. Resolves once the program is about to be executed. A program
   * that cannot be executed is not a launch error: it exits with 126 or 127
   * and the sandbox's stderr says why, as from a shell.
   * @param progress hears now and then what takes long, in a line for people
   */
  launch(spec: ContainerSpec, progress?: (line: string) => void): Promise<Result<Launched, LaunchError>>;

  /**
   * Sends a signal to every process of the container, one that is a number to its program alone.
   * Nothing happens when it has ended.
   */
  signal(containerId: string, signal: "SIGTERM" | "SIGKILL" | number): Promise<void>;

  /**
   * Ends the container for sure: when it resolves no process of it is left
   * and `onExit` has been called. Cancels a launch that is still fetching.
   * May be called at any time, also for an orphan or an unknown container.
   * With a `limitation`, which it is ended for, its exit carries that, also
   * over a restart of the agent; nothing happens when it does not run.
   */
  kill(containerId: string, limitation?: Limitation): Promise<Result<void, string>>;

  /**
   * The listener hears of the end of every container launched or recovered
   * here, exactly once each, never before `launch` or `recover` resolved for
   * it. Set it before the first launch.
   */
  onExit(listener: (containerId: string, exit: Exit) => void): void;

  inspect(containerId: string): Promise<ContainerState>;

  /**
   * What a running container was given and uses now, as far as the machine
   * tells; undefined for one that does not run.
   */
  statistics(containerId: string): Promise<ResourceStatistics | undefined>;

  /** TCP ports on which running containers listen on the host's network; those without any are left out. */
  listening(): Promise<ReadonlyMap<string, readonly number[]>>;

  /**
   * Gives a running container more or less from now on. A memory limit only
   * grows, as in Mesos: below what is in use the kernel would end the container.
   */
  update(containerId: string, resources: ContainerResources): Promise<Result<void>>;

  /**
   * After an agent restart: takes up the containers the agent remembers.
   * Running ones are watched again (`onExit` will tell); for the others the
   * answer is final and `onExit` stays silent.
   */
  recover(containerIds: readonly string[]): Promise<ReadonlyMap<string, ContainerState>>;

  /**
   * Containers, by their records and cgroups, that were neither launched nor
   * recovered here. End them by `kill`, then `cleanup`.
   */
  listOrphans(): Promise<readonly string[]>;

  /**
   * Looks once how a container does. Never rejects. Without a `timeoutMs` it waits as long as the
   * container lives; the time spent waiting for a turn does not count. `untried` for containers
   * that do not run, or no longer do when the look is over.
   */
  check(containerId: string, probe: CheckProbe, timeoutMs: number | undefined): Promise<CheckResult>;

  /**
   * Runs one more program in a running container, which does not outlive it.
   * @param spec of the container, with the program's command, environment, user and terminal
   */
  openSession(containerId: string, spec: ContainerSpec): Result<Session>;

  /** Of a running container that has a terminal. */
  openInput(containerId: string): Result<ProgramInput>;

  /** Forgets an ended container: its records and its cgroup. The sandbox stays. Idempotent. */
  cleanup(containerId: string): Promise<void>;

  /** Stops watching. Containers live on. */
  close(): Promise<void>;
}

/** Numeric owner of files: the user that a container runs as. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
  /** No user of the machine has this number, so that it is in no other groups. */
  readonly unnamed?: true;
}

/**
 * Brings URIs into a sandbox, in their order. With an `owner` local files are
 * read with that user's rights; the runtime hands the sandbox over afterwards.
 * Errors name the URI and what failed. Implemented by src/io/fetcher.ts.
 */
export type Fetch = (
  uris: readonly FetchUri[],
  sandbox: string,
  owner: Owner | undefined,
  signal: AbortSignal,
) => Promise<Result<void, string>>;

/** What of a container an image is for: its root, or a volume, which are numbered without a gap. */
export type ImagePart = "root" | number;

export interface ImageOptions {
  /** Left out: "root". */
  readonly part?: ImagePart;
  /** Hears now and then how far a pull that takes long is, in a line for people. */
  readonly progress?: (line: string) => void;
}

/** The files of images. Implemented by src/io/image-store.ts. */
export interface Images {
  /**
   * Brings the image here unless it is, and makes the files of one container. Errors name the
   * image and what failed. When it fails, nothing of the container is left.
   */
  provide(
    image: WantedImage,
    containerId: string,
    signal: AbortSignal,
    options?: ImageOptions,
  ): Promise<Result<ProvidedImage>>;
  /** Removes all files of the container, if it has some. */
  release(containerId: string): Promise<void>;
  /** What the image of a container's root said when its files were made. */
  configOf(containerId: string): ImageConfig | undefined;
  /** Containers that have files. */
  containers(): readonly string[];
}
