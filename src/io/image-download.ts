/**
 * Layers from a registry into a file: resumed where a download broke off, also
 * one of an earlier agent process, and checked against the digest at the end.
 */
import { createHash } from "node:crypto";
import { open, rm, stat } from "node:fs/promises";
import { FETCH_STALL_TIMEOUT_MS, IMAGE_DOWNLOAD_TRIES_MAX } from "../base/limits.ts";
import { fail, ok, type Result } from "../base/result.ts";
import type { Descriptor } from "../isolation/image-manifest.ts";
import { type RegistryClient, type RegistryError, textOf } from "./image-registry.ts";

const FIRST_PAUSE_MS = 200;

export interface DownloadTimes {
  readonly firstPauseMs?: number;
  readonly stallMs?: number;
}

/** @param path where the bytes are gathered; what is there already is the beginning of them */
export async function downloadBlob(
  client: RegistryClient,
  blob: Descriptor,
  path: string,
  signal: AbortSignal,
  { firstPauseMs = FIRST_PAUSE_MS, stallMs = FETCH_STALL_TIMEOUT_MS }: DownloadTimes = {},
): Promise<Result<void>> {
  let resumed = (await sizeOf(path)) > 0;
  let last = "";
  for (let tries = 0; tries < IMAGE_DOWNLOAD_TRIES_MAX; tries++) {
    if (tries > 0) await pause(firstPauseMs * 2 ** (tries - 1), signal);
    if (signal.aborted) return fail("cancelled");
    const got = await more(client, blob, path, { signal, stallMs });
    if (!got.ok) {
      last = got.error.message;
      if (got.error.passing) continue;
      return fail(last);
    }
    const found = await digestOf(path);
    if (found === blob.digest) return ok(undefined);
    await rm(path, { force: true });
    last = `layer ${blob.digest} is damaged: its bytes have the digest ${found}`;
    // What an earlier process left may be the cause; what came whole now is not.
    if (!resumed) return fail(last);
    resumed = false;
  }
  return fail(`${last} (given up after ${IMAGE_DOWNLOAD_TRIES_MAX} tries)`);
}

async function more(
  client: RegistryClient,
  { digest, sizeBytes }: Descriptor,
  path: string,
  limits: { readonly signal: AbortSignal; readonly stallMs: number },
): Promise<Result<void, RegistryError>> {
  const there = await sizeOf(path);
  if (there > sizeBytes) await rm(path, { force: true });
  if (there === sizeBytes && sizeBytes > 0) return ok(undefined);
  const answer = await client.blob(digest, there > sizeBytes ? 0 : there);
  if (!answer.ok) return answer;
  const appending = answer.value.status === 206;
  const file = await open(path, appending ? "a" : "w", 0o600);
  try {
    return await save(answer.value, file, { digest, sizeBytes, from: appending ? there : 0, ...limits });
  } finally {
    await file.close();
  }
}

interface Saving {
  readonly digest: string;
  readonly sizeBytes: number;
  readonly from: number;
  readonly signal: AbortSignal;
  readonly stallMs: number;
}

async function save(
  answer: Response,
  file: Awaited<ReturnType<typeof open>>,
  { digest, sizeBytes, from, signal, stallMs }: Saving,
): Promise<Result<void, RegistryError>> {
  const reader = answer.body?.getReader();
  if (reader === undefined) return fail({ message: `layer ${digest}: the answer is empty`, passing: true });
  let bytes = from;
  try {
    for (;;) {
      const chunk = await withLimit(reader.read(), stallMs);
      if (chunk === undefined)
        return fail({ message: `layer ${digest}: no data for ${stallMs} ms`, passing: true });
      if (chunk.done) break;
      bytes += chunk.value.length;
      if (bytes > sizeBytes) {
        return fail({
          message: `layer ${digest} is larger than the ${sizeBytes} bytes of the manifest`,
          passing: false,
        });
      }
      await file.writeFile(chunk.value);
    }
  } catch (error) {
    return fail({
      message: `layer ${digest}: ${signal.aborted ? "cancelled" : textOf(error)}`,
      passing: !signal.aborted,
    });
  } finally {
    await reader.cancel().catch(() => {});
  }
  if (bytes === sizeBytes) return ok(undefined);
  return fail({ message: `layer ${digest}: only ${bytes} of ${sizeBytes} bytes came`, passing: true });
}

/** Undefined when the time is over. */
async function withLimit<T>(promise: Promise<T>, limitMs: number): Promise<T | undefined> {
  const { promise: late, resolve } = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => resolve(undefined), limitMs);
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  const stop = (): void => resolve();
  signal.addEventListener("abort", stop, { once: true });
  await promise;
  signal.removeEventListener("abort", stop);
  clearTimeout(timer);
}

async function sizeOf(path: string): Promise<number> {
  return await stat(path).then(
    (found) => found.size,
    () => 0,
  );
}

/** As descriptors name it. */
export async function digestOf(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of Bun.file(path).stream()) hash.update(chunk);
  return `sha256:${hash.digest("hex")}`;
}
