/** Reading of whole request bodies, gzip undone: REQUEST_BODY_MAX_BYTES each, BODIES_MAX_BYTES in all. */
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { BODIES_MAX_BYTES, REQUEST_BODY_MAX_BYTES } from "../base/limits.ts";
import { fail, ok, type Result } from "../base/result.ts";
import { text } from "./respond.ts";

const decompress = promisify(gunzip);

/** Bytes of the bodies that this process reads now: clients may announce them and take their time. */
let readingBytes = 0;

/** The body's bytes, or the answer that refuses it: 413 too large, 400 broken, 503 too many at once. */
export async function readBody(request: Request): Promise<Result<Uint8Array, Response>> {
  const body = await readLimited(request);
  if (!body.ok) return body;
  if (request.headers.get("Content-Encoding")?.trim().toLowerCase() !== "gzip") return body;
  try {
    return ok(await decompress(body.value, { maxOutputLength: REQUEST_BODY_MAX_BYTES }));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE") return fail(tooLarge());
    return fail(
      text(400, "Failed to decompress the request body: it is not gzip, as 'Content-Encoding' says"),
    );
  }
}

/** What follows a refusal is not read. */
async function readLimited(request: Request): Promise<Result<Uint8Array, Response>> {
  let taken = 0;
  const take = (bytes: number): Response | undefined => {
    taken += bytes;
    readingBytes += bytes;
    if (taken > REQUEST_BODY_MAX_BYTES) return tooLarge();
    return readingBytes > BODIES_MAX_BYTES ? tooMany() : undefined;
  };
  try {
    return await read(request, take);
  } catch {
    return fail(text(400, "Failed to read the request body: the connection ended in the middle of it"));
  } finally {
    readingBytes -= taken;
  }
}

/** `take` answers why no more bytes may be held. */
async function read(
  request: Request,
  take: (bytes: number) => Response | undefined,
): Promise<Result<Uint8Array, Response>> {
  const announced = request.headers.get("Content-Length");
  if (announced !== null) {
    const refused = take(Number(announced) || 0);
    return refused === undefined ? ok(await request.bytes()) : fail(refused);
  }
  if (request.body === null) return ok(new Uint8Array());
  const chunks: Uint8Array[] = [];
  for await (const chunk of request.body as ReadableStream<Uint8Array>) {
    const refused = take(chunk.length);
    if (refused !== undefined) return fail(refused);
    chunks.push(chunk);
  }
  return ok(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks));
}

function tooMany(): Response {
  return text(
    503,
    `Failed to read the request body: those under way have more than ${BODIES_MAX_BYTES} bytes; try again`,
  );
}

function tooLarge(): Response {
  return text(413, `Failed to read the request body: it is larger than ${REQUEST_BODY_MAX_BYTES} bytes`);
}
