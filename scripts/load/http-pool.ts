/**
 * Keep-alive connections to one master with one request under way on each: what a load client needs of
 * HTTP/1.1, at a fraction of the processor time of `fetch`, so that the master is what is measured.
 */
import type { Socket } from "bun";

export interface HttpAnswer {
  readonly status: number;
  readonly body: string;
}

interface Asked {
  readonly request: string;
  readonly answered: (answer: HttpAnswer) => void;
  readonly failed: (error: Error) => void;
}

interface Connection {
  readonly socket: Socket<undefined>;
  asked: Asked | undefined;
  received: Buffer;
}

const HEAD_END = "\r\n\r\n";

export class HttpPool {
  readonly #port: number;
  readonly #maxConnections: number;
  #opening = 0;
  readonly #open = new Set<Connection>();
  readonly #idle: Connection[] = [];
  readonly #waiting: Asked[] = [];
  /** Of `#waiting`, those already taken. */
  #taken = 0;
  #closed = false;

  /** To 127.0.0.1. */
  constructor(port: number, maxConnections: number) {
    this.#port = port;
    this.#maxConnections = maxConnections;
  }

  /** Rejects when the connection breaks before the answer is whole. */
  request(
    method: string,
    path: string,
    headers: Readonly<Record<string, string>>,
    body = "",
  ): Promise<HttpAnswer> {
    let head = `${method} ${path} HTTP/1.1\r\nHost: 127.0.0.1:${this.#port}\r\n`;
    for (const [name, value] of Object.entries(headers)) head += `${name}: ${value}\r\n`;
    if (body !== "") head += `Content-Length: ${Buffer.byteLength(body)}\r\n`;
    return new Promise((answered, failed) => this.#ask({ request: `${head}\r\n${body}`, answered, failed }));
  }

  /** Requests under way fail. */
  close(): void {
    this.#closed = true;
    for (const { socket } of this.#open) socket.terminate();
    for (const asked of this.#waiting.splice(0).slice(this.#taken)) asked.failed(new Error("given up"));
    this.#taken = 0;
  }

  #ask(asked: Asked): void {
    if (this.#closed) {
      asked.failed(new Error("given up"));
      return;
    }
    const connection = this.#idle.pop();
    if (connection !== undefined) {
      this.#send(connection, asked);
      return;
    }
    this.#waiting.push(asked);
    if (this.#open.size + this.#opening < this.#maxConnections) this.#connect();
  }

  #connect(): void {
    this.#opening++;
    Bun.connect<Connection | undefined>({
      hostname: "127.0.0.1",
      port: this.#port,
      socket: {
        binaryType: "buffer",
        open: (socket) => {
          this.#opening--;
          socket.setNoDelay(true);
          const connection = { socket: socket as Socket<undefined>, asked: undefined, received: EMPTY };
          socket.data = connection;
          this.#open.add(connection);
          this.#next(connection);
        },
        data: (socket, chunk) => {
          if (socket.data !== undefined) this.#received(socket.data, chunk);
        },
        close: (socket) => {
          if (socket.data !== undefined) this.#lost(socket.data);
        },
        error: () => {},
      },
    }).catch((error: Error) => {
      this.#opening--;
      this.#takeWaiting()?.failed(error);
      this.#connectForWaiting();
    });
  }

  #send(connection: Connection, asked: Asked): void {
    connection.asked = asked;
    // Requests are far smaller than a socket's buffer, which is empty between two of them.
    const written = connection.socket.write(asked.request);
    if (written < asked.request.length) connection.socket.terminate();
  }

  #next(connection: Connection): void {
    const asked = this.#takeWaiting();
    if (asked === undefined) this.#idle.push(connection);
    else this.#send(connection, asked);
  }

  #takeWaiting(): Asked | undefined {
    const asked = this.#waiting[this.#taken];
    if (asked === undefined) return undefined;
    this.#taken++;
    if (this.#taken === this.#waiting.length) {
      this.#waiting.length = 0;
      this.#taken = 0;
    }
    return asked;
  }

  #received(connection: Connection, chunk: Buffer): void {
    const { asked } = connection;
    if (asked === undefined) return;
    const bytes = connection.received.length === 0 ? chunk : Buffer.concat([connection.received, chunk]);
    const answer = readAnswer(bytes);
    if (answer === undefined) {
      connection.received = bytes === chunk ? Buffer.from(chunk) : bytes;
      return;
    }
    connection.received = EMPTY;
    connection.asked = undefined;
    this.#next(connection);
    asked.answered(answer);
  }

  #lost(connection: Connection): void {
    this.#open.delete(connection);
    const at = this.#idle.indexOf(connection);
    if (at >= 0) this.#idle.splice(at, 1);
    connection.asked?.failed(new Error("the connection broke"));
    connection.asked = undefined;
    this.#connectForWaiting();
  }

  /** Whoever waits gets an answer or an error. */
  #connectForWaiting(): void {
    if (this.#waiting.length > 0 && !this.#closed && this.#opening === 0) this.#connect();
  }
}

const EMPTY = Buffer.alloc(0);

/** Undefined while the answer is not whole. */
function readAnswer(bytes: Buffer): HttpAnswer | undefined {
  const end = bytes.indexOf(HEAD_END);
  if (end < 0) return undefined;
  const head = bytes.toString("latin1", 0, end);
  const status = Number(head.slice(9, 12));
  const from = end + HEAD_END.length;
  const length = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0);
  if (bytes.length < from + length) return undefined;
  return { status, body: bytes.toString("utf8", from, from + length) };
}
