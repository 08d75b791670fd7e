/**
 * src/io/ holds the drivers: the only code that opens ports, files and
 * databases, reads clocks and starts downloads. Cores know none of it; each
 * driver implements a port that a core or a pump declares.
 *
 * This one is HTTP: it opens the port that the handlers of src/api/ answer on.
 */

import { MeshError } from "../base/errors.ts";
import { HTTP_IDLE_TIMEOUT_S, REQUEST_BODY_MAX_BYTES } from "../base/limits.ts";

export interface HttpServerOptions {
  readonly hostname: string;
  /** 0 lets the system choose. */
  readonly port: number;
  readonly fetch: (request: Request) => Response | Promise<Response>;
  /** When a connection on which nothing moves is closed; left out: HTTP_IDLE_TIMEOUT_S. */
  readonly idleTimeoutS?: number;
  /** Bodies may be endless streams, read as handlers can; else one that is too large gets a bare 413. */
  readonly endlessBodies?: boolean;
  /** The flag that sets the port, as an error message names it. */
  readonly portFlag?: string;
}

export interface HttpServer {
  readonly hostname: string;
  readonly port: number;
  /** The answer to this request may be silent for as long as it likes. */
  neverIdle(request: Request): void;
  /** Takes no new connections and lets answers finish, at most for `graceMs`: then event streams are cut. */
  stop(graceMs: number): Promise<void>;
}

/** A body just above the limit reaches the handler, which refuses it in words; larger ones get a bare 413. */
const BODY_MARGIN_BYTES = 64 * 1024;

/** Throws a MeshError when the address cannot be had. */
export function serve(options: HttpServerOptions): HttpServer {
  const { hostname, port, portFlag = "--port" } = options;
  let server: Bun.Server<undefined>;
  try {
    server = Bun.serve({
      hostname,
      port,
      fetch: options.fetch,
      // Bun's default is below the 15 s between two heartbeats of a stream. A head has 10 s in any case.
      idleTimeout: options.idleTimeoutS ?? HTTP_IDLE_TIMEOUT_S,
      maxRequestBodySize:
        options.endlessBodies === true ? Number.MAX_SAFE_INTEGER : REQUEST_BODY_MAX_BYTES + BODY_MARGIN_BYTES,
      // `development: false` would let a second server of this process take the port over without a word.
      reusePort: false,
      error: () => new Response(null, { status: 500 }),
    });
  } catch (error) {
    throw new MeshError("ADDRESS_IN_USE", explain(hostname, port, portFlag, error));
  }
  return {
    hostname,
    port: server.port ?? port,
    neverIdle: (request) => server.timeout(request, 0),
    stop: (graceMs) => stop(server, graceMs),
  };
}

function explain(hostname: string, port: number, portFlag: string, error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  const address = `${hostname}:${port}`;
  if (code === "EADDRINUSE") {
    return `Failed to listen on ${address}: another process uses it; choose another port with ${portFlag}`;
  }
  if (code === "EACCES") {
    return `Failed to listen on ${address}: ports below 1024 need root; choose another with ${portFlag}`;
  }
  return `Failed to listen on ${address}: ${message}; check --ip and ${portFlag}`;
}

async function stop(server: Bun.Server<undefined>, graceMs: number): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const grace = new Promise<"late">((resolve) => {
    timer = setTimeout(() => resolve("late"), graceMs);
  });
  const outcome = await Promise.race([server.stop(), grace]);
  clearTimeout(timer);
  if (outcome === "late") await server.stop(true);
}
