/**
 * One TCP connection that carries frames both ways. Frames sent in one turn
 * leave in one write; what the kernel does not take waits in a bounded queue.
 */
import type { Socket } from "bun";
import { LINK_QUEUE_MAX_BYTES } from "../base/limits.ts";
import { encodeFrame, FrameDecoder } from "../wire/frame.ts";

/** Frames joined into one write at most. */
const WRITE_MAX_BYTES = 1024 * 1024;
/** Silence after which the kernel asks whether the other machine is still there. */
const KEEP_ALIVE_MS = 5_000;

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
  #queue: Uint8Array[] = [];
  #flushing = false;
  #blocked = false;
  #ending = false;
  #closed = false;
  #reason = "the connection was closed by the other side";

  constructor(socket: Socket<SocketData>, handlers: LinkHandlers) {
    this.#socket = socket;
    this.handlers = handlers;
    this.remote = `${socket.remoteAddress}:${socket.remotePort}`;
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
  }

  /** Queues one frame; false if the queue is full (nothing is queued then) or the link closed. */
  send(payload: Uint8Array): boolean {
    if (this.#closed || this.#ending) return false;
    const frame = encodeFrame(payload);
    if (this.queuedBytes + frame.length > LINK_QUEUE_MAX_BYTES) return false;
    this.#queue.push(frame);
    this.queuedBytes += frame.length;
    if (!this.#flushing && !this.#blocked) {
      this.#flushing = true;
      queueMicrotask(() => this.#flush());
    }
    return true;
  }

  /** Stops reading until `resume`, so that the sender's window fills up. */
  pause(): void {
    if (!this.#closed) this.#socket.pause();
  }

  resume(): void {
    if (!this.#closed) this.#socket.resume();
  }

  /** Closes at once. */
  close(reason: string): void {
    if (this.#closed) return;
    this.#reason = reason;
    this.#socket.terminate();
    this.socketClosed(undefined);
  }

  /** Closes once the queue is written. */
  end(reason: string): void {
    this.#reason = reason;
    this.#ending = true;
    if (this.#queue.length === 0) this.#socket.end();
  }

  socketData(chunk: Uint8Array): void {
    const frames = this.#decoder.push(chunk);
    if (!frames.ok) {
      this.close(frames.error);
      return;
    }
    for (const frame of frames.value) {
      if (this.#closed || this.#ending) return;
      this.handlers.onFrame(frame);
    }
  }

  socketDrain(): void {
    this.#blocked = false;
    this.#flush();
    if (this.#queue.length === 0) this.handlers.onDrain?.();
  }

  socketClosed(error: Error | undefined): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#queue = [];
    this.queuedBytes = 0;
    this.handlers.onClose(error?.message ?? this.#reason);
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

/** Bun's socket handlers; `opened` makes the link of a new connection. */
export function socketHandlers(opened: (socket: Socket<SocketData>) => FrameLink) {
  return {
    binaryType: "uint8array" as const,
    open(socket: Socket<SocketData>) {
      socket.data = { link: opened(socket) };
    },
    data(socket: Socket<SocketData>, chunk: Uint8Array) {
      socket.data.link?.socketData(chunk);
    },
    drain(socket: Socket<SocketData>) {
      socket.data.link?.socketDrain();
    },
    close(socket: Socket<SocketData>, error?: Error) {
      socket.data?.link?.socketClosed(error);
    },
    error(socket: Socket<SocketData>, error: Error) {
      socket.data?.link?.close(error.message);
    },
  };
}
