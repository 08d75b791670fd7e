/**
 * One TCP connection that carries frames both ways. Frames sent in one turn
 * leave in one write; what the kernel does not take waits in a bounded queue.
 */
import type { Socket } from "bun";
import {
  HELLO_TIMEOUT_MS,
  LINK_END_TIMEOUT_MS,
  LINK_PING_INTERVAL_MS,
  LINK_QUEUE_MAX_BYTES,
  LINK_SILENCE_MAX_MS,
} from "../base/limits.ts";
import { encodeFrame, FrameDecoder } from "../wire/frame.ts";
import { type LinkPace, Unread } from "./link-pace.ts";
import { handshakeError, looksLikeTls, SPEAKS_TLS } from "./link-tls.ts";
import { Rounds } from "./rounds.ts";

/** Frames joined into one write at most. */
const WRITE_MAX_BYTES = 1024 * 1024;
/** Begins the link's own frames: the one byte that no msgpack value begins with. */
const OWN_FRAME = 0xc1;
const PING = Uint8Array.of(OWN_FRAME, 0);
const PONG = Uint8Array.of(OWN_FRAME, 1);

export interface LinkHandlers {
  /** `payload` is to be copied if it is kept. */
  onFrame(payload: Uint8Array): void;
  /** Called once, also after an own `close`. */
  onClose(reason: string): void;
  /** The queue is empty again after `send` answered false or `queuedBytes` grew. */
  onDrain?(): void;
}

export class FrameLink {
  /** "address:port" of the other end. */
  readonly remote: string;
  handlers: LinkHandlers;
  queuedBytes = 0;
  readonly #socket: Socket<SocketData>;
  readonly #decoder = new FrameDecoder();
  readonly #pace: LinkPace | undefined;
  readonly #unread: Unread;
  #queue: Uint8Array[] = [];
  #flushing = false;
  #blocked = false;
  #ending = false;
  #closed = false;
  /** The other side never sent anything yet. */
  #fresh = true;
  #paused = false;
  #rests = false;
  #urgent = false;
  #heardAtMs = performance.now();
  #reason = "the connection was closed by the other side";
  // Made once, not for each message.
  readonly #flushNow = (): void => this.#flush();
  readonly #flushPaced = (): void => this.#pace?.run(this.#flushNow);

  /** With a `pace`, what comes and goes may wait for a later turn of the event loop. */
  constructor(socket: Socket<SocketData>, handlers: LinkHandlers, pace?: LinkPace) {
    this.#socket = socket;
    this.#pace = pace;
    this.#unread = new Unread(
      pace,
      (chunk) => this.#read(chunk),
      (rests) => this.#rest(rests),
    );
    this.handlers = handlers;
    this.remote = `${socket.remoteAddress}:${socket.remotePort}`;
    socket.setNoDelay(true);
    watched.add(this);
  }

  /**
   * A machine that is gone closes nothing, and what is written to it only
   * fills a queue. A silent other side is asked for a sign of life; one that
   * gives none is given up. That covers writes that never drain, too.
   */
  watch(nowMs: number): void {
    const silentMs = nowMs - this.#heardAtMs;
    // While reading rests nothing can be heard.
    if (this.#paused || this.#rests) this.#heardAtMs = nowMs;
    else if (silentMs >= LINK_SILENCE_MAX_MS) this.close(`no sign of life for ${LINK_SILENCE_MAX_MS} ms`);
    else if (silentMs >= LINK_PING_INTERVAL_MS / 2) this.send(PING);
  }

  /** Queues a copy as one frame; false if the queue is full (nothing is queued then) or the link closed. */
  send(payload: Uint8Array): boolean {
    if (this.#closed || this.#ending) return false;
    const frame = encodeFrame(payload);
    if (this.queuedBytes + frame.length > LINK_QUEUE_MAX_BYTES) return false;
    this.#queue.push(frame);
    this.queuedBytes += frame.length;
    if (!this.#flushing && !this.#blocked) {
      this.#flushing = true;
      queueMicrotask(this.#urgent || this.#pace === undefined ? this.#flushNow : this.#flushPaced);
    }
    return true;
  }

  /** Nothing waits from now on, whatever other links do. */
  hurry(): void {
    this.#urgent = true;
    this.#unread.hurry();
  }

  /** Longest payload that is accepted from now on. */
  limitFrames(maxBytes: number): void {
    this.#decoder.maxBytes = maxBytes;
  }

  /** Stops reading until `resume`, so that the sender's window fills up. */
  pause(): void {
    if (this.#closed) return;
    this.#paused = true;
    this.#unread.pause(true);
    this.#socket.pause();
  }

  resume(): void {
    if (this.#closed) return;
    this.#paused = false;
    this.#heardAtMs = performance.now();
    this.#unread.pause(false);
    if (!this.#rests) this.#socket.resume();
  }

  /** Closes at once. */
  close(reason: string): void {
    if (this.#closed) return;
    this.#reason = reason;
    this.#unread.clear();
    this.#socket.terminate();
    this.socketClosed(undefined);
  }

  /** Closes once the queue is written; at once if the other side takes too long to read it. */
  end(reason: string): void {
    if (this.#closed || this.#ending) return;
    this.#reason = reason;
    this.#ending = true;
    if (this.#queue.length === 0) this.#socket.end();
    setTimeout(() => this.close(reason), LINK_END_TIMEOUT_MS).unref();
  }

  socketData(chunk: Uint8Array): void {
    this.#heardAtMs = performance.now();
    this.#unread.push(chunk);
  }

  #read(chunk: Uint8Array): void {
    if (this.#closed) return;
    if (this.#fresh && looksLikeTls(chunk)) {
      // Anything that is no TLS tells the other side why.
      this.send(PONG);
      this.end(SPEAKS_TLS);
      return;
    }
    this.#fresh = false;
    const frames: Uint8Array[] = [];
    const fault = this.#decoder.take(chunk, frames);
    if (fault !== undefined) {
      this.close(fault);
      return;
    }
    for (const frame of frames) {
      if (this.#closed || this.#ending) return;
      if (frame[0] !== OWN_FRAME) this.handlers.onFrame(frame);
      else if (frame[1] === PING[1]) this.send(PONG);
    }
  }

  socketDrain(): void {
    this.#blocked = false;
    this.#flush();
    if (this.#queue.length === 0) this.handlers.onDrain?.();
  }

  /** The other side hears nothing any more; what it said before is handled first. */
  socketClosed(error: Error | undefined): void {
    if (!this.#closed) this.#unread.atEnd(() => this.#close(error));
  }

  #close(error: Error | undefined): void {
    if (this.#closed) return;
    this.#closed = true;
    watched.delete(this);
    this.#queue = [];
    this.queuedBytes = 0;
    this.handlers.onClose(error?.message ?? this.#reason);
  }

  /** More came than may wait. */
  #rest(rests: boolean): void {
    this.#rests = rests;
    if (rests) this.#socket.pause();
    else if (!this.#paused && !this.#closed) this.#socket.resume();
  }

  #flush(): void {
    this.#flushing = false;
    while (this.#queue.length > 0 && !this.#closed) {
      const chunk = this.#takeChunk();
      const written = Math.max(0, this.#socket.write(chunk));
      this.queuedBytes -= written;
      if (written < chunk.length) {
        this.#queue.unshift(chunk.subarray(written));
        this.#blocked = true;
        return;
      }
    }
    if (this.#ending && !this.#closed) this.#socket.end();
  }

  #takeChunk(): Uint8Array {
    const first = this.#queue[0] ?? new Uint8Array(0);
    if (this.#queue.length === 1) {
      this.#queue.length = 0;
      return first;
    }
    let count = 1;
    let bytes = first.length;
    while (count < this.#queue.length && bytes + (this.#queue[count]?.length ?? 0) <= WRITE_MAX_BYTES) {
      bytes += this.#queue[count++]?.length ?? 0;
    }
    const frames = this.#queue.splice(0, count);
    return count === 1 ? first : Buffer.concat(frames, bytes);
  }
}

/** What a socket knows: its link, once it has one. */
export interface SocketData {
  link: FrameLink | null;
}

/** All links of the process: a master has as many as there are agents. */
const watched = new Rounds<FrameLink>(LINK_PING_INTERVAL_MS, (link, nowMs) => link.watch(nowMs));

/** See {@link FrameLink.watch}; all links, if none are given. */
export function watchLinks(nowMs: number, links: Iterable<FrameLink> = watched.values()): void {
  for (const link of links) link.watch(nowMs);
}

/**
 * Bun's socket handlers; `opened` makes the link of a new connection, with
 * TLS after the handshake, and `refused` hears why there is none.
 */
export function socketHandlers(
  opened: (socket: Socket<SocketData>) => FrameLink,
  tls: boolean,
  refused: (reason: string, socket: Socket<SocketData>) => void,
) {
  return {
    binaryType: "uint8array" as const,
    open(socket: Socket<SocketData>) {
      socket.data = { link: tls ? null : opened(socket) };
      if (tls) setTimeout(() => socket.data.link === null && socket.terminate(), HELLO_TIMEOUT_MS);
    },
    handshake(socket: Socket<SocketData>, success: boolean, error: Error | null) {
      if (!tls || socket.data.link !== null) return;
      if (success && error == null) {
        socket.data = { link: opened(socket) };
        return;
      }
      refused(handshakeError(error), socket);
      socket.terminate();
    },
    data(socket: Socket<SocketData>, chunk: Uint8Array) {
      socket.data.link?.socketData(chunk);
    },
    drain(socket: Socket<SocketData>) {
      socket.data.link?.socketDrain();
    },
    close(socket: Socket<SocketData>, error?: Error) {
      if (socket.data?.link) socket.data.link.socketClosed(error);
      else if (tls) refused(handshakeError(error), socket);
    },
    error(socket: Socket<SocketData>, error: Error) {
      const reason = tls && /ALERT|SSL routines/.test(error.message) ? handshakeError(error) : error.message;
      if (socket.data?.link) socket.data.link.close(reason);
      else refused(reason, socket);
    },
  };
}
