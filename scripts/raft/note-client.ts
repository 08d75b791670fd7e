/** A client of the notes on a link of its own, with any number of requests under way. */
import { type Dialled, dial } from "../../src/io/dial.ts";
import { LINK_VERSION } from "../../src/io/link-hello.ts";
import {
  decodeNoteAnswer,
  encodeNoteRequest,
  type NoteAnswer,
  type NoteRequest,
} from "../../src/io/note-link.ts";

export interface LinkPlace {
  readonly hostname: string;
  readonly port: number;
}

/** The link ended while a request was under way: it may have happened or not. */
export class LinkLost extends Error {
  override readonly name = "LinkLost";
}

export class NoteClient {
  readonly #link: Dialled;
  readonly #waiting = new Map<number, PromiseWithResolvers<NoteAnswer>>();
  #nextId = 1;
  #ended: string | undefined;

  private constructor(place: LinkPlace, opened: PromiseWithResolvers<void>) {
    this.#link = dial({
      ...place,
      hello: { kind: "client", cluster: "", from: "bench", version: LINK_VERSION },
      onWelcome: () => opened.resolve(),
      onMessage: (payload) => this.#answered(payload),
      onClose: (reason) => {
        this.#ended = reason;
        opened.reject(new LinkLost(reason));
        for (const request of this.#waiting.values()) request.reject(new LinkLost(reason));
        this.#waiting.clear();
      },
    });
  }

  static async connect(place: LinkPlace): Promise<NoteClient> {
    const opened = Promise.withResolvers<void>();
    const client = new NoteClient(place, opened);
    await opened.promise;
    return client;
  }

  get ended(): boolean {
    return this.#ended !== undefined;
  }

  put(key: string, value: Uint8Array, ifVersion?: number): Promise<NoteAnswer> {
    return this.#ask({ id: this.#nextId++, operation: "put", key, value, ifVersion });
  }

  get(key: string): Promise<NoteAnswer> {
    return this.#ask({ id: this.#nextId++, operation: "get", key });
  }

  delete(key: string, ifVersion?: number): Promise<NoteAnswer> {
    return this.#ask({ id: this.#nextId++, operation: "delete", key, ifVersion });
  }

  close(): void {
    this.#link.close();
  }

  #ask(request: NoteRequest): Promise<NoteAnswer> {
    if (this.#ended !== undefined) return Promise.reject(new LinkLost(this.#ended));
    const answer = Promise.withResolvers<NoteAnswer>();
    this.#waiting.set(request.id, answer);
    if (!this.#link.send(encodeNoteRequest(request))) {
      this.#waiting.delete(request.id);
      return Promise.reject(new Error("The link's queue is full"));
    }
    return answer.promise;
  }

  #answered(payload: Uint8Array): void {
    const answer = decodeNoteAnswer(payload);
    if (answer === undefined) {
      this.#link.close();
      return;
    }
    this.#waiting.get(answer.id)?.resolve(answer);
    this.#waiting.delete(answer.id);
  }
}
