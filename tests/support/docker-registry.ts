/** Debian's docker-registry on loopback, filled over its own protocol. */
import { createSign } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePort } from "../../scripts/free-port.ts";
import type { TestImage } from "./test-image.ts";

const USER = "mesh";
const PASSWORD = "secret word";
const SERVICE = "docker-registry";
const ISSUER = "mesh tests";
const READY_TIMEOUT_MS = 20_000;

export type RegistryAuth = "none" | "basic" | "token";

export class DockerRegistry implements AsyncDisposable {
  readonly host: string;
  readonly #directory: string;
  readonly #process: Bun.Subprocess;
  readonly #tokens: Bun.Server<undefined> | undefined;
  readonly #auth: RegistryAuth;

  private constructor(directory: string, auth: RegistryAuth) {
    mkdirSync(directory);
    this.#directory = directory;
    this.#auth = auth;
    this.host = `127.0.0.1:${freePort()}`;
    this.#tokens = auth === "token" ? tokenServer(directory) : undefined;
    writeFileSync(join(directory, "config.yml"), this.#config());
    this.#process = Bun.spawn(["docker-registry", "serve", join(directory, "config.yml")], {
      stdio: ["ignore", Bun.file(join(directory, "out.log")), Bun.file(join(directory, "log"))],
      env: { PATH: process.env["PATH"] ?? "", HOME: directory, OTEL_TRACES_EXPORTER: "none" },
    });
  }

  static async start(directory: string, auth: RegistryAuth): Promise<DockerRegistry> {
    const registry = new DockerRegistry(directory, auth);
    const deadline = performance.now() + READY_TIMEOUT_MS;
    while (!(await registry.#answers())) {
      if (performance.now() > deadline) {
        await registry[Symbol.asyncDispose]();
        throw new Error(`docker-registry does not answer: ${registry.log}`);
      }
      await Bun.sleep(20);
    }
    return registry;
  }

  async #answers(): Promise<boolean> {
    return await fetch(`http://${this.host}/v2/`).then(
      ({ status }) => status === 200 || status === 401,
      () => false,
    );
  }

  #config(): string {
    const lines = [
      ...["version: 0.1", "log:", "  accesslog:", "    disabled: false", "storage:", "  filesystem:"],
      ...[`    rootdirectory: ${this.#directory}/data`, "http:", `  addr: ${this.host}`, "  secret: tests"],
    ];
    if (this.#auth === "basic") {
      const hash = Bun.password.hashSync(PASSWORD, { algorithm: "bcrypt", cost: 4 });
      writeFileSync(join(this.#directory, "htpasswd"), `${USER}:${hash}\n`);
      lines.push("auth:", "  htpasswd:", "    realm: tests", `    path: ${this.#directory}/htpasswd`);
    }
    if (this.#tokens !== undefined) {
      lines.push(
        ...["auth:", "  token:", `    realm: http://127.0.0.1:${this.#tokens.port}/token`],
        ...[
          `    service: ${SERVICE}`,
          `    issuer: ${ISSUER}`,
          `    rootcertbundle: ${this.#directory}/cert.pem`,
        ],
      );
    }
    return `${lines.join("\n")}\n`;
  }

  get log(): string {
    return (
      readFileSync(join(this.#directory, "log"), "utf8") +
      readFileSync(join(this.#directory, "out.log"), "utf8")
    );
  }

  /** As `docker login` would write it. */
  get dockerConfig(): string {
    return JSON.stringify({ auths: { [this.host]: { auth: btoa(`${USER}:${PASSWORD}`) } } });
  }

  /** How often a blob was sent. */
  sent(digest: string): number {
    return this.log
      .split("\n")
      .filter((line) => line.includes('"GET /v2/') && line.includes(`/blobs/${digest} `)).length;
  }

  /** The file in which the registry keeps a blob. */
  blobPath(digest: string): string {
    const hex = digest.slice("sha256:".length);
    return join(this.#directory, "data/docker/registry/v2/blobs/sha256", hex.slice(0, 2), hex, "data");
  }

  async push(repository: string, tag: string, image: TestImage): Promise<void> {
    for (const [digest, bytes] of image.blobs) await this.#pushBlob(repository, digest, bytes);
    await this.pushManifest(repository, tag, image.manifest);
  }

  async pushManifest(repository: string, name: string, manifest: Uint8Array): Promise<void> {
    const { mediaType } = JSON.parse(new TextDecoder().decode(manifest)) as { mediaType: string };
    const url = `http://${this.host}/v2/${repository}/manifests/${name}`;
    await this.#send("PUT", url, manifest, { "Content-Type": mediaType });
  }

  async #pushBlob(repository: string, digest: string, bytes: Uint8Array): Promise<void> {
    const begun = await this.#send("POST", `http://${this.host}/v2/${repository}/blobs/uploads/`);
    const place = new URL(begun.headers.get("location") ?? "", `http://${this.host}`);
    place.searchParams.set("digest", digest);
    await this.#send("PUT", place.href, bytes, { "Content-Type": "application/octet-stream" });
  }

  async #send(
    method: string,
    url: string,
    body?: Uint8Array,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Response> {
    const authorization = this.#authorization(new URL(url).pathname);
    const answer = await fetch(url, {
      method,
      headers: { ...headers, ...(authorization && { Authorization: authorization }) },
      ...(body === undefined ? {} : { body: new Uint8Array(body) }),
    });
    if (!answer.ok) throw new Error(`${method} ${url}: ${answer.status} ${await answer.text()}`);
    return answer;
  }

  #authorization(pathname: string): string | undefined {
    if (this.#auth === "basic") return `Basic ${btoa(`${USER}:${PASSWORD}`)}`;
    if (this.#auth === "none") return undefined;
    const repository = /^\/v2\/(.+)\/(?:manifests|blobs)\//.exec(pathname)?.[1] ?? "";
    return `Bearer ${tokenFor(this.#directory, repository, ["pull", "push"])}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill();
    await this.#process.exited;
    await this.#tokens?.stop(true);
  }
}

/** Gives tokens to who knows the password, for pulling only. */
function tokenServer(directory: string): Bun.Server<undefined> {
  const made = Bun.spawnSync([
    ...["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=tests"],
    ...["-keyout", join(directory, "key.pem"), "-out", join(directory, "cert.pem")],
  ]);
  if (!made.success) throw new Error(`openssl: ${made.stderr.toString()}`);
  return Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: (request) => {
      const { searchParams } = new URL(request.url);
      if (request.headers.get("authorization") !== `Basic ${btoa(`${USER}:${PASSWORD}`)}`) {
        return new Response("", { status: 401 });
      }
      const repository = /^repository:(.+):pull$/.exec(searchParams.get("scope") ?? "")?.[1];
      if (repository === undefined || searchParams.get("service") !== SERVICE) {
        return new Response("", { status: 400 });
      }
      return Response.json({ token: tokenFor(directory, repository, ["pull"]) });
    },
  });
}

/** distribution's docs/spec/auth/jwt.md */
function tokenFor(directory: string, repository: string, actions: readonly string[]): string {
  const certificate = readFileSync(join(directory, "cert.pem"), "utf8").replace(/-----[^-]+-----|\s/g, "");
  const nowS = Math.floor(Date.now() / 1_000);
  const access = [{ type: "repository", name: repository, actions }];
  const claims = {
    iss: ISSUER,
    aud: SERVICE,
    sub: USER,
    jti: crypto.randomUUID(),
    iat: nowS,
    nbf: nowS - 10,
    exp: nowS + 300,
    access,
  };
  const text = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const signed = `${text({ typ: "JWT", alg: "RS256", x5c: [certificate] })}.${text(claims)}`;
  const signature = createSign("RSA-SHA256")
    .update(signed)
    .sign(readFileSync(join(directory, "key.pem"), "utf8"));
  return `${signed}.${signature.toString("base64url")}`;
}
