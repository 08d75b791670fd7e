/** A registry on loopback that serves what it is given, with the faults that a test wants. */
import { digestOf, type TestImage } from "./test-image.ts";

export interface RegistryFaults {
  /** The connection ends after so many bytes of a layer, the first time that all of it is asked for. */
  readonly breakAfterBytes?: number;
  /** So many bytes of each layer come, and the rest once the promise is kept. */
  readonly hold?: { readonly afterBytes: number; readonly until: Promise<void> };
  /** Blobs whose last byte is another one. */
  readonly damaged?: ReadonlySet<string>;
  /** Does not know ranges. */
  readonly noRanges?: boolean;
  /** Blobs come from another address. */
  readonly redirectBlobs?: boolean;
}

export type RegistryAuth = "none" | "basic" | "bearer";

const USER = "mesh";
const PASSWORD = "secret";
const TOKEN = "a-token";

export class TestRegistry {
  readonly requests: string[] = [];
  /** Authorization that the second address, of redirected blobs, was shown. */
  readonly shownElsewhere: (string | null)[] = [];
  faults: RegistryFaults;
  readonly host: string;
  readonly #auth: RegistryAuth;
  readonly #server: Bun.Server<undefined>;
  readonly #elsewhere: Bun.Server<undefined>;
  readonly #blobs = new Map<string, Uint8Array>();
  readonly #manifests = new Map<string, Uint8Array>();
  readonly #broken = new Set<string>();

  constructor(auth: RegistryAuth = "none", faults: RegistryFaults = {}) {
    this.#auth = auth;
    this.faults = faults;
    const on = { hostname: "127.0.0.1", port: 0, idleTimeout: 0 };
    this.#server = Bun.serve({ ...on, fetch: (request) => this.#answer(request) });
    this.host = `127.0.0.1:${this.#server.port}`;
    this.#elsewhere = Bun.serve({
      ...on,
      fetch: (request) => {
        this.shownElsewhere.push(request.headers.get("authorization"));
        return this.#blob(new URL(request.url).pathname.slice(1), request);
      },
    });
  }

  get url(): string {
    return `http://${this.host}`;
  }

  /** As `docker login` would write it. */
  get dockerConfig(): string {
    return JSON.stringify({ auths: { [this.host]: { auth: btoa(`${USER}:${PASSWORD}`) } } });
  }

  /** How often blobs were asked for. */
  countOf(digest: string): number {
    return this.requests.filter((request) => request.includes(`/blobs/${digest}`)).length;
  }

  add(repository: string, tag: string, image: TestImage): void {
    for (const [digest, blob] of image.blobs) this.#blobs.set(digest, blob);
    this.addManifest(repository, tag, image.manifest);
  }

  addManifest(repository: string, tag: string, manifest: Uint8Array): void {
    this.#manifests.set(`${repository}/${tag}`, manifest);
    this.#manifests.set(`${repository}/${digestOf(manifest)}`, manifest);
  }

  async stop(): Promise<void> {
    await this.#server.stop(true);
    await this.#elsewhere.stop(true);
  }

  #answer(request: Request): Response {
    const { pathname } = new URL(request.url);
    const range = request.headers.get("range");
    this.requests.push(`${request.method} ${pathname}${range === null ? "" : ` ${range}`}`);
    if (pathname === "/token") return this.#token(request);
    if (!this.#allowed(request)) return this.#challenge(pathname);
    const manifest = /^\/v2\/(.+)\/manifests\/([^/]+)$/.exec(pathname);
    if (manifest !== null) return this.#manifest(`${manifest[1]}/${manifest[2]}`);
    const blob = /^\/v2\/.+\/blobs\/([^/]+)$/.exec(pathname);
    if (blob === null) return new Response("", { status: 404 });
    const digest = blob[1] ?? "";
    if (this.faults.redirectBlobs !== true) return this.#blob(digest, request);
    return Response.redirect(`http://127.0.0.1:${this.#elsewhere.port}/${digest}`, 307);
  }

  #allowed(request: Request): boolean {
    const shown = request.headers.get("authorization");
    if (this.#auth === "none") return true;
    return shown === (this.#auth === "basic" ? `Basic ${btoa(`${USER}:${PASSWORD}`)}` : `Bearer ${TOKEN}`);
  }

  #challenge(pathname: string): Response {
    const repository = /^\/v2\/(.+)\/(?:manifests|blobs)\//.exec(pathname)?.[1];
    const bearer = `Bearer realm="${this.url}/token",service="test registry",scope="repository:${repository}:pull"`;
    const challenge = this.#auth === "basic" ? 'Basic realm="test"' : bearer;
    return new Response("", { status: 401, headers: { "www-authenticate": challenge } });
  }

  #token(request: Request): Response {
    const { searchParams } = new URL(request.url);
    const known = request.headers.get("authorization") === `Basic ${btoa(`${USER}:${PASSWORD}`)}`;
    const asked =
      searchParams.get("service") === "test registry" && searchParams.get("scope")?.endsWith(":pull");
    if (!known || asked !== true) return new Response("", { status: 401 });
    return Response.json({ token: TOKEN, expires_in: 60 });
  }

  #manifest(name: string): Response {
    const bytes = this.#manifests.get(name);
    if (bytes !== undefined) return new Response(new Uint8Array(bytes));
    const errors = [{ code: "MANIFEST_UNKNOWN", message: "manifest unknown" }];
    return Response.json({ errors }, { status: 404 });
  }

  #blob(digest: string, request: Request): Response {
    const whole = this.#blobs.get(digest);
    if (whole === undefined) return new Response("", { status: 404 });
    const bytes = new Uint8Array(whole);
    if (this.faults.damaged?.has(digest) === true) bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.get("range") ?? "")?.[1] ?? 0);
    if (from > 0 && this.faults.noRanges !== true) return new Response(bytes.subarray(from), { status: 206 });
    const { breakAfterBytes, hold } = this.faults;
    const document = bytes[0] === "{".charCodeAt(0);
    if (hold !== undefined && !document) return held(bytes, hold);
    if (breakAfterBytes === undefined || document || this.#broken.has(digest)) return new Response(bytes);
    this.#broken.add(digest);
    // Announces all of it and ends before.
    const part = bytes.subarray(0, breakAfterBytes);
    const stream = new ReadableStream<Uint8Array>({
      start: (controller) => {
        controller.enqueue(part);
        controller.close();
      },
    });
    return new Response(stream);
  }
}

function held(bytes: Uint8Array, { afterBytes, until }: NonNullable<RegistryFaults["hold"]>): Response {
  const stream = new ReadableStream<Uint8Array>({
    async start(controller) {
      controller.enqueue(bytes.subarray(0, afterBytes));
      await until;
      controller.enqueue(bytes.subarray(afterBytes));
      controller.close();
    },
  });
  return new Response(stream);
}
