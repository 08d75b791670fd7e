/** A framework that looks for the leader again whenever its stream ends. */
const RETRY_MS = 50;
const ATTEMPT_TIMEOUT_MS = 2_000;
const HEADERS = { "Content-Type": "application/json", Accept: "application/json" };

interface Event {
  readonly type: string;
  readonly subscribed?: { readonly framework_id: { readonly value: string } };
  readonly offers?: { readonly offers: readonly { readonly id: { readonly value: string } }[] };
}

export class ReturningScheduler {
  readonly #masters: readonly string[];
  #frameworkId: string | undefined;
  #stopped = false;
  readonly #waiting = new Map<string, PromiseWithResolvers<number>>();
  /** Subscribed since `next("OFFERS")` was asked for. */
  #subscribed = false;

  /** `masters`: `http://host:port` of each. */
  constructor(masters: readonly string[]) {
    this.#masters = masters;
  }

  /** The time (performance.now) of the next SUBSCRIBED, or of the first OFFERS after it. */
  next(type: "SUBSCRIBED" | "OFFERS"): Promise<number> {
    const waiting = Promise.withResolvers<number>();
    this.#waiting.set(type, waiting);
    if (type === "OFFERS") this.#subscribed = false;
    return waiting.promise;
  }

  async run(): Promise<void> {
    for (let i = 0; !this.#stopped; i++) {
      const master = this.#masters[i % this.#masters.length] ?? "";
      await this.#stream(master).catch(() => undefined);
      if (i % this.#masters.length === this.#masters.length - 1) await Bun.sleep(RETRY_MS);
    }
  }

  stop(): void {
    this.#stopped = true;
  }

  async #stream(master: string): Promise<void> {
    const id = this.#frameworkId === undefined ? undefined : { value: this.#frameworkId };
    const info = { user: "root", name: "failover", failover_timeout: 3600, roles: ["*"], id };
    const attempt = new AbortController();
    const timer = setTimeout(() => attempt.abort(), ATTEMPT_TIMEOUT_MS);
    const capabilities = [{ type: "MULTI_ROLE" }];
    const subscribe = { framework_info: { ...info, capabilities } };
    const response = await fetch(`${master}/api/v1/scheduler`, {
      method: "POST",
      headers: HEADERS,
      redirect: "manual",
      body: JSON.stringify({ type: "SUBSCRIBE", framework_id: id, subscribe }),
      signal: attempt.signal,
    });
    if (response.status !== 200 || response.body === null) {
      clearTimeout(timer);
      return;
    }
    const streamId = response.headers.get("Mesos-Stream-Id") ?? "";
    let text = "";
    for await (const chunk of response.body) {
      text += new TextDecoder().decode(chunk);
      for (let feed = text.indexOf("\n"); feed >= 0; feed = text.indexOf("\n")) {
        const end = feed + 1 + Number(text.slice(0, feed));
        if (text.length < end) break;
        clearTimeout(timer);
        this.#event(master, streamId, JSON.parse(text.slice(feed + 1, end)) as Event);
        text = text.slice(end);
      }
      if (this.#stopped) attempt.abort();
    }
  }

  #event(master: string, streamId: string, event: Event): void {
    if (event.subscribed !== undefined) this.#frameworkId = event.subscribed.framework_id.value;
    if (event.type === "SUBSCRIBED") this.#subscribed = true;
    if (this.#subscribed) {
      this.#waiting.get(event.type)?.resolve(performance.now());
      this.#waiting.delete(event.type);
    }
    const offers = event.offers?.offers ?? [];
    if (offers.length === 0) return;
    const decline = { offer_ids: offers.map(({ id }) => id), filters: { refuse_seconds: 0 } };
    void fetch(`${master}/api/v1/scheduler`, {
      method: "POST",
      headers: { ...HEADERS, "Mesos-Stream-Id": streamId },
      body: JSON.stringify({ type: "DECLINE", framework_id: { value: this.#frameworkId }, decline }),
    }).catch(() => undefined);
  }
}
