/** Links with certificates made by openssl for this test. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type LogFields, silentLog } from "../../src/base/log.ts";
import { dial } from "../../src/io/dial.ts";
import { LINK_VERSION } from "../../src/io/link-hello.ts";
import { type LinkListener, listenForLinks } from "../../src/io/link-listener.ts";
import { type LinkTls, readLinkTls, type TlsFiles } from "../../src/io/link-tls.ts";

const HOST = "127.0.0.1";
const directory = mkdtempSync(join(tmpdir(), "mesh-tls-"));
let listener: LinkListener | undefined;

function openssl(...args: string[]): void {
  const run = Bun.spawnSync(["openssl", ...args], { cwd: directory });
  if (run.exitCode !== 0) throw new Error(`openssl ${args.join(" ")}: ${run.stderr.toString()}`);
}

const NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

/** An authority and a certificate for 127.0.0.1 that it signed. */
function makeCluster(name: string): TlsFiles {
  const ca = [`${name}-ca.key`, `${name}-ca.pem`] as const;
  openssl(
    "req",
    "-x509",
    ...NEW_KEY,
    "-keyout",
    ca[0],
    "-out",
    ca[1],
    "-subj",
    `/CN=${name} ca`,
    "-days",
    "2",
  );
  const request = ["-keyout", `${name}.key`, "-out", `${name}.csr`, "-subj", `/CN=${name}`];
  openssl("req", ...NEW_KEY, ...request, "-addext", `subjectAltName=IP:${HOST}`);
  const signing = ["-CA", ca[1], "-CAkey", ca[0], "-CAcreateserial", "-copy_extensions", "copy"];
  openssl("x509", "-req", "-in", `${name}.csr`, ...signing, "-out", `${name}.pem`, "-days", "2");
  return {
    cert: join(directory, `${name}.pem`),
    key: join(directory, `${name}.key`),
    ca: join(directory, ca[1]),
  };
}

let ours: TlsFiles;
let theirs: TlsFiles;
beforeAll(() => {
  ours = makeCluster("ours");
  theirs = makeCluster("theirs");
});
afterAll(() => {
  listener?.close();
  rmSync(directory, { recursive: true, force: true });
});

const read = (files: TlsFiles): Promise<LinkTls> => readLinkTls(files, Date.now());

/** How the dialling side ended, or "welcome", and what the listening side logged. */
async function connect(server: LinkTls | undefined, client: LinkTls | undefined) {
  const said = Promise.withResolvers<string>();
  const log = {
    ...silentLog,
    warn: (_text: string, fields?: LogFields) => said.resolve(String(fields?.["reason"])),
  };
  listener?.close();
  listener = listenForLinks({
    hostname: HOST,
    port: 0,
    cluster: "c",
    tls: server,
    log,
    onPeerMessage: (_from, payload) => said.resolve(Buffer.from(payload).toString()),
    onPeerClosed() {},
    onAgentLink: () => ({ onMessage() {}, onClose() {} }),
  });
  const { port } = listener;
  const outcome = await new Promise<string>((resolve) => {
    const link = dial({
      hostname: HOST,
      port,
      tls: client,
      hello: { kind: "peer", cluster: "c", from: "x", version: LINK_VERSION },
      onWelcome() {
        link.send(Buffer.from("hello there"));
        resolve("welcome");
      },
      onMessage() {},
      onClose: resolve,
    });
  });
  return { outcome, said: await said.promise };
}

describe("links", () => {
  test("with certificates of one authority carry messages", async () => {
    const tls = await read(ours);
    expect(await connect(tls, tls)).toEqual({ outcome: "welcome", said: "hello there" });
  });

  test("without TLS are refused by a side with it, and both are told", async () => {
    const { outcome, said } = await connect(await read(ours), undefined);
    expect(outcome).toContain("the other side speaks TLS and this one does not");
    expect(said).toContain("the other side does not speak TLS; give it --tls-cert");
  });

  test("with TLS are refused by a side without it, and both are told", async () => {
    const { outcome, said } = await connect(undefined, await read(ours));
    expect(outcome).toContain("the other side does not speak TLS");
    expect(said).toContain("the other side speaks TLS and this one does not");
  });

  test("with a certificate of another authority are refused on both sides", async () => {
    const { outcome, said } = await connect(await read(ours), await read(theirs));
    expect(outcome).toContain("both sides need certificates of the same --tls-ca");
    expect(said).not.toBe("hello there");
  });
});

describe("a TLS file", () => {
  const cases: [string, () => Partial<TlsFiles>, RegExp][] = [
    ["that is not there", () => ({ cert: join(directory, "none.pem") }), /--tls-cert .*none\.pem': ENOENT/],
    ["that is no PEM", () => ({ ca: text("plain.pem", "hello") }), /--tls-ca .*it is no PEM file/],
    ["without a certificate", () => ({ cert: ours.key }), /--tls-cert .*it holds no certificate/],
    ["without a key", () => ({ key: ours.cert }), /--tls-key .*it holds no private key/],
    ["of another certificate's key", () => ({ key: theirs.key }), /--tls-key .*not that of the certificate/],
    ["of no authority", () => ({ ca: ours.cert }), /--tls-ca .*not one of an authority/],
  ];
  for (const [name, change, reason] of cases) {
    test(`${name} is named`, async () => {
      await expect(read({ ...ours, ...change() })).rejects.toThrow(reason);
    });
  }

  test("whose certificate ended is named", async () => {
    const inTenDays = Date.now() + 10 * 86_400_000;
    await expect(readLinkTls(ours, inTenDays)).rejects.toThrow(/--tls-cert .*the certificate ended on/);
  });

  function text(name: string, content: string): string {
    writeFileSync(join(directory, name), content);
    return join(directory, name);
  }
});

test("the certificates of the test are real", () => {
  expect(readFileSync(ours.cert, "utf8")).toContain("BEGIN CERTIFICATE");
});
