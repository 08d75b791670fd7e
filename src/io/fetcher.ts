/**
 * Brings URIs into a sandbox before the start (mesos-fetcher: src/launcher/fetcher.cpp).
 * Local files are copied, http, https, ftp and ftps downloaded; then the file is made
 * executable, or unpacked by its ending. One after the other, in the given order.
 *
 * Nothing is written outside of the sandbox: an earlier archive may have put
 * links anywhere, so the real directory of each target is checked and an
 * existing target is removed, never written through.
 */
import { constants } from "node:fs";
import { chmod, copyFile, mkdir, open, realpath, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { FETCH_MAX_BYTES, FETCH_STALL_TIMEOUT_MS } from "../base/limits.ts";
import { fail, ok, type Result } from "../base/result.ts";
import type { FetchUri } from "../isolation/container.ts";
import type { Fetch, Owner } from "../isolation/runtime.ts";
import { type DownloadLimits, download } from "./download.ts";
import type { FetchCache } from "./fetch-cache.ts";
import { downloadByFtp } from "./ftp-download.ts";
import { isArchive, unpack } from "./unpack.ts";

const DEFAULT_LIMITS: DownloadLimits = { maxBytes: FETCH_MAX_BYTES, stallTimeoutMs: FETCH_STALL_TIMEOUT_MS };

export interface FetchSettings extends DownloadLimits {
  /** Where paths that are not absolute begin (Mesos --frameworks_home); such paths fail without it. */
  readonly frameworksHome?: string;
  /** For URIs that ask for it; without one each is fetched anew. */
  readonly cache?: FetchCache;
}

/** A fetcher with the given limits; absent ones are those of src/base/limits.ts. */
export function createFetcher(settings: Partial<FetchSettings> = {}): Fetch {
  const all = { ...DEFAULT_LIMITS, ...settings };
  return async (uris, sandbox, owner, signal) => {
    for (const uri of uris) {
      const fetched = await fetchOne(uri, { sandbox, owner, settings: all, signal });
      if (!fetched.ok) return fail(`Failed to fetch "${uri.value}": ${fetched.error}`);
    }
    return ok(undefined);
  };
}

interface Job {
  readonly sandbox: string;
  readonly owner: Owner | undefined;
  readonly settings: FetchSettings;
  readonly signal: AbortSignal;
}

async function fetchOne(uri: FetchUri, job: Job): Promise<Result<void>> {
  const { sandbox, signal } = job;
  const source = sourceOf(uri.value, job.settings.frameworksHome);
  if (!source.ok) return source;
  const name = uri.outputFile === undefined ? nameOf(uri.value) : checkedOutput(uri.outputFile);
  if (!name.ok) return name;
  try {
    const target = await prepareTarget(sandbox, name.value);
    if (!target.ok) return target;
    const brought = await (uri.cache === true
      ? bringCached(uri.value, source.value, target.value, job)
      : bring(source.value, target.value, job));
    if (!brought.ok) {
      await rm(target.value, { force: true });
      return brought;
    }
    if (uri.executable) await chmod(target.value, 0o755);
    else if (uri.extract && isArchive(target.value)) {
      const foreign = job.owner !== undefined;
      return await unpack({ archive: target.value, directory: sandbox, foreign, signal });
    }
    return ok(undefined);
  } catch (error) {
    return fail(error instanceof Error ? error.message : String(error));
  }
}

type Source =
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "http" | "ftp"; readonly url: string };

function sourceOf(value: string, home: string | undefined): Result<Source> {
  if (value.startsWith("/")) return ok({ kind: "file", path: value });
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(value)?.[1]?.toLowerCase();
  if (scheme === undefined && home !== undefined) return ok({ kind: "file", path: join(home, value) });
  if (scheme === undefined) {
    return fail(
      "it is neither an absolute path nor a URI with a scheme; use one of them, or set --frameworks-home of the agent",
    );
  }
  if (scheme === "file") {
    const path = value.slice("file://".length).replace(/^localhost(?=\/)/, "");
    if (!path.startsWith("/")) return fail("a file URI needs an absolute path, as in file:///etc/hosts");
    return ok({ kind: "file", path });
  }
  if (scheme === "http" || scheme === "https") {
    return URL.canParse(value) ? ok({ kind: "http", url: value }) : fail("it is not a valid URL");
  }
  if (scheme === "ftp" || scheme === "ftps") {
    return URL.canParse(value)
      ? ok({ kind: "ftp", url: new URL(value).href })
      : fail("it is not a valid URL");
  }
  return fail(
    `the scheme "${scheme}" is not supported; use http, https, ftp, ftps, file or an absolute path`,
  );
}

/** The last segment, query included, as Mesos names it (Fetcher::basename). */
function nameOf(value: string): Result<string> {
  const path = value.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/]*/i, "");
  const name = basename(path);
  if (name === "" || name === "." || name === ".." || /[\\'\0]/.test(name)) {
    return fail("no file name can be made of it; set output_file");
  }
  return ok(name);
}

function checkedOutput(outputFile: string): Result<string> {
  const segments = outputFile.split("/");
  if (segments.some((segment) => segment === "" || segment === "." || segment === "..")) {
    return fail(
      `output_file "${outputFile}" must be a plain path inside the sandbox, such as "conf/app.json"`,
    );
  }
  return ok(outputFile);
}

/** Makes the directory of the target and an empty place for it. */
async function prepareTarget(sandbox: string, name: string): Promise<Result<string>> {
  const root = await realpath(sandbox);
  let directory = root;
  // Step by step: mkdir below a link would already write outside.
  for (const segment of dirname(name) === "." ? [] : dirname(name).split("/")) {
    directory = join(directory, segment);
    await mkdir(directory, { recursive: true });
    if ((await realpath(directory)) !== directory) {
      return fail(`"${name}" leads outside of the sandbox through a link`);
    }
  }
  const target = join(directory, basename(name));
  await rm(target, { force: true });
  return ok(target);
}

/** By user, since a local file is read with the user's rights. */
async function bringCached(uri: string, source: Source, target: string, job: Job): Promise<Result<void>> {
  const { settings, owner, signal } = job;
  if (settings.cache === undefined) return bring(source, target, job);
  return settings.cache.copyTo(target, `${owner?.uid ?? ""} ${uri}`, signal, (path, aborted) =>
    bring(source, path, { ...job, signal: aborted }),
  );
}

async function bring(source: Source, target: string, job: Job): Promise<Result<void>> {
  const { settings, owner, signal } = job;
  if (source.kind === "file") {
    const problem = await unusable(source.path, settings);
    if (problem !== undefined) return fail(problem);
  }
  const { O_CREAT, O_EXCL, O_WRONLY } = constants;
  const file = await open(target, O_WRONLY | O_CREAT | O_EXCL, 0o644);
  try {
    if (source.kind !== "file") {
      const by = source.kind === "http" ? download : downloadByFtp;
      return await by(source.url, file, settings, signal);
    }
    if (owner !== undefined) return await readAs(owner, source.path, file.fd, signal);
  } finally {
    await file.close();
  }
  await copyFile(source.path, target);
  return ok(undefined);
}

async function unusable(path: string, { maxBytes }: DownloadLimits): Promise<string | undefined> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) return "the agent's machine has no such file, or may not read it";
  if (!found.isFile()) return "it is not a regular file";
  return found.size > maxBytes ? `it is larger than ${maxBytes} bytes` : undefined;
}

/** Copies a local file with the rights of the container's user: fetching must not open files to it. */
async function readAs(
  { uid, gid, unnamed }: Owner,
  path: string,
  target: number,
  signal: AbortSignal,
): Promise<Result<void>> {
  const setpriv = Bun.which("setpriv", { PATH: "/usr/bin:/bin" });
  if (setpriv === null) return fail("setpriv (util-linux) is not installed on the agent's machine");
  const groups = unnamed === true ? "--clear-groups" : "--init-groups";
  const words = [`--reuid=${uid}`, `--regid=${gid}`, groups, "/bin/cat", "--", path];
  const stdio = ["ignore", target, "pipe"] as const;
  const child = Bun.spawn([setpriv, ...words], { stdio: [...stdio], env: { LC_ALL: "C" }, signal });
  const complaint = (await new Response(child.stderr).text()).trim();
  return (await child.exited) === 0 ? ok(undefined) : fail(`as user ${uid}: ${complaint}`);
}
