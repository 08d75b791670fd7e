/** The operator event stream: SUBSCRIBE on `POST /api/v1` (mesos-wire.md section 6.2). */
import { OPERATOR_STREAMS_MAX } from "../base/limits.ts";
import { SECOND_MS } from "../base/time.ts";
import type { MasterEvent } from "../model/v1/master-events.ts";
import { JSON_TYPE, type MessageEncoder } from "./codec.ts";
import type { MasterContext } from "./context.ts";
import { EventStream } from "./event-stream.ts";
import type { Body } from "./in-parts.ts";
import { subscribedEvent } from "./master-lists.ts";
import { subscribedEventProtobuf } from "./master-lists-protobuf.ts";
import { streamAnswer } from "./stream-answer.ts";

/** Mesos: DEFAULT_HEARTBEAT_INTERVAL, master/constants.hpp. */
const HEARTBEAT_INTERVAL_MS = 15 * SECOND_MS;

/** The streams of one master, oldest first; beyond OPERATOR_STREAMS_MAX the oldest is closed. */
export class OperatorStreams {
  readonly #context: MasterContext;
  /** Each with what ends it. */
  readonly #streams = new Map<EventStream<MasterEvent>, () => void>();
  #stopHeartbeat: (() => void) | undefined;

  constructor(context: MasterContext) {
    this.#context = context;
  }

  /**
   * State, then a heartbeat, then what happened since the state was begun: nothing between is lost. A long
   * state takes some turns, so it may show already what the first events tell.
   */
  async subscribe(request: Request, encoder: MessageEncoder): Promise<Response> {
    const { port, log } = this.#context;
    const stream = new EventStream<MasterEvent>({
      encode: (event) => [encoder.encode("MasterEvent", event)],
      log,
    });
    const first = this.#firstEvent(encoder);
    const subscription = port.subscribeOperator({
      send: (event) => stream.send(event),
      close: () => this.#remove(stream, () => stream.close()),
    });
    stream.onDisconnect(() => this.#remove(stream, () => subscription.disconnected()));
    const end = (): void => {
      subscription.disconnected();
      stream.close();
    };
    this.#add(stream, end);
    try {
      stream.begin(await first, { type: "HEARTBEAT" });
    } catch (error) {
      this.#remove(stream, end);
      throw error;
    }
    return streamAnswer(stream, request, { "Content-Type": encoder.contentType });
  }

  #firstEvent(encoder: MessageEncoder): Promise<Body | Uint8Array> {
    const { port, slices } = this.#context;
    const first = encoder.contentType === JSON_TYPE ? subscribedEvent : subscribedEventProtobuf;
    return first(slices, port.view(), HEARTBEAT_INTERVAL_MS / SECOND_MS);
  }

  get size(): number {
    return this.#streams.size;
  }

  #add(stream: EventStream<MasterEvent>, end: () => void): void {
    this.#streams.set(stream, end);
    const [oldest] = this.#streams;
    if (this.#streams.size > OPERATOR_STREAMS_MAX && oldest) this.#remove(oldest[0], oldest[1]);
    this.#stopHeartbeat ??= this.#context.clock.every(HEARTBEAT_INTERVAL_MS, () => {
      for (const each of [...this.#streams.keys()]) each.send({ type: "HEARTBEAT" });
    });
  }

  #remove(stream: EventStream<MasterEvent>, end: () => void): void {
    this.#streams.delete(stream);
    end();
    if (this.#streams.size > 0) return;
    this.#stopHeartbeat?.();
    this.#stopHeartbeat = undefined;
  }
}
