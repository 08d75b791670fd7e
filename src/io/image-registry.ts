/**
 * A client of the registry protocol for pulling: manifests and blobs, with
 * basic and token authentication (distribution's docs/spec/api.md and
 * docs/spec/auth/token.md; the OCI distribution-spec is the same protocol).
 */
import {
  IMAGE_MANIFEST_MAX_BYTES,
  REGISTRY_ANSWER_MAX_BYTES,
  REGISTRY_ANSWER_TIMEOUT_MS,
  REGISTRY_REDIRECTS_MAX,
} from "../base/limits.ts";
import { fail, ok, type Result } from "../base/result.ts";
import { MANIFEST_TYPES } from "../isolation/image-manifest.ts";
import type { Credentials, CredentialTable } from "./image-credentials.ts";

export interface RegistryPlace {
  /** `http://host[:port]` or `https://…`, no slash at the end. */
  readonly url: string;
  /** As the registry knows it, `library/` included. */
  readonly repository: string;
}

export interface RegistryOptions {
  readonly credentials: CredentialTable;
  /** PEM certificates that are trusted besides the machine's. */
  readonly ca?: string;
}

/** What a failed request means for whoever asks. */
export interface RegistryError {
  readonly message: string;
  /** Another try, or another mirror, may do better. */
  readonly passing: boolean;
}

/** One repository of one registry, for one pull: tokens live as long. */
export class RegistryClient {
  readonly #place: RegistryPlace;
  readonly #options: RegistryOptions;
  readonly #signal: AbortSignal;
  #authorization: string | undefined;

  constructor(place: RegistryPlace, options: RegistryOptions, signal: AbortSignal) {
    this.#place = place;
    this.#options = options;
    this.#signal = signal;
  }

  /** The bytes of a manifest, or an index, as the registry has them. */
  async manifest(name: string): Promise<Result<Uint8Array, RegistryError>> {
    const answer = await this.#get(`manifests/${name}`, { Accept: MANIFEST_TYPES.join(", ") });
    return answer.ok ? await bodyOf(answer.value, IMAGE_MANIFEST_MAX_BYTES) : answer;
  }

  /** A small blob, whole. */
  async document(digest: string, maxBytes: number): Promise<Result<Uint8Array, RegistryError>> {
    const answer = await this.#get(`blobs/${digest}`, {});
    return answer.ok ? await bodyOf(answer.value, maxBytes) : answer;
  }

  /** A blob from some byte on; status 200 instead of 206 when the registry begins at the first. */
  async blob(digest: string, fromByte: number): Promise<Result<Response, RegistryError>> {
    return await this.#get(`blobs/${digest}`, fromByte > 0 ? { Range: `bytes=${fromByte}-` } : {});
  }

  async #get(
    path: string,
    headers: Readonly<Record<string, string>>,
  ): Promise<Result<Response, RegistryError>> {
    const url = `${this.#place.url}/v2/${this.#place.repository}/${path}`;
    const first = await this.#send(url, headers, this.#authorization);
    if (!first.ok || first.value.status !== 401) return first.ok ? await accepted(url, first.value) : first;
    const challenge = first.value.headers.get("www-authenticate") ?? "";
    await first.value.body?.cancel();
    const authorization = await this.#authorize(url, challenge);
    if (!authorization.ok) return authorization;
    this.#authorization = authorization.value;
    const second = await this.#send(url, headers, authorization.value);
    return second.ok ? await accepted(url, second.value) : second;
  }

  /** Follows redirects; only the registry itself sees the authorization. */
  async #send(
    url: string,
    headers: Readonly<Record<string, string>>,
    authorization: string | undefined,
  ): Promise<Result<Response, RegistryError>> {
    let target = url;
    for (let redirects = 0; redirects <= REGISTRY_REDIRECTS_MAX; redirects++) {
      const ours = new URL(target).origin === new URL(url).origin;
      const words =
        ours && authorization !== undefined ? { ...headers, Authorization: authorization } : headers;
      const answer = await this.#fetch(target, words);
      if (!answer.ok) return answer;
      const location = answer.value.headers.get("location");
      if (answer.value.status < 300 || answer.value.status >= 400 || location === null) return answer;
      await answer.value.body?.cancel();
      if (!URL.canParse(location, target)) return lasting(`GET ${target}: it redirects to "${location}"`);
      const next = new URL(location, target);
      // What anybody on the way can read and change is no place for what was asked for over TLS.
      if (target.startsWith("https:") && next.protocol !== "https:") {
        return lasting(`GET ${target}: it redirects from https to "${next.origin}", which is refused`);
      }
      target = next.href;
    }
    return lasting(`GET ${url}: more than ${REGISTRY_REDIRECTS_MAX} redirects`);
  }

  async #fetch(
    url: string,
    headers: Readonly<Record<string, string>>,
  ): Promise<Result<Response, RegistryError>> {
    const { ca } = this.#options;
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), REGISTRY_ANSWER_TIMEOUT_MS);
    try {
      const answer = await fetch(url, {
        headers: { ...headers, "Accept-Encoding": "identity" },
        redirect: "manual",
        decompress: false,
        signal: AbortSignal.any([this.#signal, late.signal]),
        ...(ca === undefined ? {} : { tls: { ca } }),
      });
      return ok(answer);
    } catch (error) {
      if (this.#signal.aborted) return lasting("cancelled");
      const reason = late.signal.aborted ? `no answer in ${REGISTRY_ANSWER_TIMEOUT_MS} ms` : textOf(error);
      return fail({ message: `GET ${url}: ${reason}`, passing: true });
    } finally {
      clearTimeout(timer);
    }
  }

  async #authorize(url: string, challenge: string): Promise<Result<string, RegistryError>> {
    const credentials = this.#options.credentials.get(new URL(url).host);
    const [scheme = "", rest = ""] = splitOnce(challenge, " ");
    if (scheme.toLowerCase() === "basic") {
      if (credentials !== undefined) return ok(basic(credentials));
      return lasting(`GET ${url}: 401, it asks for a user and a password; give them by --docker-config`);
    }
    if (scheme.toLowerCase() !== "bearer") {
      return lasting(
        `GET ${url}: 401 with the challenge "${challenge.slice(0, 200)}", which is not known here`,
      );
    }
    return await this.#token(url, parametersOf(rest), credentials);
  }

  async #token(
    url: string,
    { realm = "", service, scope }: Readonly<Record<string, string>>,
    credentials: Credentials | undefined,
  ): Promise<Result<string, RegistryError>> {
    if (!URL.canParse(realm))
      return lasting(`GET ${url}: 401 with a challenge whose realm "${realm}" is no URL`);
    const target = new URL(realm);
    if (service !== undefined) target.searchParams.set("service", service);
    target.searchParams.set("scope", scope ?? `repository:${this.#place.repository}:pull`);
    const authorization = credentials === undefined ? undefined : basic(credentials);
    const answer = await this.#send(target.href, {}, authorization);
    if (!answer.ok) return answer;
    const good = await accepted(target.href, answer.value);
    if (!good.ok) return good;
    const body = await bodyOf(good.value, REGISTRY_ANSWER_MAX_BYTES);
    if (!body.ok) return body;
    const token = tokenIn(new TextDecoder().decode(body.value));
    return token === undefined
      ? lasting(`GET ${target.href}: the answer holds no token`)
      : ok(`Bearer ${token}`);
  }
}

function lasting(message: string): Result<never, RegistryError> {
  return fail({ message, passing: false });
}

function basic({ user, password }: Credentials): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
}

/** `realm="https://…",service="…",scope="…"`. */
function parametersOf(text: string): Readonly<Record<string, string>> {
  const found = text.matchAll(/([A-Za-z_]+)=(?:"([^"]*)"|([^",\s]+))/g);
  return Object.fromEntries(
    [...found].map(([, name = "", quoted, bare]) => [name.toLowerCase(), quoted ?? bare ?? ""]),
  );
}

function tokenIn(text: string): string | undefined {
  try {
    const { token, access_token } = JSON.parse(text) as Readonly<Record<string, unknown>>;
    const found = token ?? access_token;
    return typeof found === "string" && /^[\x21-\x7e]+$/.test(found) ? found : undefined;
  } catch {
    return undefined;
  }
}

/** The answer, when it brings what was asked for. */
async function accepted(url: string, answer: Response): Promise<Result<Response, RegistryError>> {
  if (answer.ok) return ok(answer);
  const { status, statusText } = answer;
  const body = await bodyOf(answer, REGISTRY_ANSWER_MAX_BYTES);
  const said = body.ok ? errorsIn(new TextDecoder().decode(body.value)) : "";
  const message = `GET ${url}: ${status} ${statusText}`.trimEnd() + (said === "" ? "" : ` (${said})`);
  return fail({ message, passing: status >= 500 || status === 429 });
}

/** `{"errors": [{"code": "MANIFEST_UNKNOWN", "message": "…"}]}`. */
function errorsIn(text: string): string {
  try {
    const { errors } = JSON.parse(text) as { errors?: readonly { code?: unknown; message?: unknown }[] };
    return (errors ?? [])
      .map(({ code, message }) => `${code}: ${message}`)
      .join("; ")
      .slice(0, 500);
  } catch {
    return "";
  }
}

async function bodyOf(answer: Response, maxBytes: number): Promise<Result<Uint8Array, RegistryError>> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const chunk of answer.body ?? []) {
      bytes += chunk.length;
      if (bytes > maxBytes) return lasting(`GET ${answer.url}: the answer is larger than ${maxBytes} bytes`);
      parts.push(chunk);
    }
  } catch (error) {
    return fail({ message: `GET ${answer.url}: ${textOf(error)}`, passing: true });
  }
  return ok(Buffer.concat(parts));
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at === -1 ? [text, ""] : [text.slice(0, at), text.slice(at + separator.length)];
}

export function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
