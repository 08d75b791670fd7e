/**
 * One event stream to a client: RecordIO records, each in an HTTP chunk of
 * its own (clients split on chunk boundaries), never compressed.
 *
 * Bun sends the headers with the first chunk and would join chunks that are
 * queued in one turn; its "direct" streams write through to the socket, and
 * tell by a promise that the socket is full. What waits meanwhile is counted:
 * a reader that stays behind by more than STREAM_QUEUE_MAX_BYTES is cut off.
 */
import { STREAM_QUEUE_MAX_BYTES } from "../base/limits.ts";
import type { Log } from "../base/log.ts";
import type { EventSink } from "../master/port.ts";
import { encodeRecord, encodeRecordParts } from "../wire/record-io.ts";
import type { Body } from "./in-parts.ts";

const NOT_SUBSCRIBED = "The subscription was not committed; subscribe again";

export interface EventStreamOptions<E> {
  /** Payloads of an event's records: more than one when it has to be split. */
  readonly encode: (event: E) => readonly (string | Uint8Array)[];
  readonly log: Log;
  /** Bytes that may wait for a slow reader. */
  readonly queueMaxBytes?: number;
}

export class EventStream<E> implements EventSink<E> {
  readonly #encode: (event: E) => readonly (string | Uint8Array)[];
  readonly #log: Log;
  readonly #queueMaxBytes: number;
  /** Records not handed to the socket, oldest first. */
  #queue: Uint8Array[] = [];
  #queuedBytes = 0;
  /** Parts of the first record: large because the cluster is. */
  readonly #uncounted = new WeakSet<Uint8Array>();
  #controller: ReadableStreamDirectController | undefined;
  /** The socket is full, and tells when it is not. */
  #blocked = false;
  /** It has had an event. */
  #begun = false;
  #refusal: string | undefined;
  /** No event follows. */
  #closed = false;
  /** The client is gone or was cut off, or everything was sent. */
  #ended = false;
  #onDisconnect: (() => void) | undefined;
  #release: (() => void) | undefined;
  readonly #first = Promise.withResolvers<void>();

  constructor(options: EventStreamOptions<E>) {
    this.#encode = options.encode;
    this.#log = options.log;
    this.#queueMaxBytes = options.queueMaxBytes ?? STREAM_QUEUE_MAX_BYTES;
  }

  /**
   * Resolves when the first record waits, or the stream ended without one:
   * only then may the answer leave, since its headers go with that record.
   */
  get ready(): Promise<void> {
    return this.#first.promise;
  }

  /** Why it was closed before its first event; undefined if it was not. */
  get refusal(): string | undefined {
    return this.#refusal;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** `listener` is called once when the client goes away or is cut off; not after {@link close}. */
  onDisconnect(listener: () => void): void {
    this.#onDisconnect = listener;
  }

  /**
   * A first record that took some turns to make, and an event, before all that was sent meanwhile. A record
   * in parts leaves in as many chunks, and does not count as what a slow reader left.
   */
  begin(first: Body | Uint8Array, next: E): void {
    if (this.#ended || this.#refusal !== undefined) return;
    this.#begun = true;
    const inParts = typeof first !== "string" && !(first instanceof Uint8Array);
    const records = inParts ? encodeRecordParts(first) : [encodeRecord(first)];
    if (inParts) for (const record of records) this.#uncounted.add(record);
    records.push(...this.#recordsOf(next));
    if (this.#ended) return;
    for (const record of records) this.#count(record, 1);
    this.#queue.unshift(...records);
    this.#first.resolve();
    this.#drain();
  }

  #count(record: Uint8Array, sign: 1 | -1): void {
    if (!this.#uncounted.has(record)) this.#queuedBytes += sign * record.length;
  }

  send(event: E): void {
    if (this.#closed || this.#ended) return;
    this.#begun = true;
    for (const record of this.#recordsOf(event)) {
      this.#queue.push(record);
      this.#queuedBytes += record.length;
    }
    this.#first.resolve();
    this.#drain();
    // A single record may be larger than the bound: it is too much only while others wait for it.
    if (this.#queuedBytes > this.#queueMaxBytes && (this.#blocked || this.#queue.length > 1)) this.#cutOff();
  }

  /** One that cannot be written, for a fault of this program, ends its stream alone: the others go on. */
  #recordsOf(event: E): readonly Uint8Array[] {
    try {
      return this.#encode(event).map(encodeRecord);
    } catch (error) {
      this.#log.error("Closed an event stream: its next event cannot be written; please report this", {
        error: String(error),
      });
      this.disconnect();
      return [];
    }
  }

  close(reason?: string): void {
    if (this.#closed) return;
    this.#closed = true;
    if (!this.#begun) this.#refusal = reason ?? NOT_SUBSCRIBED;
    this.#onDisconnect = undefined;
    this.#first.resolve();
    this.#drain();
  }

  /** The client went away. */
  disconnect(): void {
    if (this.#ended) return;
    this.#finish();
    const listener = this.#onDisconnect;
    this.#onDisconnect = undefined;
    listener?.();
  }

  /** The answer's body, for one Response. `request` tells of a client that leaves before the first record. */
  body(): ReadableStream<Uint8Array> {
    return new ReadableStream<Uint8Array>({
      type: "direct",
      pull: (controller) => {
        const released = Promise.withResolvers<void>();
        this.#release = released.resolve;
        this.#controller = controller;
        if (this.#ended) this.#finish();
        else this.#drain();
        return released.promise;
      },
      cancel: () => this.disconnect(),
    });
  }

  #drain(): void {
    const controller = this.#controller;
    if (controller === undefined || this.#blocked || this.#ended) return;
    let sent = 0;
    while (sent < this.#queue.length && !this.#blocked) {
      const record = this.#queue[sent++] as Uint8Array;
      this.#count(record, -1);
      const written = controller.write(record);
      controller.flush();
      if (written instanceof Promise) this.#waitFor(written);
    }
    this.#queue.splice(0, sent);
    if (this.#closed && this.#queue.length === 0 && !this.#blocked) this.#finish();
  }

  #waitFor(written: Promise<number>): void {
    this.#blocked = true;
    written.then(
      () => {
        this.#blocked = false;
        this.#drain();
      },
      () => this.disconnect(),
    );
  }

  #cutOff(): void {
    this.#log.warn("Closed an event stream whose reader is too slow", {
      queuedBytes: this.#queuedBytes,
      queueMaxBytes: this.#queueMaxBytes,
    });
    this.disconnect();
  }

  #finish(): void {
    this.#ended = true;
    this.#queue = [];
    this.#queuedBytes = 0;
    this.#first.resolve();
    this.#controller?.end();
    this.#controller = undefined;
    this.#release?.();
  }
}
