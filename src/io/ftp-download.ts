/**
 * FTP for the fetcher, by the machine's curl(1): what little of it is left is
 * not worth a client of one's own, and libcurl is what Mesos does it with.
 */
import type { FileHandle } from "node:fs/promises";
import { fail, ok, type Result } from "../base/result.ts";
import { SECOND_MS } from "../base/time.ts";
import type { DownloadLimits } from "./download.ts";

const TOOL_PATH = "/usr/bin:/bin:/usr/local/bin";
/** No settings of the user's, nothing but the two protocols, no patterns in paths. */
const WORDS = ["--disable", "--silent", "--show-error", "--globoff", "--proto", "=ftp,ftps", "--config", "-"];

/** Streams an ftp or ftps resource into an open file. */
export async function downloadByFtp(
  url: string,
  file: FileHandle,
  { maxBytes, stallTimeoutMs }: DownloadLimits,
  signal: AbortSignal,
): Promise<Result<void>> {
  const curl = Bun.which("curl", { PATH: TOOL_PATH });
  if (curl === null) return fail("ftp needs the program curl on the agent's machine; install it");
  if (signal.aborted) return fail("cancelled");
  const connectS = Math.max(1, Math.ceil(stallTimeoutMs / SECOND_MS));
  const child = Bun.spawn([curl, ...WORDS, "--connect-timeout", `${connectS}`], {
    // Not among the words, which everybody sees: it may hold a password.
    stdin: new TextEncoder().encode(`url = "${url.replaceAll(/["\\]/g, "\\$&")}"\n`),
    stdout: "pipe",
    stderr: "pipe",
    env: { LC_ALL: "C" },
    signal,
  });
  const complaint = new Response(child.stderr).text();
  let stalled = false;
  const stop = (): void => {
    stalled = true;
    child.kill("SIGKILL");
  };
  let timer = setTimeout(stop, stallTimeoutMs);
  try {
    let received = 0;
    for await (const chunk of child.stdout) {
      clearTimeout(timer);
      timer = setTimeout(stop, stallTimeoutMs);
      received += chunk.length;
      if (received > maxBytes) {
        child.kill("SIGKILL");
        return fail(`it is larger than ${maxBytes} bytes`);
      }
      await file.writeFile(chunk);
    }
    const status = await child.exited;
    if (signal.aborted) return fail("cancelled");
    if (stalled) return fail(`no data for ${stallTimeoutMs} ms`);
    return status === 0 ? ok(undefined) : fail((await complaint).trim() || `curl ended with ${status}`);
  } finally {
    clearTimeout(timer);
  }
}
