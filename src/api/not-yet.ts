/**
 * Legacy endpoints whose features are not built: readers get the empty
 * document that Mesos gives where nothing is set, writers a 501 that says so.
 */
import type { Handler } from "./context.ts";
import type { JsonText } from "./json-text.ts";
import { legacyJson, methodNotAllowed, notImplemented } from "./respond.ts";
import { rawPath, requestUrl } from "./router.ts";

/** Reading works and is empty; the writing methods are refused. */
export function emptyUnlessWritten(document: JsonText, writers: readonly string[]): Handler {
  return (request) => {
    if (request.method === "GET") return legacyJson(request, requestUrl(request), document);
    if (writers.includes(request.method)) return refuse(request);
    return methodNotAllowed(["GET", ...writers], request.method);
  };
}

/** An endpoint that only writes. */
export function unbuiltPost(): Handler {
  return (request) =>
    request.method === "POST" ? refuse(request) : methodNotAllowed(["POST"], request.method);
}

function refuse(request: Request): Response {
  return notImplemented(`${request.method} ${rawPath(request)}`);
}
