import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createFetcher } from "../../src/io/fetcher.ts";
import type { FetchUri } from "../../src/isolation/container.ts";

const never = new AbortController().signal;
let root: string;
let sandbox: string;
/** What `/served.tar` answers. */
let served = "";
let server: ReturnType<typeof Bun.serve>;

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "mesh-fetch-"));
  server = Bun.serve({ port: 0, hostname: "127.0.0.1", idleTimeout: 0, fetch: answer });
});
afterAll(async () => {
  await server.stop(true);
  rmSync(root, { recursive: true });
});
beforeEach(() => {
  sandbox = mkdtempSync(join(root, "sandbox-"));
});

function answer(request: Request): Response {
  const { pathname } = new URL(request.url);
  switch (pathname) {
    case "/hello.txt":
      return new Response("hello");
    case "/moved":
      return new Response(null, { status: 302, headers: { Location: "/hello.txt" } });
    case "/stalls":
      return new Response(new ReadableStream({ start: (stream) => stream.enqueue(new Uint8Array(10)) }));
    case "/served.tar":
      return new Response(Bun.file(served));
    case "/large":
      return new Response(new ReadableStream({ pull: (stream) => stream.enqueue(new Uint8Array(1_000)) }));
    default:
      return new Response("nothing here", { status: 404 });
  }
}

const uri = (value: string, more: Partial<FetchUri> = {}): FetchUri => ({
  value,
  executable: false,
  extract: true,
  ...more,
});
const url = (path: string): string => `http://127.0.0.1:${server.port}${path}`;
const read = (name: string): string => readFileSync(join(sandbox, name), "utf8");

async function fetchAll(...uris: FetchUri[]): Promise<string | undefined> {
  const result = await createFetcher({ maxBytes: 100_000, stallTimeoutMs: 200 })(
    uris,
    sandbox,
    undefined,
    never,
  );
  return result.ok ? undefined : result.error;
}

/** A directory with one file, packed by the system's own programs. */
function pack(name: string, ...command: string[]): string {
  const directory = mkdtempSync(join(root, "pack-"));
  writeFileSync(join(directory, "inner.txt"), `inside ${name}`);
  const made = Bun.spawnSync(command, { cwd: directory });
  expect(made.exitCode).toBe(0);
  return join(directory, name);
}

describe("sources", () => {
  test("an absolute path and a file URI are copied", async () => {
    const source = join(root, "plain.conf");
    writeFileSync(source, "a=1");
    expect(
      await fetchAll(uri(source), uri(`file://${source}`, { outputFile: "deep/er/b.conf" })),
    ).toBeUndefined();
    expect(read("plain.conf")).toBe("a=1");
    expect(read("deep/er/b.conf")).toBe("a=1");
  });

  test("http is streamed to disk, redirects are followed", async () => {
    expect(
      await fetchAll(uri(url("/hello.txt")), uri(url("/moved"), { outputFile: "there" })),
    ).toBeUndefined();
    expect(read("hello.txt")).toBe("hello");
    expect(read("there")).toBe("hello");
  });

  test("an executable file gets its bits and is not unpacked", async () => {
    const archive = pack("tool.tar", "tar", "-cf", "tool.tar", "inner.txt");
    chmodSync(archive, 0o600);
    expect(await fetchAll(uri(archive, { executable: true }))).toBeUndefined();
    expect(statSync(join(sandbox, "tool.tar")).mode & 0o777).toBe(0o755);
    expect(existsSync(join(sandbox, "inner.txt"))).toBe(false);
  });
});

describe.skipIf(process.getuid?.() !== 0)("with a user to run as (needs root)", () => {
  const nobody = { uid: 65534, gid: 65534 };
  const fetchAs = (path: string) => createFetcher()([uri(path)], sandbox, nobody, never);

  test("files that the user may read are copied", async () => {
    expect(await fetchAs("/etc/hostname")).toEqual({ ok: true, value: undefined });
    expect(read("hostname")).toBe(readFileSync("/etc/hostname", "utf8"));
  });

  test("files that only root may read are refused", async () => {
    const secret = join(root, "secret");
    writeFileSync(secret, "root only", { mode: 0o600 });
    expect(await fetchAs(secret)).toEqual({ ok: false, error: expect.stringContaining("Permission denied") });
    expect(existsSync(join(sandbox, "secret"))).toBe(false);
  });

  test("no setuid program comes out of an archive", async () => {
    const directory = mkdtempSync(join(root, "pack-"));
    writeFileSync(join(directory, "suid"), "");
    chmodSync(join(directory, "suid"), 0o4755);
    expect(Bun.spawnSync(["tar", "-cf", "s.tar", "suid"], { cwd: directory }).exitCode).toBe(0);
    served = join(directory, "s.tar");
    expect(await fetchAs(url("/served.tar"))).toEqual({ ok: true, value: undefined });
    expect(statSync(join(sandbox, "suid")).mode & 0o7777).toBe(0o755);
  });

  test("no device comes out of an archive", async () => {
    served = join(root, "device.tar");
    writeFileSync(served, deviceArchive());
    expect(await fetchAs(url("/served.tar"))).toEqual({
      ok: false,
      error: expect.stringContaining("Cannot mknod"),
    });
    expect(existsSync(join(sandbox, "zero"))).toBe(false);
  });
});

/** One character device "zero", 1:5, mode 0666 (tar(5), "POSIX ustar Archives"). */
function deviceArchive(): Buffer {
  const archive = Buffer.alloc(1024 * 10);
  const fields: [number, string][] = [
    [0, "zero"],
    [100, "0000666\0"],
    [108, "0000000\0"],
    [116, "0000000\0"],
    [124, "00000000000\0"],
    [136, "00000000000\0"],
    [148, "        "],
    [156, "3"],
    [257, "ustar\x0000"],
    [329, "0000001\0"],
    [337, "0000005\0"],
  ];
  for (const [offset, text] of fields) archive.write(text, offset, "latin1");
  const sum = archive.subarray(0, 512).reduce((total, byte) => total + byte, 0);
  archive.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return archive;
}

describe("archives", () => {
  const commands: Record<string, string[]> = {
    "a.tar": ["tar", "-cf", "a.tar", "inner.txt"],
    "a.tar.gz": ["tar", "-czf", "a.tar.gz", "inner.txt"],
    "a.tgz": ["tar", "-czf", "a.tgz", "inner.txt"],
    "a.tar.bz2": ["tar", "-cjf", "a.tar.bz2", "inner.txt"],
    "a.tbz2": ["tar", "-cjf", "a.tbz2", "inner.txt"],
    "a.tar.xz": ["tar", "-cJf", "a.tar.xz", "inner.txt"],
    "a.txz": ["tar", "-cJf", "a.txz", "inner.txt"],
    "inner.txt.gz": ["gzip", "-k", "inner.txt"],
  };
  for (const [name, command] of Object.entries(commands)) {
    test(`${name} is unpacked, unless extract is off`, async () => {
      const archive = pack(name, ...command);
      expect(await fetchAll(uri(archive, { extract: false }))).toBeUndefined();
      expect(existsSync(join(sandbox, "inner.txt"))).toBe(false);
      expect(await fetchAll(uri(archive))).toBeUndefined();
      expect(read("inner.txt")).toBe(`inside ${name}`);
    });
  }

  test("a zip is unpacked", async () => {
    // One stored file "inner.txt" with the content "zipped".
    const zip =
      "UEsDBBQAAAAAAAAAIQBXaMLiBgAAAAYAAAAJAAAAaW5uZXIudHh0emlwcGVkUEsBAhQDFAAAAAAAAAAhAFdowuIGAAAABgAAAAkAAAAAAAAAAAAAAIABAAAAAGlubmVyLnR4dFBLBQYAAAAAAQABADcAAAAtAAAAAAA=";
    const archive = join(root, "a.zip");
    writeFileSync(archive, Buffer.from(zip, "base64"));
    expect(await fetchAll(uri(archive))).toBeUndefined();
    expect(read("inner.txt")).toBe("zipped");
  });

  test("archives are joined, later ones replace files", async () => {
    const [first, second] = [mkdtempSync(join(root, "pack-")), mkdtempSync(join(root, "pack-"))];
    for (const [directory, own] of [
      [first, "one"],
      [second, "two"],
    ] as const) {
      mkdirSync(join(directory, "lib/closed"), { recursive: true });
      writeFileSync(join(directory, "lib/closed", own), own);
      writeFileSync(join(directory, "lib/same"), own);
      chmodSync(join(directory, "lib/closed"), 0o555);
      expect(Bun.spawnSync(["tar", "-cf", `${own}.tar`, "lib"], { cwd: directory }).exitCode).toBe(0);
    }
    expect(await fetchAll(uri(join(first, "one.tar")), uri(join(second, "two.tar")))).toBeUndefined();
    expect([read("lib/closed/one"), read("lib/closed/two"), read("lib/same")]).toEqual(["one", "two", "two"]);
    expect(statSync(join(sandbox, "lib/closed")).mode & 0o777).toBe(0o555);
    expect(readdirSync(sandbox).sort()).toEqual(["lib", "one.tar", "two.tar"]);
  });

  test("a damaged archive is an error that quotes the program", async () => {
    const archive = join(root, "bad.tgz");
    writeFileSync(archive, "no archive");
    expect(await fetchAll(uri(archive))).toMatch(/^Failed to fetch ".*bad\.tgz": tar: /);
  });
});

describe("errors name the URI and what failed", () => {
  test("http status", async () => {
    expect(await fetchAll(uri(url("/none")))).toContain('/none": the server answered 404 Not Found');
    expect(existsSync(join(sandbox, "none"))).toBe(false);
  });

  test("nobody listens", async () => {
    expect(await fetchAll(uri("http://127.0.0.1:1/x"))).toStartWith(
      'Failed to fetch "http://127.0.0.1:1/x": ',
    );
  });

  test("a server that stops sending", async () => {
    expect(await fetchAll(uri(url("/stalls")))).toContain("no data for 200 ms");
  });

  test("too large", async () => {
    expect(await fetchAll(uri(url("/large")))).toContain("larger than 100000 bytes");
    expect(existsSync(join(sandbox, "large"))).toBe(false);
  });

  test("cancelled", async () => {
    const cancel = new AbortController();
    const fetching = createFetcher()([uri(url("/stalls"))], sandbox, undefined, cancel.signal);
    cancel.abort();
    expect(await fetching).toEqual({ ok: false, error: expect.stringContaining("cancelled") });
  });

  test.each([
    ["/no/such/file", "no such file"],
    ["/", "no file name"],
    ["hdfs://host/x", 'the scheme "hdfs" is not supported'],
    ["relative/path", "neither an absolute path"],
    ["http://host", "no file name"],
  ])("%s", async (value, message) => {
    expect(await fetchAll(uri(value))).toContain(message);
  });
});

describe("nothing is written outside of the sandbox", () => {
  test.each(["../x", "/etc/x", "a/../../x", "a//b", "."])("output_file %s", async (outputFile) => {
    expect(await fetchAll(uri(url("/hello.txt"), { outputFile }))).toContain("must be a plain path");
  });

  test("through a linked directory", async () => {
    const outside = join(root, "outside");
    mkdirSync(outside, { recursive: true });
    symlinkSync(outside, join(sandbox, "link"));
    expect(await fetchAll(uri(url("/hello.txt"), { outputFile: "link/x" }))).toContain(
      "outside of the sandbox",
    );
    expect(existsSync(join(outside, "x"))).toBe(false);
  });

  test("through a link that an earlier archive brought", async () => {
    const outside = mkdtempSync(join(root, "outside-"));
    const directory = mkdtempSync(join(root, "pack-"));
    symlinkSync(outside, join(directory, "x"));
    expect(Bun.spawnSync(["tar", "-cf", "one.tar", "x"], { cwd: directory }).exitCode).toBe(0);
    rmSync(join(directory, "x"));
    mkdirSync(join(directory, "x"));
    writeFileSync(join(directory, "x/evil"), "evil");
    expect(Bun.spawnSync(["tar", "-cf", "two.tar", "x/evil"], { cwd: directory }).exitCode).toBe(0);
    expect(await fetchAll(uri(join(directory, "one.tar")), uri(join(directory, "two.tar")))).toBeUndefined();
    expect(existsSync(join(outside, "evil"))).toBe(false);
    expect(read("x/evil")).toBe("evil");
  });

  test("through a linked file", async () => {
    const victim = join(root, "victim");
    writeFileSync(victim, "untouched");
    symlinkSync(victim, join(sandbox, "hello.txt"));
    expect(await fetchAll(uri(url("/hello.txt")))).toBeUndefined();
    expect(readFileSync(victim, "utf8")).toBe("untouched");
    expect(read("hello.txt")).toBe("hello");
  });
});
