/**
 * One layer from its archive into a directory. The system's tar writes the
 * files, with owners, modes and attributes where this is root; what it is given
 * passes by here, so that the content is checked against its digest and names
 * that lead out are refused.
 *
 * GNU tar keeps links from leading its own writing out of the directory: those
 * that could are made last. Attributes in the name space of overlayfs are the
 * store's alone and never come from an archive.
 */
import { createHash } from "node:crypto";
import { open } from "node:fs/promises";
import { IMAGE_LAYER_UNPACKED_MAX_BYTES } from "../base/limits.ts";
import { fail, ok, type Result } from "../base/result.ts";
import { textOf } from "./image-registry.ts";
import { TarScan, type Whiteouts } from "./tar-scan.ts";

const TOOL_PATH = "/usr/bin:/bin:/usr/local/bin";
const COMPLAINT_MAX_CHARS = 1_000;

/** Programs that unpack, by the first bytes of what they unpack. */
const COMPRESSIONS: readonly (readonly [magic: readonly number[], program: string])[] = [
  [[0x1f, 0x8b], "gzip"],
  [[0x28, 0xb5, 0x2f, 0xfd], "zstd"],
];

/**
 * @param diffId digest of the archive once it is not compressed any more
 * @param directory empty; nobody but the agent can get there
 */
export async function unpackLayer(
  archive: string,
  diffId: string,
  directory: string,
  signal: AbortSignal,
): Promise<Result<Whiteouts>> {
  const tar = tarWords(directory);
  if (!tar.ok) return tar;
  const source = await openLayer(archive, signal);
  if (!source.ok) return source;
  const child = Bun.spawn([...tar.value], {
    stdio: ["pipe", "ignore", "pipe"],
    env: { PATH: TOOL_PATH, LC_ALL: "C" },
    signal,
  });
  const complaint = beginning(child.stderr);
  const passed = await pass(source.value, child.stdin, diffId);
  const status = await child.exited;
  const said = await complaint;
  if (signal.aborted) return fail("cancelled");
  if (!passed.ok && passed.error !== BROKEN_PIPE) return passed;
  if (status !== 0) return fail(`tar: ${said === "" ? `ended with status ${status}` : said}`);
  return passed;
}

const BROKEN_PIPE = "tar ended too early";

/** Everything through the scan and the hash into tar. */
async function pass(source: LayerStream, sink: Bun.FileSink, diffId: string): Promise<Result<Whiteouts>> {
  const scan = new TarScan();
  const hash = createHash("sha256");
  const fed = await feed(source, sink, (chunk) => {
    hash.update(chunk);
    scan.push(chunk);
    return scan.problem;
  });
  await Promise.resolve(sink.end()).catch(() => {});
  const complaint = await source.finish();
  if (fed !== undefined) return fail(fed);
  const digest = `sha256:${hash.digest("hex")}`;
  if (digest !== diffId) return fail(complaint ?? `its content has the digest ${digest}, and not ${diffId}`);
  return scan.complete ? ok(scan.whiteouts) : fail("it ends in the middle of an entry");
}

/** What went wrong, or nothing. */
async function feed(
  { stream }: LayerStream,
  sink: Bun.FileSink,
  look: (chunk: Uint8Array) => string | undefined,
): Promise<string | undefined> {
  let bytes = 0;
  try {
    for await (const chunk of stream) {
      bytes += chunk.length;
      if (bytes > IMAGE_LAYER_UNPACKED_MAX_BYTES) {
        return `it unpacks to more than ${IMAGE_LAYER_UNPACKED_MAX_BYTES} bytes`;
      }
      const problem = look(chunk);
      if (problem !== undefined) return problem;
      sink.write(chunk);
      await sink.flush();
    }
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPIPE" ? BROKEN_PIPE : textOf(error);
  }
}

interface LayerStream {
  readonly stream: AsyncIterable<Uint8Array>;
  /** Nothing more is read: ends the program that unpacks, if there is one; what it complained about. */
  finish(): Promise<string | undefined>;
}

async function openLayer(archive: string, signal: AbortSignal): Promise<Result<LayerStream>> {
  const begin = await firstBytes(archive);
  const found = COMPRESSIONS.find(([magic]) => magic.every((byte, at) => begin[at] === byte));
  if (found === undefined) {
    return ok({ stream: Bun.file(archive).stream(), finish: async () => undefined });
  }
  const [, program] = found;
  const path = Bun.which(program, { PATH: TOOL_PATH });
  if (path === null) return fail(`${program} is not installed on the agent's machine`);
  const child = Bun.spawn([path, "-d", "-c"], {
    stdio: [Bun.file(archive), "pipe", "pipe"],
    env: { PATH: TOOL_PATH, LC_ALL: "C" },
    signal,
  });
  const complaint = beginning(child.stderr);
  const finish = async (): Promise<string | undefined> => {
    // Whoever stopped reading closed the pipe: it ends.
    const status = await child.exited;
    const said = await complaint;
    return status === 0 ? undefined : `${program}: ${said || `ended with status ${status}`}`;
  };
  return ok({ stream: child.stdout, finish });
}

async function firstBytes(path: string): Promise<Uint8Array> {
  const file = await open(path, "r");
  try {
    const bytes = new Uint8Array(4);
    await file.read(bytes, 0, bytes.length, 0);
    return bytes;
  } finally {
    await file.close();
  }
}

function tarWords(directory: string): Result<readonly string[]> {
  const tar = Bun.which("tar", { PATH: TOOL_PATH });
  if (tar === null) return fail("tar is not installed on the agent's machine");
  const asRoot = [
    "--same-owner",
    "--xattrs",
    "--xattrs-include=user.*",
    "--xattrs-include=security.capability",
  ];
  return ok([
    ...[tar, "--extract", "--file=-", `--directory=${directory}`, "--numeric-owner", "--same-permissions"],
    // Whiteouts are no files, see TarScan.
    ...["--delay-directory-restore", "--exclude=.wh.*"],
    ...(process.getuid?.() === 0 ? asRoot : ["--no-same-owner"]),
  ]);
}

/** The rest is read and dropped. */
async function beginning(stream: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let out = "";
  for await (const chunk of stream) {
    if (out.length < COMPLAINT_MAX_CHARS) out += decoder.decode(chunk, { stream: true });
  }
  return out.trim().slice(0, COMPLAINT_MAX_CHARS);
}
