/**
 * src/main/client/ is what the client commands share. It speaks to a cluster
 * by the public HTTP API alone, as any framework or operator does.
 *
 * Here: requests to whichever master leads, by the public HTTP API alone: tries the
 * given addresses in turn and follows redirects to the leader.
 */
import { MeshError } from "../../base/errors.ts";
import { directFetch } from "../../io/direct-fetch.ts";

/** Asked when no --master is given. */
export const DEFAULT_MASTER = "127.0.0.1:5050";
const REDIRECTS_MAX = 4;
const ROUNDS_MAX = 20;
const ROUND_PAUSE_MS = 250;
/** One that is there may be slow: a state of many tasks takes seconds to write. */
const ANSWER_TIMEOUT_MS = 60_000;
/** Only masters have it, also Mesos' own: an agent answers 404, where it might do what is asked elsewhere. */
const PROBE_PATH = "/master/health";

export interface Patience {
  /** A machine that is off, or stopped, neither answers nor refuses: it is first asked if it is there. */
  readonly probeTimeoutMs: number;
  /** No further round begins after this time: masters that are silent make rounds long. */
  readonly roundsMs: number;
}

const PATIENCE: Patience = { probeTimeoutMs: 2_000, roundsMs: 8_000 };

export interface HttpAnswer {
  readonly status: number;
  readonly text: string;
}

export interface PostOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

export class MasterClient {
  /** `host:port` each; the last one that answered as leader is asked first. */
  #addresses: readonly string[];
  /** Base URLs that have answered and not failed since. */
  readonly #alive = new Set<string>();

  readonly #patience: Patience;

  constructor(addresses: readonly string[], patience = PATIENCE) {
    this.#addresses = addresses;
    this.#patience = patience;
  }

  /** Masters in the order in which they are tried. */
  get addresses(): readonly string[] {
    return this.#addresses;
  }

  /** Those that answered may be gone without a word: the next request first asks if they are there. */
  doubt(): void {
    this.#alive.clear();
  }

  async getJson(path: string): Promise<unknown> {
    const answer = await this.get(path);
    if (answer.status !== 200) throw refusal("GET", path, answer);
    return JSON.parse(answer.text);
  }

  async get(path: string): Promise<HttpAnswer> {
    return this.#text("GET", path, undefined, {});
  }

  async post(path: string, body: string, options: PostOptions = {}): Promise<HttpAnswer> {
    return this.#text("POST", path, body, options);
  }

  /** A POST whose answer is a stream; the response is handed over unread. */
  async open(path: string, body: string, options: PostOptions = {}): Promise<Response> {
    const headers = { "Content-Type": "application/json", Accept: "application/json", ...options.headers };
    return this.#toLeader(path, { method: "POST", body, headers }, options.signal);
  }

  async #text(
    method: "GET" | "POST",
    path: string,
    body: string | undefined,
    options: PostOptions,
  ): Promise<HttpAnswer> {
    const response =
      method === "POST" ? await this.open(path, body ?? "", options) : await this.#toLeader(path, {});
    return { status: response.status, text: await response.text() };
  }

  /** Goes round the masters for some seconds: a new leader is elected within one. */
  async #toLeader(path: string, init: RequestInit, signal?: AbortSignal): Promise<Response> {
    let trouble: Trouble = { kind: "silent", text: "no address was given" };
    const begunMs = performance.now();
    for (
      let round = 0;
      round < ROUNDS_MAX && performance.now() - begunMs < this.#patience.roundsMs;
      round++
    ) {
      let masters = 0;
      for (const address of this.#addresses) {
        const outcome = await this.#follow(address, (base) => this.#ask(base, path, init, signal));
        if (outcome instanceof Response) return outcome;
        trouble = outcome;
        if (outcome.kind !== "no-master") masters++;
      }
      // Something else that answers does not become a master.
      if (masters === 0) break;
      await Bun.sleep(ROUND_PAUSE_MS);
    }
    throw new MeshError("MASTER_UNREACHABLE", unreachableText(this.#addresses, trouble));
  }

  /** Resolves when the headers have come; rejects with AbortError only when `signal` asked for it. */
  async #ask(base: string, path: string, init: RequestInit, signal?: AbortSignal): Promise<Response> {
    if (!this.#alive.has(base)) {
      const probe = await directFetch(`${base}${PROBE_PATH}`, {
        signal: AbortSignal.timeout(this.#patience.probeTimeoutMs),
      });
      await probe.body?.cancel();
      if (probe.status === 404) throw new NoMaster();
    }
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(new Error("no answer in time")), ANSWER_TIMEOUT_MS);
    const either = signal === undefined ? late.signal : AbortSignal.any([late.signal, signal]);
    try {
      return await directFetch(`${base}${path}`, { ...init, redirect: "manual", signal: either });
    } finally {
      clearTimeout(timer);
    }
  }

  async #follow(address: string, request: (base: string) => Promise<Response>): Promise<Response | Trouble> {
    let base = `http://${address}`;
    for (let hop = 0; hop < REDIRECTS_MAX; hop++) {
      let response: Response;
      try {
        response = await request(base);
        this.#alive.add(base);
      } catch (error) {
        this.#alive.delete(base);
        if (error instanceof DOMException && error.name === "AbortError") throw error;
        if (error instanceof NoMaster) return { kind: "no-master", text: `${base} is no master` };
        return { kind: "silent", text: `${base} does not answer${codeOf(error)}` };
      }
      const location = response.headers.get("Location");
      if (response.status === 307 && location !== null) {
        await response.body?.cancel();
        const leader = new URL(location, base);
        base = leader.origin;
        continue;
      }
      if (response.status === 503)
        return { kind: "refusing", text: `${base} answers 503: ${await response.text()}` };
      const leads = new URL(base).host;
      this.#addresses = [leads, ...this.#addresses.filter((known) => known !== leads)];
      return response;
    }
    return { kind: "refusing", text: `${address} leads round in circles of redirects` };
  }
}

/** Why an address gave no answer of a leader. */
interface Trouble {
  readonly kind: "silent" | "refusing" | "no-master";
  readonly text: string;
}

class NoMaster extends Error {}

const WAY_OUT: Readonly<Record<Trouble["kind"], string>> = {
  silent: "Start one with 'mesh dev', or name yours with --master host:port",
  refusing: "'mesh raft status' shows the masters; ask others with --master host:port[,host:port…]",
  "no-master":
    "Agents listen on 5051, masters on 5050 unless told otherwise: name one with --master host:port",
};

function unreachableText(addresses: readonly string[], { kind, text }: Trouble): string {
  const tried = addresses.map((address) => `'${address}'`).join(", ");
  return `Cannot reach a leading master at ${tried}: ${text}. ${WAY_OUT[kind]}`;
}

/** ` (ENOTFOUND)` for a name that nobody knows, nothing for an answer that did not come in time. */
export function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string"
    ? ` (${error.code})`
    : "";
}

/** The error of an answer that is not the wanted one. */
export function refusal(method: string, path: string, answer: HttpAnswer): MeshError {
  return new MeshError(
    "REQUEST_REFUSED",
    `${method} ${path} was answered ${answer.status}: ${answer.text || "(empty)"}`,
  );
}
