/**
 * `/mesh/notes`: small values that frameworks and operators keep in the
 * replicated registry. GET lists keys (`?prefix=`); GET, PUT and DELETE of
 * `/mesh/notes/<key>` read, store and remove one. `ETag` is its version;
 * `If-Match` and `If-None-Match: *` make a change depend on it (RFC 9110).
 *
 * Every master answers reads, with all that was committed before them, or
 * with what it has at hand (`?consistency=stale`); the leader takes changes.
 */
import { NOTE_VALUE_MAX_BYTES } from "../base/limits.ts";
import { fail, ok, type Result } from "../base/result.ts";
import type { CallAnswer, MasterPort } from "../master/port.ts";
import { checkNoteKey } from "../model/validate-note-key.ts";
import type { Handler } from "./context.ts";
import { leaderOnly } from "./leader.ts";
import { readBody } from "./request-body.ts";
import { methodNotAllowed, payload, text } from "./respond.ts";
import { rawPath, requestUrl } from "./router.ts";

const PATH = "/mesh/notes/";

export function notesHandler(port: MasterPort): Handler {
  const change = leaderOnly(port, (request) => handle(port, request));
  return async (request) => {
    if (request.method !== "GET") return change(request);
    const refused = await upToDate(port, request);
    return refused ?? handle(port, request);
  };
}

/** The refusal when there is no proof that this master knows all that was committed. */
async function upToDate(port: MasterPort, request: Request): Promise<Response | undefined> {
  const wanted = requestUrl(request).searchParams.get("consistency") ?? "linear";
  if (wanted === "stale") return undefined;
  if (wanted !== "linear") {
    return text(400, `Failed to read notes: 'consistency=${wanted}' is neither linear nor stale`);
  }
  const { status, body } = await port.readIndex();
  return status === 200 ? undefined : text(status, body);
}

function handle(port: MasterPort, request: Request): Response | Promise<Response> {
  const path = rawPath(request);
  const key = path.startsWith(PATH) ? decodeURIComponent(path.slice(PATH.length)) : "";
  if (key === "") return list(port, request);
  const fault = checkNoteKey(key);
  if (fault !== undefined) return text(400, `Failed to use a note: ${fault}`);
  return one(port, request, key);
}

function list(port: MasterPort, request: Request): Response | Promise<Response> {
  if (request.method !== "GET") return methodNotAllowed(["GET"], request.method);
  const keys = port.noteKeys(requestUrl(request).searchParams.get("prefix") ?? "");
  return payload(request, "application/json", JSON.stringify({ keys }));
}

async function one(port: MasterPort, request: Request, key: string): Promise<Response> {
  const { method } = request;
  if (method === "GET") return read(port, key);
  if (method !== "PUT" && method !== "DELETE") return methodNotAllowed(["GET", "PUT", "DELETE"], method);
  const ifVersion = condition(request.headers);
  if (!ifVersion.ok) return text(400, `Failed to change note "${key}": ${ifVersion.error}`);
  if (method === "DELETE")
    return answered(await port.changeNote({ kind: "delete-note", key, ifVersion: ifVersion.value }));
  const body = await readBody(request);
  if (!body.ok) return body.error;
  const { length } = body.value;
  if (length > NOTE_VALUE_MAX_BYTES) {
    return text(
      413,
      `Failed to store note "${key}": ${length} bytes are more than the ${NOTE_VALUE_MAX_BYTES} of a note`,
    );
  }
  return answered(
    await port.changeNote({ kind: "put-note", key, value: body.value, ifVersion: ifVersion.value }),
  );
}

function read(port: MasterPort, key: string): Response {
  const note = port.note(key);
  if (note === undefined) return text(404, `Failed to read note "${key}": there is none`);
  const headers = { "Content-Type": "application/octet-stream", ETag: `"${note.version}"` };
  return new Response(note.value as Uint8Array<ArrayBuffer>, { headers });
}

function answered({ status, body }: CallAnswer): Response {
  if (status !== 200) return text(status, body);
  return new Response(null, { status, headers: body === "" ? {} : { ETag: `"${body}"` } });
}

/** The version a change depends on; 0 when there must be no note yet. */
function condition(headers: Headers): Result<number | undefined> {
  const [match, none] = [headers.get("If-Match"), headers.get("If-None-Match")];
  if (none !== null) return none.trim() === "*" ? ok(0) : fail("'If-None-Match' can only be *");
  if (match === null) return ok(undefined);
  const [, version] = /^\s*"(\d{1,15})"\s*$/.exec(match) ?? [];
  return version === undefined ? fail(`'If-Match: ${match}' is not one quoted version`) : ok(Number(version));
}
