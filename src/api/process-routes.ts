/**
 * Endpoints that masters and agents share and that any master answers:
 * /version, /health, /flags, /metrics/snapshot, /logging/toggle,
 * /system/stats.json (mesos-wire.md section 7.1).
 */
import { cpus, freemem, loadavg, totalmem } from "node:os";
import type { LogVerbosity } from "../base/log.ts";
import type { BuildInfo, Handler } from "./context.ts";
import { parseDuration } from "./duration.ts";
import type { Body } from "./in-parts.ts";
import { dictionary, double, integer, type JsonText, object } from "./json-text.ts";
import { flagsObject } from "./legacy-state.ts";
import { legacyJson, text } from "./respond.ts";
import { requestUrl } from "./router.ts";
import { changeLevel, type MetricValues } from "./shared-calls.ts";
import { versionMembers } from "./version.ts";

/** What the routes read of a master or an agent. */
interface ProcessPort {
  flags(): Readonly<Record<string, string>>;
  metrics(): MetricValues | Promise<MetricValues>;
}

/** `id`: the process id that `/health` and `/flags` belong to, `master` or `slave(1)`. */
export function processRoutes(
  id: string,
  port: ProcessPort,
  build: BuildInfo,
  verbosity: LogVerbosity,
): Record<string, Handler> {
  return {
    version: json(() => object(versionMembers(build))),
    [`${id}/version`]: json(() => object(versionMembers(build))),
    [`${id}/health`]: () => text(200, ""),
    [`${id}/flags`]: json(() => object({ flags: flagsObject(port.flags()) })),
    "metrics/snapshot": metricsSnapshot(port),
    "logging/toggle": (request) => toggleLogging(verbosity, request),
    "system/stats.json": json(systemStats),
  };
}

/** A legacy endpoint that answers JSON to every method, as Mesos does. */
export function json(document: (url: URL) => Body | Promise<Body>): Handler {
  return async (request) => {
    const url = requestUrl(request);
    return legacyJson(request, url, await document(url));
  };
}

/** `timeout` is checked and has no effect: no metric here waits for anything. */
function metricsSnapshot(port: ProcessPort): Handler {
  return async (request) => {
    const url = requestUrl(request);
    const timeout = url.searchParams.get("timeout");
    const parsed = timeout === null ? undefined : parseDuration(timeout);
    if (parsed && !parsed.ok) return text(400, parsed.error);
    const values = Object.entries(await port.metrics());
    return legacyJson(
      request,
      url,
      dictionary(values.map(([name, value]) => [name, double(value)] as const)),
    );
  };
}

/** Without parameters tells the level, as text. */
function toggleLogging(verbosity: LogVerbosity, request: Request): Response {
  const query = requestUrl(request).searchParams;
  const level = query.get("level");
  const duration = query.get("duration");
  if (level === null && duration === null) return text(200, `${verbosity.level()}\n`);
  if (level === null) return text(400, "Expecting 'level=value' in query.\n");
  if (duration === null) return text(400, "Expecting 'duration=value' in query.\n");
  const durationMs = parseDuration(duration);
  if (!durationMs.ok) return text(400, `${durationMs.error}.\n`);
  const problem = changeLevel(verbosity, level.trim() === "" ? Number.NaN : Number(level), durationMs.value);
  return problem === undefined ? text(200, "") : text(400, `${problem}\n`);
}

function systemStats(): JsonText {
  const [one = 0, five = 0, fifteen = 0] = loadavg();
  return object({
    avg_load_1min: double(one),
    avg_load_5min: double(five),
    avg_load_15min: double(fifteen),
    cpus_total: integer(cpus().length),
    mem_total_bytes: integer(totalmem()),
    mem_free_bytes: integer(freemem()),
  });
}
