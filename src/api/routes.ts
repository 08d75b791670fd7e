/**
 * src/api/: the HTTP edge. It turns requests into questions to a master or an
 * agent (src/master/port.ts, src/agent/port.ts) and their answers into
 * responses that clients of Mesos understand. Handlers are functions from
 * Request to Response; no port is opened here (src/io/http.ts does), and no
 * state is kept but the streams that are open.
 *
 *   request → router → leader? → method, content type → decode → validate
 *           → port → encode → response, or an event stream
 *
 * Files: this one (what is served where); router, respond, accept, codec,
 * request-body (HTTP); leader; scheduler, master-operator, agent-operator,
 * executor (v1 calls) with event-stream, operator-stream; …-messages (views as
 * v1 messages); master-lists, in-parts (long answers); legacy-… (views as the older
 * JSON); file-… (/files); mesh.
 *
 * Status codes, texts and the order of checks are those a Mesos master was
 * seen to give; tests/api/ compares them.
 */
import { MeshError } from "../base/errors.ts";
import { agentOperatorApi } from "./agent-operator.ts";
import { backupHandler } from "./backup.ts";
import type { AgentContext, Handler, MasterContext } from "./context.ts";
import { executorApi } from "./executor.ts";
import { filesRoutes } from "./files.ts";
import type { Body } from "./in-parts.ts";
import { consistentRead, leaderOnly, redirectHandler } from "./leader.ts";
import { agentStateJson, containersJson, statisticsJson } from "./legacy-agent-state.ts";
import { frameworksJson, slavesJson, stateJson, stateSummaryJson } from "./legacy-state.ts";
import { tasksJson } from "./legacy-tasks-query.ts";
import { machinesHandler, maintenanceStatusHandler, scheduleHandler } from "./maintenance.ts";
import { masterOperatorApi } from "./master-operator.ts";
import { meshRoutes } from "./mesh.ts";
import { unbuiltPost } from "./not-yet.ts";
import { operateHandler } from "./operate.ts";
import { json, processRoutes } from "./process-routes.ts";
import { legacyJson, notFound, text } from "./respond.ts";
import { quotaHandler, weightsHandler } from "./role-settings.ts";
import { rolesJson } from "./roles.ts";
import { Router, type Routes, rawPath, requestUrl } from "./router.ts";
import { schedulerApi } from "./scheduler.ts";
import { teardownHandler } from "./teardown.ts";
import { constraintsDebugJson } from "./why.ts";

/** Everything a master serves. */
export function masterApi(context: MasterContext): Handler {
  const { port } = context;
  const leader = (handler: Handler): Handler => leaderOnly(port, handler);
  const read = (handler: Handler): Handler => consistentRead(port, handler);
  const view = (document: (url: URL) => Promise<Body> | string): Handler => read(json(document));
  const readings = { flags: () => port.flags(), metrics: () => context.slices.finish(port.metrics()) };
  return serveRoutes(context, "master", {
    ...processRoutes("master", readings, context.build, context.verbosity),
    ...filesRoutes(context.files),
    ...meshRoutes(port),
    "mesh/raft/backup": backupHandler(context),
    "master/redirect": redirectHandler(port),
    "master/api/v1": masterOperatorApi(context),
    "master/api/v1/scheduler": schedulerApi(context),
    "master/state": view(() => stateJson(context)),
    "master/state-summary": view(() => stateSummaryJson(context)),
    "master/slaves": read(slavesHandler(context)),
    "master/frameworks": view((url) => frameworksJson(context, url.searchParams.get("framework_id"))),
    "master/tasks": view((url) => tasksJson(context, url.searchParams)),
    "master/roles": view(() => rolesJson(context)),
    "master/teardown": leader(teardownHandler(context)),
    "allocator/offer_constraints_debug": leader(json(() => constraintsDebugJson(port.view()))),
    "master/weights": leader(weightsHandler(context)),
    "master/quota": leader(quotaHandler(context)),
    "master/maintenance/schedule": leader(scheduleHandler(context)),
    "master/maintenance/status": leader(maintenanceStatusHandler(context)),
    "master/machine/down": leader(machinesHandler(context, "machines-down")),
    "master/machine/up": leader(machinesHandler(context, "machines-up")),
    "master/reserve": leader(operateHandler(context, "RESERVE")),
    "master/unreserve": leader(operateHandler(context, "UNRESERVE")),
    "master/create-volumes": leader(operateHandler(context, "CREATE")),
    "master/destroy-volumes": leader(operateHandler(context, "DESTROY")),
  });
}

/** `/slaves?slave_id=` and, as some clients write it, `/slaves/<id>`. */
function slavesHandler(context: MasterContext): Handler {
  return json((url) => {
    const [, id] = /\/slaves\/([^/]+)\/?$/.exec(url.pathname) ?? [];
    const wanted = url.searchParams.get("slave_id") ?? (id === undefined ? null : decodeURIComponent(id));
    return slavesJson(context, wanted);
  });
}

/** Everything an agent serves. */
export function agentApi(context: AgentContext): Handler {
  const { port } = context;
  const id = "slave(1)";
  return serveRoutes(context, id, {
    ...processRoutes(id, port, context.build, context.verbosity),
    ...filesRoutes(port),
    [`${id}/api/v1`]: agentOperatorApi(context),
    [`${id}/api/v1/executor`]: executorApi(context),
    [`${id}/api/v1/resource_provider`]: unbuiltPost(),
    [`${id}/state`]: (request) => {
      if (!port.recovered()) return text(503, "Agent has not finished recovery");
      return legacyJson(request, requestUrl(request), agentStateJson(context));
    },
    [`${id}/containers`]: containersHandler(context),
    "monitor/statistics": json(() => statisticsJson(context)),
    [`${id}/monitor/statistics`]: json(() => statisticsJson(context)),
  });
}

/** slave/http.cpp takes a container, or a framework and perhaps one of its executors. */
function containersHandler(context: AgentContext): Handler {
  return async (request) => {
    const url = requestUrl(request);
    const query = url.searchParams;
    const containerId = query.get("container_id");
    const frameworkId = query.get("framework_id");
    const executorId = query.get("executor_id");
    if (containerId !== null && (frameworkId !== null || executorId !== null)) {
      return text(400, "Failed to filter containers: give either 'container_id', or 'framework_id'");
    }
    if (executorId !== null && frameworkId === null) {
      return text(400, "Failed to filter containers: 'executor_id' needs 'framework_id' beside it");
    }
    const showNested = query.get("show_nested") === "true";
    const filter = { containerId, frameworkId, executorId, showNested };
    return legacyJson(request, url, await containersJson(context, filter));
  };
}

function serveRoutes(context: MasterContext | AgentContext, delegate: string, routes: Routes): Handler {
  const router: Router = new Router(delegate, {
    ...routes,
    __processes__: (request) =>
      legacyJson(
        request,
        requestUrl(request),
        JSON.stringify(router.processes.map((id) => ({ id, events: [] }))),
      ),
  });
  return async (request) => {
    const handler = router.find(rawPath(request));
    if (handler === undefined) return context.assets?.(request) ?? notFound();
    try {
      return await handler(request);
    } catch (error) {
      if (error instanceof MeshError && error.status > 0) return text(error.status, error.message);
      // A fault of mesh: the client learns that much, the log the rest.
      const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
      context.log.error("Failed to answer a request", { method: request.method, url: request.url, detail });
      return text(500, `Failed to answer ${request.method} ${rawPath(request)}; the log of mesh says why`);
    }
  };
}
