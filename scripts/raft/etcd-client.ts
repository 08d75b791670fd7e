/**
 * Puts to etcd over gRPC, as lean as a client can be, so that the comparison
 * does not charge etcd for its client: HTTP/2 frames (RFC 9113) with fixed
 * header blocks (RFC 7541, no dynamic table) around messages of
 * etcdserverpb.KV/Put. Requests of one connection overlap.
 */
const PATH = "/etcdserverpb.KV/Put";
const FRAME_HEADER_BYTES = 9;
const DATA = 0;
const HEADERS = 1;
const RST_STREAM = 3;
const SETTINGS = 4;
const PING = 6;
const GOAWAY = 7;
const WINDOW_UPDATE = 8;
const END_STREAM = 1;
const ACK = 1;
const END_HEADERS = 4;
const FIRST_WINDOW_BYTES = 65_535;
const LARGE_WINDOW_BYTES = 2 ** 31 - 1;

interface Call extends PromiseWithResolvers<void> {
  /** A message came: with an error there are trailers alone. */
  answered: boolean;
}

export class EtcdClient {
  #socket: Bun.Socket | undefined;
  readonly #headers: Buffer;
  readonly #calls = new Map<number, Call>();
  #nextStream = 1;
  #window = FIRST_WINDOW_BYTES;
  /** Messages that wait for the server's window. */
  readonly #waiting: { readonly stream: number; readonly message: Buffer }[] = [];
  #read: Buffer = Buffer.alloc(0);
  #queue: Buffer[] = [];
  #flushing = false;

  private constructor(port: number) {
    this.#headers = headerBlock(`127.0.0.1:${port}`);
  }

  static async connect(port: number): Promise<EtcdClient> {
    const client = new EtcdClient(port);
    client.#socket = await Bun.connect({
      hostname: "127.0.0.1",
      port,
      socket: {
        data: (_, chunk) => client.#data(chunk),
        drain: () => client.#flush(),
        close: () => client.#fail("the connection was closed"),
        error: (_, error) => client.#fail(error.message),
      },
    });
    client.#socket.setNoDelay(true);
    client.#write(Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"));
    const window = Buffer.alloc(6);
    window.writeUInt16BE(4, 0); // SETTINGS_INITIAL_WINDOW_SIZE
    window.writeUInt32BE(LARGE_WINDOW_BYTES, 2);
    client.#write(frame(SETTINGS, 0, 0, window));
    client.#write(frame(WINDOW_UPDATE, 0, 0, u32(LARGE_WINDOW_BYTES - FIRST_WINDOW_BYTES)));
    return client;
  }

  put(key: string, value: Uint8Array): Promise<void> {
    const stream = this.#nextStream;
    this.#nextStream += 2;
    const call: Call = { ...Promise.withResolvers<void>(), answered: false };
    this.#calls.set(stream, call);
    this.#write(frame(HEADERS, END_HEADERS, stream, this.#headers));
    this.#waiting.push({ stream, message: putRequest(key, value) });
    this.#sendWaiting();
    return call.promise;
  }

  close(): void {
    this.#socket?.terminate();
  }

  #sendWaiting(): void {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      if (next.message.length > this.#window) return;
      this.#window -= next.message.length;
      this.#waiting.shift();
      this.#write(frame(DATA, END_STREAM, next.stream, next.message));
    }
  }

  #write(bytes: Buffer): void {
    this.#queue.push(bytes);
    if (this.#flushing) return;
    this.#flushing = true;
    queueMicrotask(() => this.#flush());
  }

  #flush(): void {
    this.#flushing = false;
    if (this.#queue.length === 0) return;
    const all = Buffer.concat(this.#queue);
    const written = Math.max(0, this.#socket?.write(all) ?? 0);
    this.#queue = written < all.length ? [all.subarray(written)] : [];
  }

  #data(chunk: Buffer): void {
    this.#read = this.#read.length === 0 ? chunk : Buffer.concat([this.#read, chunk]);
    while (this.#read.length >= FRAME_HEADER_BYTES) {
      const end = FRAME_HEADER_BYTES + this.#read.readUIntBE(0, 3);
      if (this.#read.length < end) return;
      const stream = this.#read.readUInt32BE(5) & 0x7fffffff;
      this.#frame(
        this.#read[3] ?? 0,
        this.#read[4] ?? 0,
        stream,
        this.#read.subarray(FRAME_HEADER_BYTES, end),
      );
      this.#read = this.#read.subarray(end);
    }
  }

  #frame(type: number, flags: number, stream: number, body: Buffer): void {
    const call = this.#calls.get(stream);
    if (type === DATA && call !== undefined) call.answered = true;
    if (type === SETTINGS && (flags & ACK) === 0) this.#write(frame(SETTINGS, ACK, 0, Buffer.alloc(0)));
    if (type === PING && (flags & ACK) === 0) this.#write(frame(PING, ACK, 0, Buffer.from(body)));
    if (type === GOAWAY) this.#fail(`the server said goodbye: ${body.subarray(8).toString()}`);
    if (type === WINDOW_UPDATE && stream === 0) {
      this.#window += body.readUInt32BE(0);
      this.#sendWaiting();
    }
    const ended = type === RST_STREAM || ((type === HEADERS || type === DATA) && (flags & END_STREAM) !== 0);
    if (!ended || call === undefined) return;
    this.#calls.delete(stream);
    if (call.answered && type !== RST_STREAM) call.resolve();
    else call.reject(new Error("etcd refused a put"));
  }

  #fail(reason: string): void {
    for (const call of this.#calls.values()) call.reject(new Error(`The link to etcd ended: ${reason}`));
    this.#calls.clear();
  }
}

function frame(type: number, flags: number, stream: number, body: Buffer): Buffer {
  const bytes = Buffer.allocUnsafe(FRAME_HEADER_BYTES + body.length);
  bytes.writeUIntBE(body.length, 0, 3);
  bytes[3] = type;
  bytes[4] = flags;
  bytes.writeUInt32BE(stream, 5);
  body.copy(bytes, FRAME_HEADER_BYTES);
  return bytes;
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** Static table: 3 POST, 6 http, 4 :path, 1 :authority, 31 content-type. Each string is below 127 bytes. */
function headerBlock(authority: string): Buffer {
  const text = (value: string): Buffer => Buffer.concat([Buffer.from([value.length]), Buffer.from(value)]);
  return Buffer.concat([
    Buffer.from([0x83, 0x86, 0x04]),
    text(PATH),
    Buffer.from([0x01]),
    text(authority),
    Buffer.from([0x0f, 0x10]),
    text("application/grpc"),
    Buffer.from([0x00]),
    text("te"),
    text("trailers"),
  ]);
}

/** A gRPC message: not compressed, length, PutRequest { bytes key = 1; bytes value = 2 }. */
function putRequest(key: string, value: Uint8Array): Buffer {
  const keyBytes = Buffer.from(key);
  const fields = [Buffer.from([0x0a, ...varint(keyBytes.length)]), keyBytes];
  fields.push(Buffer.from([0x12, ...varint(value.length)]), Buffer.from(value));
  const message = Buffer.concat(fields);
  return Buffer.concat([Buffer.from([0]), u32(message.length), message]);
}

function varint(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...varint(value >>> 7)];
}
