/** A client that sees HTTP/1.1 as bytes: heads, and the chunks of a chunked answer one by one. */
import { connect, type Socket } from "node:net";

export class RawHttp {
  readonly #socket: Socket;
  #received = Buffer.alloc(0);
  #closed = false;
  #wake: (() => void) | undefined;

  constructor(port: number) {
    this.#socket = connect(port, "127.0.0.1");
    this.#socket.on("data", (data) => {
      this.#received = Buffer.concat([this.#received, typeof data === "string" ? Buffer.from(data) : data]);
      this.#wake?.();
    });
    this.#socket.on("close", () => {
      this.#closed = true;
      this.#wake?.();
    });
    this.#socket.on("error", () => {});
  }

  /** Sends a POST with a JSON body. */
  post(path: string, body: unknown, headers: Readonly<Record<string, string>> = {}): void {
    const text = JSON.stringify(body);
    const lines = Object.entries({
      Host: "mesh",
      "Content-Type": "application/json",
      "Content-Length": String(text.length),
      ...headers,
    }).map(([name, value]) => `${name}: ${value}\r\n`);
    this.send(`POST ${path} HTTP/1.1\r\n${lines.join("")}\r\n${text}`);
  }

  send(text: string): void {
    this.#socket.write(text);
  }

  /** The next answer's head: status line first. */
  async head(): Promise<string[]> {
    await this.#until(() => this.#received.includes("\r\n\r\n"));
    const end = this.#received.indexOf("\r\n\r\n");
    const lines = this.#take(end + 4)
      .toString()
      .trimEnd()
      .split("\r\n");
    return lines;
  }

  /** The next chunk of a chunked answer; "" at its end. */
  async chunk(): Promise<string> {
    await this.#until(() => this.#received.includes("\r\n"));
    const length = Number.parseInt(this.#take(this.#received.indexOf("\r\n") + 2).toString(), 16);
    await this.#until(() => this.#received.length >= length + 2);
    return this.#take(length + 2)
      .subarray(0, length)
      .toString();
  }

  /** `length` bytes of a body of known length. */
  async body(length: number): Promise<string> {
    await this.#until(() => this.#received.length >= length);
    return this.#take(length).toString();
  }

  /** Stops reading, so that the server's socket fills. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Reads what comes until the answer or the connection ends. */
  async drainUntil(end: string): Promise<number> {
    await this.#until(() => this.#received.subarray(-end.length).toString() === end);
    return this.#received.length;
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(length: number): Buffer {
    const taken = this.#received.subarray(0, length);
    this.#received = this.#received.subarray(length);
    return taken;
  }

  async #until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      if (this.#closed)
        throw new Error(`Connection closed after ${JSON.stringify(this.#received.toString())}`);
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      await promise;
    }
  }
}
