/**
 * Half-open connections: the other machine is gone, or nothing gets through,
 * and no socket says so. A proxy between two masters stops forwarding; the
 * clock by which links are watched is the test's.
 */
import { afterEach, expect, test } from "bun:test";
import type { Socket, TCPSocketListener } from "bun";
import {
  LINK_PING_INTERVAL_MS,
  LINK_QUEUE_MAX_BYTES,
  LINK_SILENCE_MAX_MS,
  LINK_UNREAD_MAX_BYTES,
  LINKS_TURN_MS,
} from "../../src/base/limits.ts";
import { type LogFields, silentLog } from "../../src/base/log.ts";
import { Random } from "../../src/base/random.ts";
import { FrameLink, type SocketData, watchLinks } from "../../src/io/frame-link.ts";
import { LinkPace } from "../../src/io/link-pace.ts";
import { PeerLinks } from "../../src/io/peer-links.ts";
import { encodeFrame } from "../../src/wire/frame.ts";

const HOST = "127.0.0.1";
const open: { close(): void }[] = [];
afterEach(() => {
  for (const each of open.splice(0).reverse()) each.close();
});

interface End {
  other: Socket<End> | undefined;
  /** What the other end has not taken. */
  waiting: Uint8Array[];
}

/** Carries bytes between its clients and a port, or keeps them and all connections open. */
class Cable {
  readonly #listener: TCPSocketListener<End>;
  readonly #ends = new Set<Socket<End>>();
  #stalled = false;
  /** Bytes carried so far. */
  carried = 0;

  constructor(toPort: number) {
    const common = {
      data: (socket: Socket<End>, chunk: Uint8Array) => this.#carry(socket, Uint8Array.from(chunk)),
      drain: (socket: Socket<End>) => this.#drain(socket.data.other),
      close: (socket: Socket<End>) => {
        this.#ends.delete(socket);
        if (!this.#stalled) socket.data.other?.end();
      },
    };
    this.#listener = Bun.listen<End>({
      hostname: HOST,
      port: 0,
      socket: {
        ...common,
        open: (socket) => {
          socket.data = { other: undefined, waiting: [] };
          this.#ends.add(socket);
          void Bun.connect<End>({
            hostname: HOST,
            port: toPort,
            data: { other: socket, waiting: [] },
            socket: common,
          }).then((far) => {
            this.#ends.add(far);
            socket.data.other = far;
            this.#drain(socket);
          });
        },
      },
    });
  }

  get port(): number {
    return this.#listener.port;
  }

  /** Nothing gets through any more, and nobody is told. */
  stall(): void {
    this.#stalled = true;
  }

  /** The connections of before are gone; new ones work. */
  heal(): void {
    for (const socket of this.#ends) socket.terminate();
    this.#stalled = false;
  }

  close(): void {
    this.#stalled = true;
    for (const socket of this.#ends) socket.terminate();
    this.#listener.stop(true);
  }

  #carry(from: Socket<End>, chunk: Uint8Array): void {
    from.data.waiting.push(chunk);
    this.#drain(from);
  }

  #drain(from: Socket<End> | undefined): void {
    const other = from?.data.other;
    if (from === undefined || other === undefined || this.#stalled) return;
    for (let chunk = from.data.waiting.shift(); chunk !== undefined; chunk = from.data.waiting.shift()) {
      const written = other.write(chunk);
      this.carried += written;
      if (written === chunk.length) continue;
      from.data.waiting.unshift(chunk.subarray(written));
      return;
    }
  }
}

async function until(what: string, condition: () => boolean): Promise<void> {
  for (const endMs = performance.now() + 4_000; !condition(); ) {
    if (performance.now() > endMs) throw new Error(`Waited in vain for ${what}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function master(self: string) {
  const state = { heard: [] as unknown[], lost: [] as string[], log: [] as string[] };
  const warn = (message: string, fields?: LogFields): void => {
    state.log.push(`${message} ${String(fields?.["reason"])}`);
  };
  const links = new PeerLinks({
    self,
    cluster: "c",
    random: new Random(1),
    log: { ...silentLog, warn },
    onPeerMessage: (_from, message) => state.heard.push(message),
    onPeerLost: (peer) => state.lost.push(peer),
    onAgentLink: (link) => {
      link.close();
      return { onMessage() {}, onClose() {} };
    },
  });
  open.push(links);
  return { links, state, port: links.listen({ hostname: HOST, port: 0 }) };
}

/** a sends to b through the proxy. */
async function pair() {
  const [a, b] = [master("a"), master("b")];
  const proxy = new Cable(b.port);
  open.push(proxy);
  const toB = `${HOST}:${proxy.port}`;
  a.links.setPeers([toB]);
  await until("the link", () => a.links.send(toB, "first"));
  await until("the message", () => b.state.heard.length === 1);
  return { a, b, proxy, toB };
}

test("a link on which nothing is said is asked for a sign of life, and lives on", async () => {
  const { a, b, proxy } = await pair();
  const beganMs = performance.now();
  const before = proxy.carried;
  watchLinks(beganMs + LINK_PING_INTERVAL_MS);
  // Both sides ask, both answer: four frames of six bytes.
  await until("the signs of life", () => proxy.carried >= before + 24);
  await new Promise((resolve) => setImmediate(resolve));
  // Counted from what was last heard before the question, the silence would be too long.
  watchLinks(beganMs + LINK_SILENCE_MAX_MS);
  expect([a.state.lost, b.state.lost]).toEqual([[], []]);
  expect(a.links.connected()).toHaveLength(1);
});

test("nothing gets through: both sides give the link up, and a new one takes its place", async () => {
  const { a, b, proxy, toB } = await pair();
  proxy.stall();
  expect(a.links.send(toB, "into the void")).toBe(true);
  const nowMs = performance.now();
  watchLinks(nowMs + LINK_PING_INTERVAL_MS);
  expect(a.links.connected()).toEqual([toB]);
  watchLinks(nowMs + LINK_SILENCE_MAX_MS);
  await until("both to notice", () => a.state.lost.length > 0 && b.state.lost.length > 0);
  expect([a.state.lost, b.state.lost]).toEqual([[toB], ["a"]]);
  expect(a.state.log).toContain(`No connection to peer no sign of life for ${LINK_SILENCE_MAX_MS} ms`);
  expect(a.links.connected()).toEqual([]);
  expect(a.links.send(toB, "nobody is there")).toBe(false);

  proxy.heal();
  await until("the new link", () => a.links.send(toB, "again"));
  await until("its message", () => b.state.heard.includes("again"));
  expect(b.state.heard).toEqual(["first", "again"]);
});

test("what was written to a dead link is not kept, and does not keep it alive", async () => {
  const { a, proxy, toB } = await pair();
  proxy.stall();
  const piece = new Uint8Array(4 * 1024 * 1024);
  let queued = 0;
  while (a.links.send(toB, piece)) queued += piece.length;
  // Bounded, while the kernel's buffers fill.
  expect(queued).toBeLessThanOrEqual(LINK_QUEUE_MAX_BYTES);
  watchLinks(performance.now() + LINK_SILENCE_MAX_MS);
  await until("the end", () => a.state.lost.length === 1);
  expect(a.links.connected()).toEqual([]);
});

test("one that says more than can be read now is not silent; once it is read, silence counts again", () => {
  const turns: (() => void)[] = [];
  let readMs = 0;
  // Whatever is read takes all of a turn's time.
  const pace = new LinkPace({
    nowMs: () => (readMs += LINKS_TURN_MS),
    later: (run) => void turns.push(run),
  });
  let paused = false;
  const socket = {
    ...{ remoteAddress: HOST, remotePort: 1, setNoDelay() {}, terminate() {}, end() {} },
    write: (bytes: Uint8Array) => bytes.length,
    pause: () => {
      paused = true;
    },
    resume: () => {
      paused = false;
    },
  };
  let closed = "";
  let read = 0;
  const handlers = { onFrame: () => read++, onClose: (reason: string) => (closed = reason) };
  const link = new FrameLink(socket as unknown as Socket<SocketData>, handlers, pace);
  open.push({ close: () => link.close("the test ends") });
  link.limitFrames(2 * LINK_UNREAD_MAX_BYTES);
  link.socketData(encodeFrame(Uint8Array.of(1)));
  link.socketData(encodeFrame(new Uint8Array(LINK_UNREAD_MAX_BYTES)));
  expect([read, paused]).toEqual([1, true]);

  // Whole, so that what is added to it is what it differs by.
  const laterMs = Math.ceil(performance.now()) + 2 * LINK_SILENCE_MAX_MS;
  link.watch(laterMs);
  expect(closed).toBe("");
  for (let run = turns.shift(); run !== undefined; run = turns.shift()) run();
  expect([read, paused]).toEqual([2, false]);
  link.watch(laterMs + LINK_SILENCE_MAX_MS);
  expect(closed).toBe(`no sign of life for ${LINK_SILENCE_MAX_MS} ms`);
});
