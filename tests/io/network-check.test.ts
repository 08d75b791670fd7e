import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CHECK_ANSWER_HEAD_MAX_BYTES, CHECK_REDIRECTS_MAX } from "../../src/base/limits.ts";
import { checkNetwork } from "../../src/io/network-check.ts";
import type { NetworkProbe, Within } from "../../src/isolation/check.ts";

const never = new AbortController().signal;
const close: (() => unknown)[] = [];
afterAll(() => {
  for (const each of close) each();
});

function http(port: number, path = "/", scheme: "http" | "https" = "http"): NetworkProbe {
  return { kind: "http", scheme, protocol: "IPv4", port, path };
}

function tcp(port: number): NetworkProbe {
  return { kind: "tcp", protocol: "IPv4", port };
}

/** Answers by path; keeps what it was sent. */
function web(answers: Readonly<Record<string, () => Response>>, hostname = "127.0.0.1") {
  const asked: string[] = [];
  const server = Bun.serve({
    hostname,
    port: 0,
    fetch(request) {
      const { pathname, search } = new URL(request.url);
      asked.push(`${request.method} ${pathname}${search}`);
      return (answers[pathname] ?? (() => new Response("", { status: 404 })))();
    },
  });
  close.push(() => server.stop(true));
  return { port: server.port ?? 0, asked };
}

/** A server that speaks as the test has it. */
async function raw(talk: (socket: Socket) => void): Promise<number> {
  const server: Server = createServer((socket) => {
    socket.on("error", () => {});
    talk(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  close.push(() => server.close());
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

/** A port that nobody listens on. */
async function deadPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === "object" && address !== null ? address.port : 0;
}

describe("an HTTP check", () => {
  test.each([200, 204, 302, 399, 404, 503])("tells status %d", async (status) => {
    const body = status === 204 ? null : "x";
    const { port, asked } = web({ "/up": () => new Response(body, { status }) });
    expect(await checkNetwork(http(port, "/up?a=1"), "127.0.0.1", never)).toEqual({
      kind: "answered",
      status,
    });
    expect(asked).toEqual(["GET /up?a=1"]);
  });

  test("follows redirects, also to another server", async () => {
    const other = web({ "/there": () => new Response("", { status: 201 }) });
    const { port } = web({
      "/": () => new Response("", { status: 301, headers: { Location: "next" } }),
      "/next": () => Response.redirect(`http://127.0.0.1:${other.port}/there`, 307),
    });
    expect(await checkNetwork(http(port), "127.0.0.1", never)).toEqual({ kind: "answered", status: 201 });
  });

  test("looks up no names in the network of a task, and opens each socket in there", async () => {
    const { port } = web({
      "/": () => new Response("", { status: 301, headers: { Location: "/next" } }),
      "/next": () => Response.redirect("http://localhost:1/", 307),
    });
    let entered = 0;
    const within: Within = (open) => {
      entered++;
      return open();
    };
    const result = await checkNetwork(http(port), "127.0.0.1", never, within);
    expect(result).toMatchObject({ kind: "failed" });
    expect("reason" in result && result.reason).toContain("names are not looked up in the network of a task");
    expect(entered).toBe(2);
    const closed: Within = () => {
      throw new Error("the network is gone");
    };
    const gone = await checkNetwork(tcp(port), "127.0.0.1", never, closed);
    expect(gone).toEqual({ kind: "untried", reason: "the network is gone" });
  });

  test("does not go round for ever", async () => {
    const { port, asked } = web({ "/": () => new Response("", { status: 302, headers: { Location: "/" } }) });
    expect(await checkNetwork(http(port), "127.0.0.1", never)).toMatchObject({ kind: "failed" });
    expect(asked).toHaveLength(CHECK_REDIRECTS_MAX + 1);
  });

  test("does not wait for the body", async () => {
    const port = await raw((socket) => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"));
    expect(await checkNetwork(http(port), "127.0.0.1", never)).toEqual({ kind: "answered", status: 200 });
  });

  test("reads heads that come in pieces, after interim answers", async () => {
    const port = await raw((socket) => {
      const pieces = [
        "HTT",
        "P/1.1 103 Early Hints\r\nLink: x\r\n\r",
        "\nHTTP/1.0 500",
        " Oh no\r\n",
        "\r\n",
      ];
      const next = (): void => {
        const piece = pieces.shift();
        if (piece !== undefined) socket.write(piece, () => setImmediate(next));
      };
      next();
    });
    expect(await checkNetwork(http(port), "127.0.0.1", never)).toEqual({ kind: "answered", status: 500 });
  });

  test.each([
    ["closes without a word", (socket: Socket) => socket.end(), "the connection was closed"],
    ["speaks something else", (socket: Socket) => socket.end("220 smtp ready\r\n"), "not HTTP/1"],
    ["never ends its head", floodHead, `longer than ${CHECK_ANSWER_HEAD_MAX_BYTES} bytes`],
  ])("fails of a server that %s", async (_, talk, words) => {
    const result = await checkNetwork(http(await raw(talk)), "127.0.0.1", never);
    expect(result).toEqual({ kind: "failed", reason: expect.stringContaining(words) });
  });

  test("cannot be made to send more than a request line", async () => {
    const lines = Promise.withResolvers<string>();
    const port = await raw((socket) => socket.once("data", (bytes) => lines.resolve(bytes.toString())));
    void checkNetwork(http(port, "/a\r\nEvil: yes b"), "127.0.0.1", AbortSignal.timeout(5_000));
    expect((await lines.promise).split("\r\n").slice(0, 2)).toEqual([
      "GET /aEvil:%20yes%20b HTTP/1.1",
      `Host: 127.0.0.1:${port}`,
    ]);
  });

  test("over TLS takes any certificate", async () => {
    const directory = mkdtempSync(join(tmpdir(), "mesh-check-"));
    close.push(() => rmSync(directory, { recursive: true }));
    const [key, cert] = [join(directory, "key"), join(directory, "cert")];
    const subject = ["-subj", "/CN=somewhere.else", "-days", "1"];
    const made = Bun.spawnSync(
      ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, ...subject],
      { stderr: "ignore" },
    );
    expect(made.exitCode).toBe(0);
    const tls = { key: readFileSync(key), cert: readFileSync(cert) };
    const server = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      tls,
      fetch: () => new Response("", { status: 202 }),
    });
    close.push(() => server.stop(true));
    const port = server.port ?? 0;
    expect(await checkNetwork(http(port, "/", "https"), "127.0.0.1", never)).toEqual({
      kind: "answered",
      status: 202,
    });
    // Nor does it take plain text for an answer.
    expect(await checkNetwork(http(port), "127.0.0.1", never)).toMatchObject({ kind: "failed" });
  });

  test("over IPv6", async () => {
    const { port } = web({ "/": () => new Response("") }, "::1");
    const probe = { ...http(port), protocol: "IPv6" } as NetworkProbe;
    expect(await checkNetwork(probe, "::1", never)).toEqual({ kind: "answered", status: 200 });
  });

  test("of a port that nobody listens on fails", async () => {
    expect(await checkNetwork(http(await deadPort()), "127.0.0.1", never)).toMatchObject({ kind: "failed" });
  });

  test("of a silent server ends with its signal, and the connection with it", async () => {
    const closed = Promise.withResolvers<void>();
    const stop = new AbortController();
    const port = await raw((socket) => {
      socket.on("close", () => closed.resolve());
      socket.once("data", () => stop.abort());
    });
    expect(await checkNetwork(http(port), "127.0.0.1", stop.signal)).toMatchObject({ kind: "failed" });
    await closed.promise;
  });
});

function floodHead(socket: Socket): void {
  socket.write(`HTTP/1.1 200 OK\r\nX: ${"x".repeat(CHECK_ANSWER_HEAD_MAX_BYTES)}`);
}

describe("a TCP check", () => {
  test("connects to who listens", async () => {
    const port = await raw(() => {});
    expect(await checkNetwork(tcp(port), "127.0.0.1", never)).toEqual({ kind: "connected", connected: true });
  });

  test("says why it cannot connect", async () => {
    expect(await checkNetwork(tcp(await deadPort()), "127.0.0.1", never)).toEqual({
      kind: "connected",
      connected: false,
      reason: expect.any(String),
    });
  });

  test("says nothing when it was given up before", async () => {
    const port = await raw(() => {});
    expect(await checkNetwork(tcp(port), "127.0.0.1", AbortSignal.abort())).toMatchObject({
      connected: false,
    });
  });
});
