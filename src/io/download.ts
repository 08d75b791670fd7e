import type { FileHandle } from "node:fs/promises";
import { fail, ok, type Result } from "../base/result.ts";

export interface DownloadLimits {
  readonly maxBytes: number;
  /** Longest time without a byte, the answer's head included. */
  readonly stallTimeoutMs: number;
}

/** Streams an http(s) resource into an open file. Redirects are followed. */
export async function download(
  url: string,
  file: FileHandle,
  limits: DownloadLimits,
  signal: AbortSignal,
): Promise<Result<void>> {
  const stall = new AbortController();
  let timer = setTimeout(() => stall.abort(), limits.stallTimeoutMs);
  const alive = () => {
    clearTimeout(timer);
    timer = setTimeout(() => stall.abort(), limits.stallTimeoutMs);
  };
  try {
    const response = await fetch(url, {
      signal: AbortSignal.any([signal, stall.signal]),
      // The bytes as the server stores them: an archive must arrive as an archive.
      headers: { "Accept-Encoding": "identity" },
      decompress: false,
    });
    if (!response.ok) {
      await response.body?.cancel();
      return fail(`the server answered ${response.status} ${response.statusText}`.trimEnd());
    }
    return await store(response, file, limits, alive);
  } catch (error) {
    if (signal.aborted) return fail("cancelled");
    if (stall.signal.aborted) return fail(`no data for ${limits.stallTimeoutMs} ms`);
    return fail(error instanceof Error ? error.message : String(error));
  } finally {
    clearTimeout(timer);
  }
}

async function store(
  response: Response,
  file: FileHandle,
  { maxBytes }: DownloadLimits,
  alive: () => void,
): Promise<Result<void>> {
  const announced = response.headers.get("content-length");
  const tooLarge = `it is larger than ${maxBytes} bytes`;
  if (announced !== null && Number(announced) > maxBytes) {
    await response.body?.cancel();
    return fail(tooLarge);
  }
  let received = 0;
  for await (const chunk of response.body ?? []) {
    alive();
    received += chunk.length;
    if (received > maxBytes) return fail(tooLarge);
    await file.writeFile(chunk);
  }
  if (announced !== null && received !== Number(announced)) {
    return fail(`only ${received} of ${announced} bytes came`);
  }
  return ok(undefined);
}
