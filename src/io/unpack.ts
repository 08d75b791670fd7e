import { closeSync, constants, openSync } from "node:fs";
import { chmod, lstat, mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { fail, ok, type Result } from "../base/result.ts";

/** Where the unpacking programs are looked for; the agent's own PATH may be anything. */
const TOOL_PATH = "/usr/local/bin:/usr/bin:/bin";
const TAR_ENDINGS = [".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz"];
/** What is quoted of a program's complaint. */
const COMPLAINT_MAX_CHARS = 1_000;
/** Read, write and enter, for the owner. */
const OWNER_ALL = 0o700;

/** True for the endings that Mesos' fetcher unpacks (src/launcher/fetcher.cpp `extract`). */
export function isArchive(name: string): boolean {
  return [...TAR_ENDINGS, ".zip", ".gz"].some((ending) => name.endsWith(ending));
}

export interface Unpacking {
  readonly archive: string;
  /** Nobody but the agent may write there. */
  readonly directory: string;
  /** The content is for a user with fewer rights than the agent. */
  readonly foreign: boolean;
  readonly signal: AbortSignal;
}

/**
 * Unpacks an archive into a directory by the system's tar, unzip or gzip. The
 * archive stays.
 *
 * The programs write into an empty directory, whose content is then moved: they
 * would follow links that an earlier archive left. No device and no setuid
 * program comes out of an archive, since it would be the agent's for a moment.
 */
export async function unpack(unpacking: Unpacking): Promise<Result<void>> {
  const { archive, directory } = unpacking;
  const name = archive.slice(archive.lastIndexOf("/") + 1);
  const isTar = TAR_ENDINGS.some((ending) => name.endsWith(ending));
  if (!isTar && !name.endsWith(".zip")) {
    return gunzip(unpacking, `${directory}/${name.slice(0, -".gz".length)}`);
  }
  const stage = await mkdtemp(`${directory}/.unpacking-`);
  try {
    // GNU tar and bsdtar find out the compression, drop leading "/" and refuse "..". Without
    // --no-same-permissions they restore setuid bits for root; unzip never does.
    const words = isTar
      ? ["tar", "--no-same-owner", "--no-same-permissions", "-C", stage, "-xf", archive]
      : ["unzip", "-o", "-q", archive, "-d", stage];
    const unpacked = await run(unpacking, words, "ignore");
    if (unpacked.ok) await moveContent(stage, directory);
    return unpacked;
  } finally {
    await rm(stage, { recursive: true, force: true });
  }
}

/** Moves the content of one directory into another, where it replaces what is in its place. */
async function moveContent(from: string, to: string): Promise<void> {
  await chmod(from, OWNER_ALL);
  for (const name of await readdir(from)) await move(`${from}/${name}`, `${to}/${name}`);
}

/** Directories are joined; a link is replaced, not followed. */
async function move(from: string, to: string): Promise<void> {
  const source = await lstat(from);
  if (!source.isDirectory()) return rename(from, to);
  const there = await lstat(to).catch(() => undefined);
  if (there?.isDirectory()) {
    await chmod(to, OWNER_ALL);
    await moveContent(from, to);
  } else {
    if (there !== undefined) await rm(to);
    // Who is not root must be able to write to a directory that gets another parent.
    await chmod(from, OWNER_ALL);
    await rename(from, to);
  }
  await chmod(to, source.mode & 0o777);
}

async function gunzip(unpacking: Unpacking, target: string): Promise<Result<void>> {
  const { O_CREAT, O_NOFOLLOW, O_TRUNC, O_WRONLY } = constants;
  let file: number;
  try {
    file = openSync(target, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0o644);
  } catch (error) {
    return fail(`cannot write ${target}: ${error instanceof Error ? error.message : String(error)}`);
  }
  try {
    return await run(unpacking, ["gzip", "-d", "-c", unpacking.archive], file);
  } finally {
    closeSync(file);
  }
}

async function run(
  { foreign, signal }: Unpacking,
  [program = "", ...words]: readonly string[],
  stdout: number | "ignore",
): Promise<Result<void>> {
  const path = Bun.which(program, { PATH: TOOL_PATH });
  if (path === null) return fail(`${program} is not installed on the agent's machine`);
  const weaker = foreign ? withoutCapabilities() : ok([]);
  if (!weaker.ok) return weaker;
  const env = { PATH: TOOL_PATH, LC_ALL: "C" };
  const argv = [...weaker.value, path, ...words];
  const child = Bun.spawn(argv, { stdio: ["ignore", stdout, "pipe"], env, signal });
  const complaint = await beginning(child.stderr);
  const code = await child.exited;
  if (code === 0) return ok(undefined);
  return fail(complaint === "" ? `${program} ended with status ${code}` : `${program}: ${complaint}`);
}

/** Words before a command line that make root an owner of files and nothing more (capabilities(7)). */
function withoutCapabilities(): Result<readonly string[]> {
  const setpriv = Bun.which("setpriv", { PATH: TOOL_PATH });
  if (setpriv === null) return fail("setpriv (util-linux) is not installed on the agent's machine");
  return ok([setpriv, "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"]);
}

/** The first COMPLAINT_MAX_CHARS; the rest is read and dropped, an archive decides how much there is. */
async function beginning(stream: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let out = "";
  for await (const chunk of stream) {
    if (out.length < COMPLAINT_MAX_CHARS) out += decoder.decode(chunk, { stream: true });
  }
  return out.trim().slice(0, COMPLAINT_MAX_CHARS);
}
