/** mesh's own endpoints, below `/mesh/`; every master answers them. */
import type { MasterPort } from "../master/port.ts";
import type { Handler } from "./context.ts";
import { leaderAddress } from "./leader.ts";
import { payload, text } from "./respond.ts";

export function meshRoutes(port: MasterPort): Record<string, Handler> {
  return {
    "mesh/leader": (request) => leader(port, request),
    "mesh/raft": (request) => payload(request, "application/json", JSON.stringify(port.raftStatus())),
  };
}

/** Where the leader is: its HTTP API (`leader`), and where agents link to (`link`). */
function leader(port: MasterPort, request: Request): Response | Promise<Response> {
  const address = leaderAddress(port);
  const link = port.agentLink();
  if (address === undefined || link === undefined) return text(503, "No leader elected");
  const { id, hostname, ip, port: httpPort } = address;
  const body = { leader: { id, hostname, ip, port: httpPort }, link };
  return payload(request, "application/json", JSON.stringify(body));
}
