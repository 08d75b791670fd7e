/**
 * Answers in the form Mesos gives them: errors as plain text, JSON compressed
 * when it is long and the client takes it, `?jsonp=` on the legacy endpoints.
 */
import { once } from "node:events";
import { setImmediate as immediate } from "node:timers/promises";
import { promisify } from "node:util";
import { createGzip, gzip } from "node:zlib";
import { GZIP_MIN_BYTES } from "../base/limits.ts";
import type { Body } from "./in-parts.ts";

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
  body: Body | Uint8Array,
): Promise<Response> {
  const headers: Record<string, string> = { "Content-Type": contentType };
  if (isLong(body)) return longPayload(request, headers, body);
  // A string has at least one byte for each character, so short ones need no look at their bytes.
  if (body.length < GZIP_MIN_BYTES / 3 || !takesGzip(request)) return new Response(body, { headers });
  const bytes = typeof body === "string" ? encoder.encode(body) : body;
  if (bytes.length < GZIP_MIN_BYTES) return new Response(bytes, { headers });
  headers["Content-Encoding"] = "gzip";
  return new Response(await compress(bytes, { level: GZIP_LEVEL }), { headers });
}

function isLong(body: Body | Uint8Array): body is readonly Uint8Array[] {
  return typeof body !== "string" && !(body instanceof Uint8Array);
}

/** Part by part: to compress, copy or send it at once would take too long a turn. */
async function longPayload(
  request: Request,
  headers: Record<string, string>,
  parts: readonly Uint8Array[],
): Promise<Response> {
  if (!takesGzip(request)) return new Response(streamOf(parts), { headers });
  headers["Content-Encoding"] = "gzip";
  return new Response(streamOf(await compressParts(parts)), { headers });
}

async function compressParts(parts: readonly Uint8Array[]): Promise<Uint8Array[]> {
  const compressed: Uint8Array[] = [];
  const stream = createGzip({ level: GZIP_LEVEL });
  const ended = once(stream, "end");
  stream.on("data", (part: Uint8Array) => compressed.push(part));
  for (const part of parts) {
    if (!stream.write(part)) await once(stream, "drain");
  }
  stream.end();
  await ended;
  return compressed;
}

/** One part a turn, and not before the reader took the one before it. */
function streamOf(parts: readonly Uint8Array[]): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      await immediate();
      const part = parts[at++];
      if (part === undefined) controller.close();
      else controller.enqueue(part);
    },
  });
}

/** JSON text of a legacy endpoint, wrapped as `fn(...)` when the query asks for `jsonp=fn`. */
export function legacyJson(request: Request, url: URL, json: Body | Uint8Array): Promise<Response> {
  const callback = url.searchParams.get("jsonp");
  if (callback === null) return payload(request, "application/json", json);
  // Anything else than a name would run as the caller's script in this origin.
  if (!/^[\w$.]{1,200}$/.test(callback)) return Promise.resolve(badCallback(callback));
  return payload(request, "text/javascript", wrap(callback, json));
}

function badCallback(callback: string): Response {
  return text(400, `Failed to wrap the answer: 'jsonp=${callback}' is not the name of a function`);
}

function wrap(callback: string, json: Body | Uint8Array): Body | Uint8Array {
  if (typeof json === "string") return `${callback}(${json})`;
  if (isLong(json)) return [encoder.encode(`${callback}(`), ...json, encoder.encode(")")];
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
