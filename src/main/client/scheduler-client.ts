/**
 * A framework's scheduler on the public v1 API: one stream of events, calls
 * beside it, and a new subscription with the same framework id when the
 * stream breaks (a master failed over).
 */
import { MeshError } from "../../base/errors.ts";
import type { FrameworkInfo } from "../../model/v1/frameworks.ts";
import type { SchedulerCall, SchedulerEvent } from "../../model/v1/scheduler.ts";
import { decodeJson } from "../../wire/json-decode.ts";
import { encodeJson } from "../../wire/json-encode.ts";
import { RecordDecoder } from "../../wire/record-io.ts";
import { type HttpAnswer, type MasterClient, refusal } from "./master-client.ts";

const SCHEDULER_PATH = "/api/v1/scheduler";
/** Heartbeats come every 15 s; a stream without three of them belongs to a master that is gone. */
const SILENCE_MAX_MS = 45_000;
const decoder = new TextDecoder();

export class SchedulerClient {
  readonly #master: MasterClient;
  #info: FrameworkInfo;
  #streamId = "";
  readonly #abort = new AbortController();

  readonly #onBroken: () => void;
  readonly #silenceMaxMs: number;
  /** Whether the present break was told of. */
  #brokenTold = false;
  /** Breaks the present stream off. */
  #renew: () => void = () => {};

  /** `onBroken`: the stream broke, and new subscriptions are tried; called once until one is there. */
  constructor(
    master: MasterClient,
    info: FrameworkInfo,
    onBroken: () => void = () => {},
    silenceMaxMs = SILENCE_MAX_MS,
  ) {
    this.#master = master;
    this.#info = info;
    this.#onBroken = onBroken;
    this.#silenceMaxMs = silenceMaxMs;
  }

  /** Set by the first SUBSCRIBED event. */
  get frameworkId(): string | undefined {
    return this.#info.id?.value;
  }

  /** Of the newest subscription. */
  get streamId(): string {
    return this.#streamId;
  }

  /** The last subscription broke off, and there is no other yet. */
  get broken(): boolean {
    return this.#brokenTold;
  }

  /** Events in order, over as many subscriptions as it takes; ends after {@link close}. */
  async *events(): AsyncGenerator<SchedulerEvent> {
    let heardAtMs = performance.now();
    while (!this.#abort.signal.aborted) {
      try {
        for await (const event of this.#oneStream()) {
          yield event;
          heardAtMs = performance.now();
        }
      } catch (error) {
        if (this.#abort.signal.aborted) return;
        if (error instanceof MeshError && !this.#mayComeBack(error, performance.now() - heardAtMs))
          throw error;
        // The next round subscribes again with the framework id.
      }
      if (this.#abort.signal.aborted) return;
      if (!this.#brokenTold) this.#onBroken();
      this.#brokenTold = true;
    }
  }

  /**
   * Sends a call other than SUBSCRIBE; framework id and stream id are filled in. False when it was not taken
   * because this subscription is over, as after a failover: {@link events} goes on with another SUBSCRIBED.
   */
  async call(call: SchedulerCall): Promise<boolean> {
    const streamId = this.#streamId;
    const body = encodeJson(
      "SchedulerCall",
      this.#info.id === undefined ? call : { framework_id: this.#info.id, ...call },
    );
    let answer: HttpAnswer;
    try {
      answer = await this.#master.post(SCHEDULER_PATH, body, { headers: { "Mesos-Stream-Id": streamId } });
    } catch (error) {
      if (!(error instanceof MeshError) || !this.#mayComeBack(error, 0)) throw error;
      this.#renew();
      return false;
    }
    if (answer.status === 202 || answer.status === 200) return true;
    // 403: a new leader does not know the subscription; another stream id: it was renewed meanwhile.
    if (answer.status !== 403 && streamId === this.#streamId)
      throw refusal(call.type ?? "POST", SCHEDULER_PATH, answer);
    if (streamId === this.#streamId) this.#renew();
    return false;
  }

  /** Closes the stream; the framework stays until its failover timeout unless it was torn down. */
  close(): void {
    this.#abort.abort();
  }

  /** Until the failover timeout has the framework removed, masters that do not answer are waited for. */
  #mayComeBack(error: MeshError, silentMs: number): boolean {
    if (error.code !== "MASTER_UNREACHABLE" || this.frameworkId === undefined) return false;
    return silentMs < (this.#info.failover_timeout ?? 0) * 1000;
  }

  async *#oneStream(): AsyncGenerator<SchedulerEvent> {
    const id = this.#info.id;
    const call: SchedulerCall = {
      type: "SUBSCRIBE",
      subscribe: { framework_info: this.#info },
      ...(id === undefined ? {} : { framework_id: id }),
    };
    const silence = new AbortController();
    this.#renew = () => silence.abort();
    const signal = AbortSignal.any([this.#abort.signal, silence.signal]);
    const response = await this.#master.open(SCHEDULER_PATH, encodeJson("SchedulerCall", call), { signal });
    if (response.status !== 200 || response.body === null) {
      throw refusal("SUBSCRIBE", SCHEDULER_PATH, { status: response.status, text: await response.text() });
    }
    this.#streamId = response.headers.get("Mesos-Stream-Id") ?? "";
    const records = new RecordDecoder();
    const silent = (): void => {
      this.#master.doubt();
      silence.abort();
    };
    const watch = (): Timer => setTimeout(silent, this.#silenceMaxMs);
    let timer = watch();
    try {
      for await (const chunk of response.body) {
        clearTimeout(timer);
        timer = watch();
        const decoded = records.push(chunk);
        if (!decoded.ok) throw new MeshError("REQUEST_REFUSED", `Event stream is damaged: ${decoded.error}`);
        for (const record of decoded.value) yield this.#decode(record);
      }
    } finally {
      clearTimeout(timer);
    }
  }

  #decode(record: Uint8Array): SchedulerEvent {
    const event = decodeJson("SchedulerEvent", decoder.decode(record));
    if (!event.ok) throw new MeshError("REQUEST_REFUSED", `Event cannot be read: ${event.error.message}`);
    if (event.value.type === "ERROR") {
      throw new MeshError(
        "REQUEST_REFUSED",
        `Master refused the framework: ${event.value.error?.message ?? ""}`,
      );
    }
    const id = event.value.subscribed?.framework_id;
    if (id !== undefined) {
      this.#info = { ...this.#info, id };
      this.#brokenTold = false;
    }
    return event.value;
  }
}
