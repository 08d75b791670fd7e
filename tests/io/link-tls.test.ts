/** Links with certificates made by openssl for this test. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type LogFields, silentLog } from "../../src/base/log.ts";
import { dial } from "../../src/io/dial.ts";
import { type Hello, LINK_VERSION } from "../../src/io/link-hello.ts";
import { type LinkListener, listenForLinks } from "../../src/io/link-listener.ts";
import { demandMasterName, type LinkTls, readLinkTls, type TlsFiles } from "../../src/io/link-tls.ts";

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
  makeAuthority(name);
  return makeCertificate(name, name);
}

function makeAuthority(name: string): void {
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
}

function makeCertificate(authority: string, name: string, more = ""): TlsFiles {
  const ca = [`${authority}-ca.key`, `${authority}-ca.pem`] as const;
  const request = ["-keyout", `${name}.key`, "-out", `${name}.csr`, "-subj", `/CN=${name}`];
  openssl("req", ...NEW_KEY, ...request, "-addext", `subjectAltName=IP:${HOST}${more}`);
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
async function connect(server: LinkTls | undefined, client: LinkTls | undefined, kind?: Hello["kind"]) {
  const said = Promise.withResolvers<string>();
  const outcome = await dialled(server, client, kind, (text) => said.resolve(text));
  return { outcome, said: await said.promise };
}

function dialled(
  server: LinkTls | undefined,
  client: LinkTls | undefined,
  kind: Hello["kind"] = "peer",
  say: (text: string) => void = () => {},
): Promise<string> {
  const log = { ...silentLog, warn: (_text: string, fields?: LogFields) => say(String(fields?.["reason"])) };
  listener?.close();
  listener = listenForLinks({
    hostname: HOST,
    port: 0,
    cluster: "c",
    tls: server,
    log,
    onPeerMessage: (_from, payload) => say(Buffer.from(payload).toString()),
    onPeerClosed() {},
    onAgentLink: () => ({ onMessage: () => say("an agent"), onClose() {} }),
  });
  const { port } = listener;
  return new Promise((resolve) => {
    const link = dial({
      hostname: HOST,
      port,
      tls: client,
      hello: { kind, cluster: "c", from: "x", version: LINK_VERSION },
      onWelcome() {
        link.send(Buffer.from("hello there"));
        resolve("welcome");
      },
      onMessage() {},
      onClose: resolve,
    });
  });
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

describe("with a name of the masters", () => {
  const masterName = "masters.example";
  const named = async (name: string, more: string): Promise<LinkTls> => ({
    ...(await read(makeCertificate("ours", name, more))),
    masterName,
  });

  test("only those with it are masters to each other and to agents", async () => {
    const master = await named("master", `,DNS:${masterName}`);
    const agent = await named("agent", ",DNS:*.example");
    expect(await connect(master, master)).toEqual({ outcome: "welcome", said: "hello there" });
    expect(await connect(master, agent, "agent")).toEqual({ outcome: "welcome", said: "an agent" });
    const reason = `its certificate does not name "${masterName}", as a master's does with --tls-master-name`;
    expect(await connect(master, agent)).toEqual({ outcome: `refused: ${reason}`, said: reason });
    const other = { ...agent, masterName: undefined };
    for (const kind of ["peer", "agent"] as const) expect(await dialled(other, agent, kind)).toBe(reason);
  });

  test("a master's certificate lacks it", async () => {
    const agent = await named("other", "");
    expect(() => demandMasterName(agent, "other.pem")).toThrow(
      /--tls-cert .*does not name 'masters.example'/,
    );
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
