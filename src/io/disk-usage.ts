/**
 * How much of the disk directories take up, by du(1): one process for all of
 * them, at low priority, and nothing of the walk in the agent's own thread.
 */
import { setPriority } from "node:os";

/** Directories in one process where du cannot read a list. */
const BATCH = 200;
const LOWEST_PRIORITY = 19;
const BYTES_PER_KB = 1_024;

/** Measures directories; those that are gone, or cannot be read, are left out. */
export type MeasureDisk = (directories: readonly string[]) => Promise<ReadonlyMap<string, number>>;

/** Blocks in use, in bytes, without what is mounted below or linked to. Undefined where there is no du. */
export function findDiskUsage(): MeasureDisk | undefined {
  const du = Bun.which("du", { PATH: "/usr/bin:/bin" });
  if (du === null) return undefined;
  // GNU's takes a list of any length; others (busybox, macOS) only arguments.
  const takesLists =
    Bun.spawnSync([du, "--files0-from=-", "-0"], {
      stdin: new Uint8Array(0),
      stdout: "ignore",
      stderr: "ignore",
    }).exitCode === 0;
  return takesLists
    ? (directories) => measureList(du, directories)
    : (directories) => measureEach(du, directories);
}

async function measureList(du: string, directories: readonly string[]): Promise<ReadonlyMap<string, number>> {
  const words = ["--summarize", "--block-size=1", "--one-file-system", "--null", "--files0-from=-"];
  const text = await run([du, ...words], Buffer.from(directories.map((path) => `${path}\0`).join("")));
  return usageOf(text.split("\0"), 1);
}

async function measureEach(du: string, directories: readonly string[]): Promise<ReadonlyMap<string, number>> {
  const usage = new Map<string, number>();
  for (let at = 0; at < directories.length; at += BATCH) {
    const text = await run([du, "-s", "-k", "-x", ...directories.slice(at, at + BATCH)], undefined);
    for (const [path, bytes] of usageOf(text.split("\n"), BYTES_PER_KB)) usage.set(path, bytes);
  }
  return usage;
}

/** Lines of "number, tab, path". */
function usageOf(lines: readonly string[], unitBytes: number): Map<string, number> {
  const usage = new Map<string, number>();
  for (const line of lines) {
    const tab = line.indexOf("\t");
    if (tab > 0) usage.set(line.slice(tab + 1), Number(line.slice(0, tab)) * unitBytes);
  }
  return usage;
}

/** What it writes. Its status says only that some file vanished meanwhile. */
async function run(command: readonly string[], input: Uint8Array | undefined): Promise<string> {
  const child = Bun.spawn([...command], {
    stdio: [input ?? "ignore", "pipe", "ignore"],
    env: { LC_ALL: "C" },
  });
  try {
    setPriority(child.pid, LOWEST_PRIORITY);
  } catch {
    // It has ended already.
  }
  const text = await new Response(child.stdout).text();
  await child.exited;
  return text;
}
