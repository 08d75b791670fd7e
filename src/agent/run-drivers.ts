/** What the agent's pump (run.ts) is given: drivers, settings; and how it ends. */
import type { Result } from "../base/result.ts";
import type { Instant } from "../base/time.ts";
import type { Runtime } from "../isolation/runtime.ts";
import type { OutputPiece, ProgramOutput } from "../isolation/session.ts";
import type { AgentToMaster, MasterToAgent } from "../model/agent-protocol.ts";
import type { CheckpointStore } from "./checkpoint.ts";
import type { ReconfigurationPolicy } from "./reconfiguration.ts";
import type { AgentConfig, LeaderAddress } from "./types.ts";

/** An open link to the leading master. */
export interface AgentLink {
  send(message: AgentToMaster): void;
  /** No `onClose` follows. */
  close(): void;
}

export interface LinkEvents {
  onMessage(message: MasterToAgent): void;
  /** The link broke. Comes at most once, and only for a link that was open. */
  onClose(reason: string): void;
}

/** A file that gets the output of a container, which may put anything in its place. */
export interface OutputFile {
  readonly stream: OutputPiece["stream"];
  readonly path: string;
}

export interface AgentDrivers {
  now(): Instant;
  readonly runtime: Runtime;
  readonly store: CheckpointStore;
  findLeader(): Promise<Result<LeaderAddress>>;
  openLink(leader: LeaderAddress, events: LinkEvents): Promise<Result<AgentLink>>;
  /** Points the symbolic link at the sandbox, atomically, and makes its directory. */
  linkLatest(link: string, sandbox: string): Promise<void>;
  /** What the files get from now on, until some time after `ended` aborts. */
  followOutput(files: readonly OutputFile[], ended: AbortSignal): ProgramOutput;
  /** Out of the way at the return, one that is not there too; rejects when it or its content stays. */
  removeSandbox(path: string): Promise<void>;
  removeVolume(path: string, disk: { readonly wholeDisk?: boolean }): Promise<string | undefined>;
}

export interface AgentOptions {
  readonly config: AgentConfig;
  /** As /flags shows them. */
  readonly flags: Readonly<Record<string, string>>;
  /** Launches under way at once; about twice the processors. */
  readonly maxLaunches: number;
  /** Hears of the end of a container before the core does. */
  readonly onExit?: (containerId: string) => void;
  /** Of what works beside the agent's core, for /metrics/snapshot. */
  readonly moreMetrics?: () => Readonly<Record<string, number>>;
  /** The agent's own log, which /files shows as /slave/log. */
  readonly logFile?: string;
  /** False: records of the checkpoint that cannot be read are left out. Default: they end the start. */
  readonly strict?: boolean;
  /** Default: any. */
  readonly reconfigurationPolicy?: ReconfigurationPolicy;
}

/** How the agent came to an end by itself. */
export interface AgentEnd {
  readonly failed: boolean;
  readonly reason: string;
}
