/**
 * What the handlers of one process share. The composition (src/main/) fills
 * it; tests fill it with values in memory.
 */
import type { AgentPort } from "../agent/port.ts";
import type { Log, LogVerbosity } from "../base/log.ts";
import type { Result } from "../base/result.ts";
import type { MasterPort } from "../master/port.ts";
import type { ResourceStatistics } from "../model/v1/statistics.ts";
import type { FileSpace } from "./file-space.ts";
import type { Slices } from "./in-parts.ts";

/** An HTTP handler. It answers every request and does not throw for a bad one. */
export type Handler = (request: Request) => Response | Promise<Response>;

/** The edge's clock and timer; the driver gives the real ones. */
export interface ApiClock {
  wallMs(): number;
  /** Calls `run` every `intervalMs` until the returned function is called. */
  every(intervalMs: number, run: () => void): () => void;
}

/** How this binary was built; undefined where the build does not say. */
export interface BuildInfo {
  /** mesh's own version, for example 0.1.0. */
  readonly version: string;
  readonly builtAtMs: number;
  readonly user: string;
  readonly gitSha?: string;
}

interface SharedContext {
  readonly build: BuildInfo;
  readonly verbosity: LogVerbosity;
  readonly clock: ApiClock;
  readonly log: Log;
  /** Asked when no route matches: the web page. Undefined, or an undefined answer, means 404. */
  readonly assets?: (request: Request) => Response | undefined;
}

export interface MasterContext extends SharedContext {
  readonly port: MasterPort;
  readonly slices: Slices;
  /** Files below `/files`: the master's log, when it writes one. */
  readonly files: FileSpace;
  /** A consistent copy of the registry on disk (mesh raft backup). */
  readonly backup?: () => Promise<ReadableStream<Uint8Array>>;
}

export interface AgentContext extends SharedContext {
  readonly port: AgentPort;
  /** The answer to this request may be silent for longer than others: nobody closes it for that. */
  readonly neverIdle?: (request: Request) => void;
  /** The claims of an executor's token; absent: executors need not prove who they are. */
  readonly checkExecutorToken?: (token: string, nowMs: number) => Result<Readonly<Record<string, string>>>;
  /** Removes unused images but these, and what they are made of; absent: this agent has none. */
  readonly pruneImages?: (excluded: readonly string[]) => Promise<Result<unknown>>;
  /** What a running container uses now; undefined when it ended or the machine cannot tell. */
  readonly containerStatistics?: (containerId: string) => Promise<ResourceStatistics | undefined>;
}
