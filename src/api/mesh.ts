/** mesh's own endpoints, below `/mesh/`; every master answers them. */
import type { MasterPort } from "../master/port.ts";
import type { Handler } from "./context.ts";
import { leaderAddress, leaderOnly } from "./leader.ts";
import { notesHandler } from "./notes.ts";
import { readBody } from "./request-body.ts";
import { methodNotAllowed, payload, text } from "./respond.ts";

export function meshRoutes(port: MasterPort): Record<string, Handler> {
  return {
    "mesh/leader": (request) => leader(port, request),
    "mesh/kill": leaderOnly(port, (request) => kill(port, request)),
    "mesh/notes": notesHandler(port),
    "mesh/raft": (request) => payload(request, "application/json", JSON.stringify(port.raftStatus())),
  };
}

/** Kills one task of any framework: POST `{"framework_id": "…", "task_id": "…"}`. */
async function kill(port: MasterPort, request: Request): Promise<Response> {
  if (request.method !== "POST") return methodNotAllowed(["POST"], request.method);
  const body = await readBody(request);
  if (!body.ok) return body.error;
  const { framework_id, task_id } = jsonObject(new TextDecoder().decode(body.value));
  if (typeof framework_id !== "string" || typeof task_id !== "string") {
    return text(400, 'Failed to read the task to kill: expecting {"framework_id": "…", "task_id": "…"}');
  }
  const answer = await port.kill(framework_id, task_id);
  return text(answer.status, answer.body);
}

/** The object in the text; an empty one when it is anything else. */
function jsonObject(json: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === "object" && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
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
