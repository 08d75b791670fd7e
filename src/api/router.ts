/**
 * Finds the handler of a path as libprocess does (mesos-wire.md section 1):
 * the first token names a process, an unknown one means the delegate
 * (`/state` is `/master/state`), then the longest registered prefix wins, so
 * that `/api/v1/operator` reaches `/api/v1`.
 */
import type { Handler } from "./context.ts";

export type Routes = Readonly<Record<string, Handler>>;

export class Router {
  readonly #routes: ReadonlyMap<string, Handler>;
  readonly #processes: ReadonlySet<string>;
  readonly #delegate: string;

  /** `routes` are keyed by whole path without slashes at the ends, for example `master/api/v1`. */
  constructor(delegate: string, routes: Routes) {
    this.#delegate = delegate;
    this.#routes = new Map(Object.entries(routes));
    this.#processes = new Set(Object.keys(routes).map((path) => path.split("/", 1)[0] ?? ""));
  }

  /** The handler of a URL's path, still encoded; undefined when there is none. */
  find(path: string): Handler | undefined {
    const tokens = decodeTokens(path);
    if (tokens === undefined) return undefined;
    const [first] = tokens;
    if (first === undefined || !this.#processes.has(first)) tokens.unshift(this.#delegate);
    for (let length = tokens.length; length > 0; length--) {
      const handler = this.#routes.get(tokens.slice(0, length).join("/"));
      if (handler) return handler;
    }
    return undefined;
  }

  /** Names of all processes, for /__processes__. */
  get processes(): readonly string[] {
    return [...this.#processes];
  }
}

/** The path's tokens; undefined when it climbs with `..` or is encoded wrongly. */
function decodeTokens(path: string): string[] | undefined {
  try {
    const tokens = path.split("/").map(decodeURIComponent);
    if (tokens.some((token) => token.startsWith(".."))) return undefined;
    return tokens.filter((token) => token !== "");
  } catch {
    return undefined;
  }
}

/** The path of a request, still encoded. */
export function rawPath(request: Request): string {
  const target = requestTarget(request);
  const end = target.search(/[?#]/);
  return end < 0 ? target : target.slice(0, end);
}

/** Path and query as they were sent. Bun gives these alone when a request has no usable `Host`. */
export function requestTarget(request: Request): string {
  const { url } = request;
  if (url.startsWith("/")) return url;
  const start = url.indexOf("/", url.indexOf("://") + "://".length);
  return start < 0 ? "/" : url.slice(start);
}

/** The parsed URL; its host means nothing. */
export function requestUrl(request: Request): URL {
  return new URL(`http://mesh${requestTarget(request)}`);
}
