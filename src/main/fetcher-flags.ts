/** Flags of `mesh agent` about what is fetched for tasks; names are those of Mesos. */
import { join, resolve } from "node:path";
import { FetchCache } from "../io/fetch-cache.ts";
import type { FetchSettings } from "../io/fetcher.ts";
import { bytesOf } from "./byte-flags.ts";
import type { FlagSpec, Flags } from "./flags.ts";

export const FETCHER_FLAGS: readonly FlagSpec[] = [
  {
    name: "fetcher-cache-size",
    value: "<bytes>",
    description:
      "Most that is kept of URIs with `cache`, for other tasks; what was used longest ago goes first",
    default: "2GB",
  },
  {
    name: "fetcher-cache-dir",
    value: "<dir>",
    description: "Where it is kept, in a directory of this agent alone; by default in the work directory",
  },
  {
    name: "fetcher-stall-timeout",
    value: "<duration>",
    description: "A server that sends nothing for so long has failed",
    default: "1mins",
  },
  {
    name: "frameworks-home",
    value: "<dir>",
    description: "Where URIs begin that are paths and not absolute",
  },
];

export interface FetcherFlags {
  readonly cacheBytes: number;
  readonly cacheDirectory?: string;
  readonly stallTimeoutMs: number;
  readonly frameworksHome?: string;
}

export function readFetcherFlags(flags: Flags): FetcherFlags {
  const cacheDirectory = flags.optional("fetcher-cache-dir");
  const frameworksHome = flags.optional("frameworks-home");
  return {
    cacheBytes: bytesOf(flags, "fetcher-cache-size"),
    stallTimeoutMs: flags.duration("fetcher-stall-timeout"),
    ...(cacheDirectory === undefined ? {} : { cacheDirectory: resolve(cacheDirectory) }),
    ...(frameworksHome === undefined ? {} : { frameworksHome: resolve(frameworksHome) }),
  };
}

/** Empties the cache. @param workDir tells agents of one machine apart */
export function fetchSettings(flags: FetcherFlags, workDir: string): Partial<FetchSettings> {
  const { cacheBytes, cacheDirectory, stallTimeoutMs, frameworksHome } = flags;
  const directory =
    cacheDirectory === undefined
      ? join(workDir, "fetch-cache")
      : join(cacheDirectory, `mesh-${Bun.hash.xxHash64(workDir).toString(36)}`);
  return {
    stallTimeoutMs,
    cache: new FetchCache(directory, cacheBytes),
    ...(frameworksHome === undefined ? {} : { frameworksHome }),
  };
}
