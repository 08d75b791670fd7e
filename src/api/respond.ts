/**
 * Answers in the form Mesos gives them: errors as plain text, JSON compressed
 * when it is long and the client takes it, `?jsonp=` on the legacy endpoints.
 */
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { GZIP_MIN_BYTES } from "../base/limits.ts";

const compress = promisify(gzip);
const encoder = new TextEncoder();
/** Speed over size: a large /state is asked for again and again. */
const GZIP_LEVEL = 3;

/** A plain-text answer; `""` makes one without body and content type. */
export function text(status: number, body: string, headers: Readonly<Record<string, string>> = {}): Response {
  if (body === "") return new Response(null, { status, headers });
  return new Response(body, { status, headers: { ...headers, "Content-Type": "text/plain; charset=utf-8" } });
}

export function notFound(): Response {
  return text(404, "404 Not Found.");
}

/** 405, in libprocess' words (http.hpp, MethodNotAllowed). */
export function methodNotAllowed(expected: readonly string[], received: string): Response {
  const quoted = expected.map((method) => `'${method}'`).join(", ");
  const body = `405 Method Not Allowed. Expecting one of { ${quoted} }, but received '${received}'.`;
  return text(405, body, { Allow: expected.join(", ") });
}

/** 501 for a call that exists in the API and is not built yet. */
export function notImplemented(call: string): Response {
  return text(501, `The call ${call} is not implemented by this version of mesh; nothing was changed`);
}

/** A 200 with a whole body, compressed when long and acceptable. */
export async function payload(
  request: Request,
  contentType: string,
  body: string | Uint8Array,
): Promise<Response> {
  const headers: Record<string, string> = { "Content-Type": contentType };
  // A string has at least one byte for each character, so short ones need no look at their bytes.
  if (body.length < GZIP_MIN_BYTES / 3 || !takesGzip(request)) return new Response(body, { headers });
  const bytes = typeof body === "string" ? encoder.encode(body) : body;
  if (bytes.length < GZIP_MIN_BYTES) return new Response(bytes, { headers });
  headers["Content-Encoding"] = "gzip";
  return new Response(await compress(bytes, { level: GZIP_LEVEL }), { headers });
}

/** JSON text of a legacy endpoint, wrapped as `fn(...)` when the query asks for `jsonp=fn`. */
export function legacyJson(request: Request, url: URL, json: string | Uint8Array): Promise<Response> {
  const callback = url.searchParams.get("jsonp");
  if (callback === null) return payload(request, "application/json", json);
  // Anything else than a name would run as the caller's script in this origin.
  if (!/^[\w$.]{1,200}$/.test(callback)) return Promise.resolve(badCallback(callback));
  return payload(request, "text/javascript", wrap(callback, json));
}

function badCallback(callback: string): Response {
  return text(400, `Failed to wrap the answer: 'jsonp=${callback}' is not the name of a function`);
}

function wrap(callback: string, json: string | Uint8Array): string | Uint8Array {
  if (typeof json === "string") return `${callback}(${json})`;
  const head = encoder.encode(`${callback}(`);
  const wrapped = new Uint8Array(head.length + json.length + 1);
  wrapped.set(head);
  wrapped.set(json, head.length);
  wrapped[wrapped.length - 1] = ")".charCodeAt(0);
  return wrapped;
}

/** `Accept-Encoding` names gzip, or `*`, with a quality above 0. */
function takesGzip(request: Request): boolean {
  const accepted = request.headers.get("Accept-Encoding");
  if (accepted === null) return false;
  return accepted.split(",").some((item) => /^\s*(?:gzip|\*)\s*(?:;\s*q=(?!0(?:\.0*)?\s*$).*)?$/i.test(item));
}
