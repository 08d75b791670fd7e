/**
 * What a master tells its clients, in the order it was decided: answers to requests, events on streams,
 * messages to agents. Encoding ten thousand offers takes longer than a turn may, so what there is too much
 * of waits here for the next turn; nothing new is taken from clients meanwhile.
 */
import type { Log } from "../base/log.ts";
import type { MasterEvent } from "../model/v1/master-events.ts";
import type { SchedulerEvent } from "../model/v1/scheduler.ts";
import { Inbox } from "./inbox.ts";
import type { AgentLinkDriver } from "./link-driver.ts";
import type { EventSink } from "./port.ts";
import type { LinkRef, MasterEffect, StreamId } from "./types.ts";
import { Waits } from "./waits.ts";

export type ClientEffect = Exclude<MasterEffect, { readonly kind: "propose" }>;

export class Outlet {
  readonly waits = new Waits();
  readonly streams = new Map<StreamId, EventSink<SchedulerEvent>>();
  readonly operators = new Set<EventSink<MasterEvent>>();
  readonly links = new Map<LinkRef, AgentLinkDriver>();
  readonly #queue = new Inbox<ClientEffect>();
  readonly #log: () => Log;

  /** @param log asked for at each line */
  constructor(log: () => Log) {
    this.#log = log;
  }

  get waiting(): number {
    return this.#queue.waiting;
  }

  push(effect: ClientEffect): void {
    this.#queue.push(effect);
  }

  /** Says what there is until it is over; one thing at least. */
  say(isOver: () => boolean): void {
    do {
      const effect = this.#queue.shift();
      if (effect === undefined) return;
      this.#say(effect);
    } while (this.#queue.waiting > 0 && !isOver());
  }

  /** Open requests are answered, streams and links closed. */
  close(): void {
    this.waits.close({ status: 503, body: "The master is stopping" });
    for (const sink of this.streams.values()) sink.close();
    for (const sink of this.operators) sink.close();
    for (const link of this.links.values()) link.close();
    this.streams.clear();
    this.operators.clear();
    this.links.clear();
  }

  #say(effect: ClientEffect): void {
    switch (effect.kind) {
      case "answer":
        this.waits.answer(effect.ref, { status: effect.status, body: effect.body });
        return;
      case "scheduler-event":
        this.waits.done(effect.streamId);
        this.streams.get(effect.streamId)?.send(effect.event);
        return;
      case "close-stream":
        this.waits.done(effect.streamId);
        this.streams.get(effect.streamId)?.close();
        this.streams.delete(effect.streamId);
        return;
      case "operator-event":
        for (const sink of this.operators) sink.send(effect.event);
        return;
      case "close-operator-streams":
        for (const sink of this.operators) sink.close();
        this.operators.clear();
        return;
      case "agent-send":
        this.links.get(effect.link)?.send(effect.message);
        return;
      case "close-link":
        this.links.get(effect.link)?.close();
        this.links.delete(effect.link);
        return;
      case "notice":
        this.#log().warn(effect.message, effect.fields);
    }
  }
}
