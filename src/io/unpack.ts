import { closeSync, constants, openSync } from "node:fs";
import { fail, ok, type Result } from "../base/result.ts";

/** Where the unpacking programs are looked for; the agent's own PATH may be anything. */
const TOOL_PATH = "/usr/local/bin:/usr/bin:/bin";
const TAR_ENDINGS = [".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz"];
/** What is quoted of a program's complaint. */
const COMPLAINT_MAX_CHARS = 1_000;

/** True for the endings that Mesos' fetcher unpacks (src/launcher/fetcher.cpp `extract`). */
export function isArchive(name: string): boolean {
  return [...TAR_ENDINGS, ".zip", ".gz"].some((ending) => name.endsWith(ending));
}

/** Unpacks an archive into a directory by the system's tar, unzip or gzip. The archive stays. */
export async function unpack(archive: string, directory: string, signal: AbortSignal): Promise<Result<void>> {
  const name = archive.slice(archive.lastIndexOf("/") + 1);
  if (TAR_ENDINGS.some((ending) => name.endsWith(ending))) {
    // GNU tar and bsdtar find out the compression, drop leading "/" and refuse "..".
    return run(["tar", "--no-same-owner", "-C", directory, "-xf", archive], "ignore", signal);
  }
  if (name.endsWith(".zip")) return run(["unzip", "-o", "-q", archive, "-d", directory], "ignore", signal);
  return gunzip(archive, `${directory}/${name.slice(0, -".gz".length)}`, signal);
}

async function gunzip(archive: string, target: string, signal: AbortSignal): Promise<Result<void>> {
  const { O_CREAT, O_NOFOLLOW, O_TRUNC, O_WRONLY } = constants;
  let file: number;
  try {
    file = openSync(target, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0o644);
  } catch (error) {
    return fail(`cannot write ${target}: ${error instanceof Error ? error.message : String(error)}`);
  }
  try {
    return await run(["gzip", "-d", "-c", archive], file, signal);
  } finally {
    closeSync(file);
  }
}

async function run(
  [program = "", ...words]: readonly string[],
  stdout: number | "ignore",
  signal: AbortSignal,
): Promise<Result<void>> {
  const path = Bun.which(program, { PATH: TOOL_PATH });
  if (path === null) return fail(`${program} is not installed on the agent's machine`);
  const env = { PATH: TOOL_PATH, LC_ALL: "C" };
  const child = Bun.spawn([path, ...words], { stdio: ["ignore", stdout, "pipe"], env, signal });
  const complaint = (await new Response(child.stderr).text()).trim().slice(0, COMPLAINT_MAX_CHARS);
  const code = await child.exited;
  if (code === 0) return ok(undefined);
  return fail(complaint === "" ? `${program} ended with status ${code}` : `${program}: ${complaint}`);
}
