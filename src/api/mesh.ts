/** mesh's own endpoints, below `/mesh/`; every master answers them. */
import { PORT_MAX } from "../base/host-port.ts";
import { DEFAULT_CLUSTER, type MasterChange, type MasterPort, type RaftStatus } from "../master/port.ts";
import type { Handler } from "./context.ts";
import { leaderAddress, leaderOnly } from "./leader.ts";
import { notesHandler } from "./notes.ts";
import { parseJson } from "./operator-json.ts";
import { readBody } from "./request-body.ts";
import { methodNotAllowed, payload, text } from "./respond.ts";
import { whyHandler } from "./why.ts";

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const ADDRESS = /^(?:\[[0-9a-fA-F:.]+\]|[^:\s/\p{Cc}]{1,255}):(\d{1,5})$/u;

export function meshRoutes(port: MasterPort): Record<string, Handler> {
  return {
    "mesh/leader": (request) => leader(port, request),
    "mesh/kill": leaderOnly(port, (request) => kill(port, request)),
    "mesh/notes": notesHandler(port),
    "mesh/why": leaderOnly(port, whyHandler(port)),
    "mesh/raft/add": leaderOnly(
      port,
      raftChange(port, (fields) => addedMaster(port, fields)),
    ),
    "mesh/raft/promote": leaderOnly(port, raftChange(port, namedMaster("promote"))),
    "mesh/raft/remove": leaderOnly(port, raftChange(port, namedMaster("remove"))),
    "mesh/raft/transfer": leaderOnly(port, (request) => transfer(port, request)),
    "mesh/raft": (request) => {
      const status: RaftStatus = { ...port.raftStatus(), cluster: ownCluster(port) };
      return payload(request, "application/json", JSON.stringify(status));
    },
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

type Fields = Readonly<Record<string, unknown>>;

/** Changes the raft group; answered once the change is committed, or with the reason why it is not. */
function raftChange(port: MasterPort, read: (fields: Fields) => MasterChange | string | Response): Handler {
  return async (request) => {
    const fields = await postedFields(request);
    if (fields instanceof Response) return fields;
    const change = read(fields);
    if (change instanceof Response) return change;
    if (typeof change === "string") {
      return text(400, `Failed to read the change of the masters: expecting ${change}`);
    }
    const answer = await port.changeMasters(change);
    return text(answer.status, answer.body);
  };
}

/** A master of a cluster of another name would be a member to which no link can be made. */
function addedMaster(port: MasterPort, { id, address, cluster }: Fields): MasterChange | string | Response {
  const own = ownCluster(port);
  if (typeof cluster === "string" && cluster !== own) {
    return text(
      409,
      `Failed to add the master: this is cluster "${own}", not "${cluster}"; check its --cluster and --join`,
    );
  }
  if (typeof id !== "string" || !UUID.test(id) || typeof address !== "string" || !isRaftAddress(address)) {
    return '{"id": "<member id, a UUID>", "address": "<host:raft-port>"}';
  }
  return { kind: "add-learner", id, address };
}

function isRaftAddress(text: string): boolean {
  const port = Number(ADDRESS.exec(text)?.[1] ?? 0);
  return port > 0 && port <= PORT_MAX;
}

function ownCluster(port: MasterPort): string {
  return port.flags()["cluster"] ?? DEFAULT_CLUSTER;
}

function namedMaster(kind: "promote" | "remove"): (fields: Fields) => MasterChange | string {
  return ({ member }) => {
    if (typeof member !== "string" || member === "") return '{"member": "<member id or host:raft-port>"}';
    return { kind, member };
  };
}

/** Hands leadership over, to the member in `{"to": "…"}` if given; the answer names the new leader. */
async function transfer(port: MasterPort, request: Request): Promise<Response> {
  const fields = await postedFields(request);
  if (fields instanceof Response) return fields;
  const { to } = fields;
  if (to !== undefined && typeof to !== "string") {
    return text(400, 'Failed to read the transfer: expecting {} or {"to": "<member id or host:raft-port>"}');
  }
  const answer = await port.transferLeadership(to);
  return text(answer.status, answer.body);
}

/** The JSON object of a POST, or the answer that refuses it. */
async function postedFields(request: Request): Promise<Fields | Response> {
  if (request.method !== "POST") return methodNotAllowed(["POST"], request.method);
  const body = await readBody(request);
  return body.ok ? jsonObject(new TextDecoder().decode(body.value)) : body.error;
}

/** The object in the text; an empty one when it is anything else. */
function jsonObject(json: string): Readonly<Record<string, unknown>> {
  const value = parseJson(json);
  return typeof value === "object" && value !== null ? { ...value } : {};
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
