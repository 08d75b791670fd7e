/** Reading of whole request bodies, within REQUEST_BODY_MAX_BYTES, gzip undone. */
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { REQUEST_BODY_MAX_BYTES } from "../base/limits.ts";
import { fail, ok, type Result } from "../base/result.ts";
import { text } from "./respond.ts";

const decompress = promisify(gunzip);

/** The body's bytes, or the answer that refuses it: 413 too large, 400 broken gzip. */
export async function readBody(request: Request): Promise<Result<Uint8Array, Response>> {
  const body = await readLimited(request);
  if (body === undefined) return fail(tooLarge());
  if (request.headers.get("Content-Encoding")?.trim().toLowerCase() !== "gzip") return ok(body);
  try {
    return ok(await decompress(body, { maxOutputLength: REQUEST_BODY_MAX_BYTES }));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE") return fail(tooLarge());
    return fail(
      text(400, "Failed to decompress the request body: it is not gzip, as 'Content-Encoding' says"),
    );
  }
}

/** Undefined when longer than allowed; what follows is then not read. */
async function readLimited(request: Request): Promise<Uint8Array | undefined> {
  const announced = request.headers.get("Content-Length");
  if (announced !== null) {
    return Number(announced) > REQUEST_BODY_MAX_BYTES ? undefined : request.bytes();
  }
  if (request.body === null) return new Uint8Array();
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of request.body as ReadableStream<Uint8Array>) {
    length += chunk.length;
    if (length > REQUEST_BODY_MAX_BYTES) return undefined;
    chunks.push(chunk);
  }
  return chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks, length);
}

function tooLarge(): Response {
  return text(413, `Failed to read the request body: it is larger than ${REQUEST_BODY_MAX_BYTES} bytes`);
}
