/** `/files/browse`, `/files/read`, `/files/download` and `/files/debug` (mesos-wire.md section 7.4). */
import { basename, extname } from "node:path";
import { FILE_READ_MAX_BYTES } from "../base/limits.ts";
import type { Handler } from "./context.ts";
import { type FileEntry, type FileError, listDirectory, openBelow, readPart } from "./file-access.ts";
import { modeText, type OwnerNames, readOwnerNames } from "./file-owner.ts";
import type { FileSpace } from "./file-space.ts";
import { integer, list, object, quote } from "./json-text.ts";
import { flagsObject } from "./legacy-state.ts";
import { legacyJson, text } from "./respond.ts";
import { requestUrl } from "./router.ts";

export function filesRoutes(space: FileSpace): Record<string, Handler> {
  return {
    "files/browse": (request) => browse(space, request),
    "files/read": (request) => read(space, request),
    "files/download": (request) => download(space, request),
    "files/debug": (request) => legacyJson(request, requestUrl(request), flagsObject(space.attachedFiles())),
  };
}

const NO_PATH = "Expecting 'path=value' in query.";

async function browse(space: FileSpace, request: Request): Promise<Response> {
  const url = requestUrl(request);
  const path = url.searchParams.get("path");
  if (path === null || path === "") return text(400, NO_PATH);
  const entries = await listDirectory(space, path);
  if (!entries.ok) return refuse(entries.error);
  const owners = await readOwnerNames();
  return legacyJson(
    request,
    url,
    list(entries.value, (entry) => entryJson(entry, owners)),
  );
}

function entryJson(entry: FileEntry, owners: OwnerNames): string {
  return object({
    gid: quote(owners.group(entry.gid)),
    mode: quote(modeText(entry.mode)),
    mtime: integer(Math.floor(entry.mtimeMs / 1_000)),
    nlink: integer(entry.nlink),
    path: quote(entry.path),
    size: integer(entry.sizeBytes),
    uid: quote(owners.user(entry.uid)),
  });
}

async function read(space: FileSpace, request: Request): Promise<Response> {
  const url = requestUrl(request);
  const path = url.searchParams.get("path");
  if (path === null || path === "") return text(400, NO_PATH);
  const offset = numberParameter(url, "offset", -1);
  if (offset === undefined || offset < -1) return text(400, badNumber(url, "offset"));
  // -1 is what the web page of Mesos sends for "as much as possible".
  const length = numberParameter(url, "length", -1);
  if (length === undefined || length < -1) return text(400, badNumber(url, "length"));
  const part = await readPart(space, path, offset, length === -1 ? undefined : length);
  if (!part.ok) return refuse(part.error);
  const head = Buffer.from(`{"data":"`);
  const tail = Buffer.from(`","offset":${part.value.offset}}`);
  return legacyJson(request, url, Buffer.concat([head, escapeBytes(part.value.data), tail]));
}

function numberParameter(url: URL, name: string, absent: number): number | undefined {
  const value = url.searchParams.get(name);
  if (value === null || value === "") return absent;
  return /^-?\d{1,15}$/.test(value) ? Number(value) : undefined;
}

function badNumber(url: URL, name: string): string {
  return `Failed to parse ${name}: '${url.searchParams.get(name)}' is not a number of bytes from 0, or -1.`;
}

const BACKSLASH = 0x5c;
const QUOTE = 0x22;

/**
 * The bytes of a JSON string. As in Mesos, bytes above 0x7f pass unchanged: a
 * client that pages through a log must get back what the file holds, also
 * where a page ends inside a character.
 */
function escapeBytes(data: Uint8Array): Uint8Array {
  const parts: Uint8Array[] = [];
  let from = 0;
  for (let at = 0; at < data.length; at++) {
    const byte = data[at] as number;
    if (byte >= 0x20 && byte !== QUOTE && byte !== BACKSLASH) continue;
    parts.push(data.subarray(from, at), Buffer.from(JSON.stringify(String.fromCharCode(byte)).slice(1, -1)));
    from = at + 1;
  }
  if (parts.length === 0) return data;
  return Buffer.concat([...parts, data.subarray(from)]);
}

async function download(space: FileSpace, request: Request): Promise<Response> {
  const path = requestUrl(request).searchParams.get("path");
  if (path === null || path === "") return text(400, NO_PATH);
  const opened = await openBelow(space, path);
  if (!opened.ok) return refuse(opened.error);
  const { handle } = opened.value;
  const stat = await handle.stat();
  if (!stat.isFile()) {
    await handle.close();
    return text(
      400,
      stat.isDirectory() ? "Cannot download a directory." : `Cannot download '${path}': it is no file.`,
    );
  }
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const buffer = new Uint8Array(FILE_READ_MAX_BYTES);
      const { bytesRead } = await handle.read(buffer, 0, buffer.length);
      if (bytesRead > 0) return controller.enqueue(buffer.subarray(0, bytesRead));
      await handle.close();
      controller.close();
    },
    cancel: () => handle.close(),
  });
  return new Response(body, {
    headers: {
      "Content-Type": DOWNLOAD_TYPES[extname(path).toLowerCase()] ?? "application/octet-stream",
      "Content-Disposition": disposition(basename(path)),
    },
  });
}

/** A header holds printable characters of ASCII only: the name as it is stands beside (RFC 6266). */
function disposition(name: string): string {
  const ascii = name.replace(/["\\]/g, "_").replace(/[^ -~]/gu, "_");
  const shown = `attachment; filename="${ascii}"`;
  if (!/[^ -~]/.test(name)) return shown;
  const encoded = encodeURIComponent(name).replace(
    /['()*]/g,
    (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `${shown}; filename*=UTF-8''${encoded}`;
}

/** Types by file name ending; a browser saves the file in any case. */
const DOWNLOAD_TYPES: Readonly<Record<string, string>> = {
  ".css": "text/css",
  ".gz": "application/x-gzip",
  ".html": "text/html",
  ".jpg": "image/jpeg",
  ".js": "application/javascript",
  ".json": "application/json",
  ".pdf": "application/pdf",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".tar": "application/x-tar",
  ".txt": "text/plain; charset=utf-8",
  ".xml": "application/xml",
  ".zip": "application/zip",
};

function refuse(error: FileError): Response {
  return text(error.status, `${error.message}.`);
}
