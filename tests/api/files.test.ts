/** /files: what is served, byte for byte, and what stays out of reach. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chown, link, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Handler } from "../../src/api/context.ts";
import { agentApi } from "../../src/api/routes.ts";
import { FILE_READ_MAX_BYTES } from "../../src/base/limits.ts";
import type { MasterResponse } from "../../src/model/v1/master-responses.ts";
import { agentContext } from "../support/api-context.ts";
import { MemoryAgentPort } from "../support/memory-agent-port.ts";

let root = "";
let api: Handler;
const BINARY = new Uint8Array(256).map((_, i) => i);

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "mesh-files-"));
  const sandbox = join(root, "sandbox");
  await mkdir(join(sandbox, "sub"), { recursive: true });
  await writeFile(join(root, "secret"), "secret");
  await writeFile(join(sandbox, "stdout"), "hello\n");
  await writeFile(join(sandbox, "binary"), BINARY);
  await writeFile(join(sandbox, "large.txt"), "l".repeat(3 * FILE_READ_MAX_BYTES + 5));
  await symlink(join(root, "secret"), join(sandbox, "leak"));
  await symlink("..", join(sandbox, "up"));
  await symlink("stdout", join(sandbox, "inner"));
  await mkdir(join(root, "sandbox-other"));
  await writeFile(join(root, "sandbox-other", "x"), "x");
  await symlink("../sandbox-other", join(sandbox, "sibling"));
  Bun.spawnSync(["mkfifo", join(sandbox, "pipe")]);
  api = agentApi(agentContext(new MemoryAgentPort(sandbox)));
});

afterAll(() => rm(root, { recursive: true }));

const ask = async (endpoint: string, query: Record<string, string>): Promise<Response> =>
  api(new Request(`http://127.0.0.1:5051/files/${endpoint}?${new URLSearchParams(query)}`));

const call = async (body: unknown): Promise<Response> => {
  const headers = { "Content-Type": "application/json" };
  return api(
    new Request("http://127.0.0.1:5051/api/v1", { method: "POST", headers, body: JSON.stringify(body) }),
  );
};

interface Entry {
  readonly path: string;
  readonly size: number;
  readonly mode: string;
}

const json = async (answer: Response): Promise<Record<string, unknown>> =>
  (await answer.json()) as Record<string, unknown>;

describe("/files/read", () => {
  test("parts of a file", async () => {
    const path = "/sandbox/stdout";
    const read = async (query: Record<string, string>) => (await ask("read", { path, ...query })).json();
    expect(await read({ offset: "0" })).toEqual({ data: "hello\n", offset: 0 });
    expect(await read({ offset: "1", length: "3" })).toEqual({ data: "ell", offset: 1 });
    expect(await read({ offset: "1", length: "-1" })).toEqual({ data: "ello\n", offset: 1 });
    expect(await read({ offset: "100" })).toEqual({ data: "", offset: 100 });
    expect(await read({})).toEqual({ data: "", offset: 6 });
    expect(await read({ offset: "-1" })).toEqual({ data: "", offset: 6 });
  });

  test("at most 16 pages", async () => {
    const answer = await json(await ask("read", { path: "/sandbox/large.txt", offset: "1" }));
    expect(answer["data"]).toHaveLength(FILE_READ_MAX_BYTES);
  });

  test("binary data comes back byte for byte", async () => {
    const bytes = await (await ask("read", { path: "/sandbox/binary", offset: "0" })).bytes();
    // Read as latin1, each byte is one character, and the JSON around it is plain ASCII.
    const parsed = JSON.parse(Buffer.from(bytes).toString("latin1"));
    expect(Buffer.from(parsed.data, "latin1")).toEqual(Buffer.from(BINARY));
  });

  test("refusals", async () => {
    const refused: readonly (readonly [Record<string, string>, number])[] = [
      [{}, 400],
      [{ path: "/sandbox/stdout", offset: "x" }, 400],
      [{ path: "/sandbox/stdout", offset: "-2" }, 400],
      [{ path: "/sandbox/stdout", length: "-5" }, 400],
      [{ path: "/sandbox" }, 400],
      [{ path: "/sandbox/sub" }, 400],
      [{ path: "/sandbox/pipe" }, 400],
      [{ path: "/sandbox/none" }, 404],
      [{ path: "/sandbox/stdout/below" }, 404],
      [{ path: "/elsewhere/x" }, 404],
      [{ path: "/sandboxes" }, 404],
    ];
    for (const [query, status] of refused) expect((await ask("read", query)).status).toBe(status);
  });
});

describe("nothing outside the root", () => {
  const OUTSIDE = [
    "/sandbox/../secret",
    "/sandbox/sub/../../secret",
    "/sandbox/leak",
    "/sandbox/up/secret",
    "/sandbox/sibling/x",
    "/sandbox/up",
    "/sandbox/stdout\0",
  ];
  for (const path of OUTSIDE) {
    test(JSON.stringify(path), async () => {
      for (const endpoint of ["read", "download", "browse"]) {
        const answer = await ask(endpoint, { path, offset: "0" });
        expect([400, 404]).toContain(answer.status);
        expect(await answer.text()).not.toContain('"secret"');
      }
    });
  }

  // open(2) of a socket fails with an error of its own, so the answer would tell of an attempt.
  test("a pipe in the sandbox is not even opened: its writer would go on", async () => {
    const script = 'exec 3>"$0"; echo opened';
    const writer = Bun.spawn(["sh", "-c", script, join(root, "sandbox/pipe")], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    for (const endpoint of ["read", "download"]) {
      const answer = await ask(endpoint, { path: "/sandbox/pipe", offset: "0" });
      expect([answer.status, await answer.text()]).toEqual([400, expect.stringContaining("it is no file")]);
    }
    writer.kill("SIGKILL");
    expect(await new Response(writer.stdout).text()).toBe("");
  });

  test("another name of somebody else's file stays out of reach, one of the task's own does not", async () => {
    // Files of others can be made by root alone.
    if (process.getuid?.() !== 0) return;
    const sandbox = join(root, "sandbox");
    try {
      await chown(sandbox, 65_534, 65_534);
      await link(join(root, "secret"), join(sandbox, "name-of-secret"));
      await writeFile(join(sandbox, "own"), "own");
      await chown(join(sandbox, "own"), 65_534, 65_534);
      await link(join(sandbox, "own"), join(sandbox, "name-of-own"));
      expect((await ask("read", { path: "/sandbox/name-of-secret", offset: "0" })).status).toBe(404);
      expect((await ask("download", { path: "/sandbox/name-of-secret" })).status).toBe(404);
      expect(await json(await ask("read", { path: "/sandbox/name-of-own", offset: "0" }))).toMatchObject({
        data: "own",
      });
    } finally {
      await chown(sandbox, 0, 0);
      for (const name of ["name-of-secret", "own", "name-of-own"])
        await rm(join(sandbox, name), { force: true });
    }
  });

  for (const [what, make, path] of [
    ["a file", ["cp stdout race.new", "ln -s ../secret race.new"], "race"],
    ["a directory", ["mkdir race.new; echo inside >race.new/secret", "ln -s .. race.new"], "race/secret"],
  ] as const) {
    test(`${what} that is swapped for a link between any two steps never leads outside`, async () => {
      const sandbox = join(root, "sandbox");
      const swap = make.map((one) => `${one}; rm -rf race; mv -T race.new race`).join("; ");
      const swapper = Bun.spawn(["sh", "-c", `cd "$0"; while :; do ${swap}; done`, sandbox], {
        stdio: ["ignore", "ignore", "ignore"],
        detached: true,
      });
      const seen = new Map<string, number>();
      try {
        const over = performance.now() + 20_000;
        for (let round = 0; round < 1_500 || (seen.size < 2 && performance.now() < over); round++) {
          const answer = await ask("read", { path: `/sandbox/${path}`, offset: "0" });
          const text = await answer.text();
          expect(text).not.toContain('"secret"');
          expect([200, 400, 404]).toContain(answer.status);
          seen.set(`${answer.status}`, (seen.get(`${answer.status}`) ?? 0) + 1);
        }
      } finally {
        await endGroup(swapper.pid);
        await rm(join(sandbox, "race"), { recursive: true, force: true });
        await rm(join(sandbox, "race.new"), { recursive: true, force: true });
      }
      // Both sides were met.
      expect([...seen.keys()].sort()).toEqual(expect.arrayContaining(["200", "404"]));
    }, 30_000);
  }

  test("what lies outside is not even opened", async () => {
    const path = join(root, "socket");
    const listener = Bun.listen({ unix: path, socket: { data() {} } });
    await symlink(path, join(root, "sandbox", "socket"));
    for (const endpoint of ["read", "download", "browse"]) {
      expect((await ask(endpoint, { path: "/sandbox/socket", offset: "0" })).status).toBe(404);
    }
    listener.stop(true);
    await rm(join(root, "sandbox", "socket"));
  });

  test("a file of any name can be had: its bytes stand in the header as RFC 6266 has them", async () => {
    for (const [name, ascii, extended] of [
      ["日本.txt", "__.txt", "%E6%97%A5%E6%9C%AC.txt"],
      ["it's 1*\u0001.txt", "it's 1*_.txt", "it%27s%201%2A%01.txt"],
    ] as const) {
      await writeFile(join(root, "sandbox", name), "hello\n");
      const answer = await ask("download", { path: `/sandbox/${name}` });
      await rm(join(root, "sandbox", name));
      expect([answer.status, await answer.text()]).toEqual([200, "hello\n"]);
      expect(answer.headers.get("Content-Disposition")).toBe(
        `attachment; filename="${ascii}"; filename*=UTF-8''${extended}`,
      );
    }
    const plain = await ask("download", { path: "/sandbox/large.txt" });
    expect(plain.headers.get("Content-Disposition")).toBe('attachment; filename="large.txt"');
    await plain.body?.cancel();
  });

  test("links inside the root work", async () => {
    expect(await (await ask("read", { path: "/sandbox/inner", offset: "0" })).json()).toEqual({
      data: "hello\n",
      offset: 0,
    });
  });
});

/** Also the program that the shell is waiting for: it could make a file after the test. */
async function endGroup(pid: number): Promise<void> {
  process.kill(-pid, "SIGKILL");
  for (;;) {
    try {
      process.kill(-pid, 0);
    } catch {
      return;
    }
    await Bun.sleep(1);
  }
}

describe("/files/browse, /files/download, /files/debug", () => {
  test("a listing", async () => {
    const entries = (await (await ask("browse", { path: "/sandbox" })).json()) as Entry[];
    expect(entries.map((entry) => entry.path)).toEqual(
      ["binary", "inner", "large.txt", "leak", "pipe", "sibling", "stdout", "sub", "up"].map(
        (name) => `/sandbox/${name}`,
      ),
    );
    const entryOf = (path: string): Entry | undefined => entries.find((entry) => entry.path === path);
    const stdout = entryOf("/sandbox/stdout");
    expect(Object.keys(stdout ?? {}).sort()).toEqual([
      "gid",
      "mode",
      "mtime",
      "nlink",
      "path",
      "size",
      "uid",
    ]);
    expect(stdout?.size).toBe(6);
    expect(stdout?.mode).toMatch(/^-rw-/);
    expect(entryOf("/sandbox/sub")?.mode).toMatch(/^d/);
    expect(await (await ask("browse", { path: "/sandbox/stdout" })).json()).toEqual([]);
    expect((await ask("browse", { path: "/sandbox/none" })).status).toBe(404);
    expect((await ask("browse", {})).status).toBe(400);
  });

  test("a download", async () => {
    const answer = await ask("download", { path: "/sandbox/large.txt" });
    expect(answer.headers.get("Content-Disposition")).toBe('attachment; filename="large.txt"');
    expect(await answer.text()).toHaveLength(3 * FILE_READ_MAX_BYTES + 5);
    expect(Buffer.from(await (await ask("download", { path: "/sandbox/binary" })).bytes())).toEqual(
      Buffer.from(BINARY),
    );
    expect((await ask("download", { path: "/sandbox/sub" })).status).toBe(400);
  });

  test("what is attached", async () => {
    expect(await (await ask("debug", {})).json()).toEqual({ "/sandbox": join(root, "sandbox") });
  });
});

describe("v1", () => {
  test("LIST_FILES and READ_FILE", async () => {
    const listed = await call({ type: "LIST_FILES", list_files: { path: "/sandbox" } });
    const { list_files } = (await listed.json()) as MasterResponse;
    const info = list_files?.file_infos?.find((entry) => entry.path === "/sandbox/stdout");
    expect(info?.size).toBe(6);
    expect(info?.mtime?.nanoseconds).toBeGreaterThan(1e18);
    const body = { path: "/sandbox/stdout", offset: 1, length: 4 };
    expect(await (await call({ type: "READ_FILE", read_file: body })).json()).toEqual({
      type: "READ_FILE",
      read_file: { size: 6, data: Buffer.from("ello").toString("base64") },
    });
    const missing = await call({ type: "READ_FILE", read_file: { ...body, path: "/sandbox/none" } });
    expect(missing.status).toBe(404);
  });
});
