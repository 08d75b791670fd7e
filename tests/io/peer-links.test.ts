import { afterEach, expect, test } from "bun:test";
import { MeshError } from "../../src/base/errors.ts";
import { HELLO_MAX_BYTES } from "../../src/base/limits.ts";
import { type LogFields, silentLog } from "../../src/base/log.ts";
import { Random } from "../../src/base/random.ts";
import { type AgentLink, connectAgentLink } from "../../src/io/agent-link.ts";
import { encodeHello, LINK_VERSION } from "../../src/io/link-hello.ts";
import { PeerLinks, type PeerLinksOptions } from "../../src/io/peer-links.ts";
import { encodeFrame } from "../../src/wire/frame.ts";

const HOST = "127.0.0.1";
const open: { close(): void }[] = [];
afterEach(() => {
  for (const each of open.splice(0)) each.close();
});

/** Values in the order they come; `next` waits for one. */
class Mailbox<T> {
  readonly #values: T[] = [];
  #waiting: ((value: T) => void)[] = [];
  put(value: T): void {
    const wake = this.#waiting.shift();
    if (wake === undefined) this.#values.push(value);
    else wake(value);
  }
  next(): Promise<T> {
    const value = this.#values.shift();
    if (value !== undefined) return Promise.resolve(value);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}

function master(options: Partial<PeerLinksOptions> & { self: string }, port = 0) {
  const messages = new Mailbox<{ from: string; message: unknown }>();
  const lost = new Mailbox<string>();
  const links = new PeerLinks({
    cluster: "c",
    random: new Random(1),
    log: silentLog,
    onPeerMessage: (from, message) => messages.put({ from, message }),
    onPeerLost: (peer) => lost.put(peer),
    onAgentLink: (link) => {
      link.close();
      return { onMessage() {}, onClose() {} };
    },
    ...options,
  });
  open.push(links);
  return { links, messages, lost, port: links.listen({ hostname: HOST, port }) };
}

/** Sends until it goes through: the connection may not be there yet. */
async function deliver(links: PeerLinks, to: string, message: unknown): Promise<void> {
  while (!links.send(to, message)) await new Promise((resolve) => setImmediate(resolve));
}

test("two masters exchange messages in order, and hear of each other's end", async () => {
  const a = master({ self: "a" });
  const b = master({ self: `${HOST}:b` });
  a.links.setPeers([`${HOST}:${b.port}`, "a"]);
  b.links.setPeers([`${HOST}:${a.port}`]);
  await deliver(a.links, `${HOST}:${b.port}`, [1, new Uint8Array([7])]);
  a.links.send(`${HOST}:${b.port}`, [2]);
  expect(await b.messages.next()).toEqual({ from: "a", message: [1, new Uint8Array([7])] });
  expect(await b.messages.next()).toEqual({ from: "a", message: [2] });
  await deliver(b.links, `${HOST}:${a.port}`, ["back"]);
  expect((await a.messages.next()).message).toEqual(["back"]);
  expect(a.links.connected()).toEqual([`${HOST}:${b.port}`]);
  a.links.close();
  expect(await b.lost.next()).toBeString();
});

test("a large message crosses although the socket takes it in pieces", async () => {
  const a = master({ self: "a" });
  const b = master({ self: "b" });
  a.links.setPeers([`${HOST}:${b.port}`]);
  const big = new Uint8Array(8_000_000).fill(9);
  await deliver(a.links, `${HOST}:${b.port}`, big);
  expect(a.links.send(`${HOST}:${b.port}`, big)).toBe(true);
  a.links.send(`${HOST}:${b.port}`, "after");
  expect((await b.messages.next()).message).toEqual(big);
  expect((await b.messages.next()).message).toEqual(big);
  expect((await b.messages.next()).message).toBe("after");
});

test("a full queue drops instead of growing", async () => {
  const a = master({ self: "a" });
  const b = master({ self: "b" });
  a.links.setPeers([`${HOST}:${b.port}`]);
  await deliver(a.links, `${HOST}:${b.port}`, "first");
  const big = new Uint8Array(15_000_000);
  const taken = [1, 2, 3, 4, 5].map(() => a.links.send(`${HOST}:${b.port}`, big));
  expect(taken).toContain(false);
  expect(taken[0]).toBe(true);
});

test("a peer that comes back is found again", async () => {
  const a = master({ self: "a" });
  const b = master({ self: "b" });
  const address = `${HOST}:${b.port}`;
  a.links.setPeers([address]);
  await deliver(a.links, address, 1);
  b.links.close();
  expect(await a.lost.next()).toBe(address);
  const again = master({ self: "b" }, b.port);
  await deliver(a.links, address, 2);
  expect((await again.messages.next()).message).toBe(2);
});

test.each(["m4:99999", "m4:65536", "m4:none", "m4", "m\u00004:5060"])(
  "the address %j of a member leads nowhere, and the others are reached",
  async (address) => {
    const said = new Mailbox<LogFields>();
    const log = { ...silentLog, warn: (_: string, fields: LogFields = {}) => said.put(fields) };
    const a = master({ self: "a", log });
    const b = master({ self: "b" });
    a.links.setMembers([
      { id: "lost", address },
      { id: "b", address: `${HOST}:${b.port}` },
    ]);
    await deliver(a.links, "b", 1);
    expect(await said.next()).toMatchObject({ peer: "lost", address, reason: expect.stringMatching(/./) });
  },
);

test("a master that is not known yet is answered while any link of it is left", async () => {
  let own = "";
  const a = master({ self: "a", address: () => own });
  const b = master({ self: "b" });
  own = `${HOST}:${a.port}`;
  a.links.setMembers([{ id: "b", address: `${HOST}:${b.port}` }]);
  await deliver(b.links, "a", 1);
  // One of before, whose end b notices late.
  const hello = {
    kind: "peer",
    cluster: "c",
    from: "a",
    version: LINK_VERSION,
    to: "b",
    address: own,
  } as const;
  const welcomed = Promise.withResolvers<void>();
  const old = await Bun.connect({
    hostname: HOST,
    port: b.port,
    socket: {
      open: (socket) => void socket.write(encodeFrame(encodeHello(hello))),
      data: () => welcomed.resolve(),
    },
  });
  await welcomed.promise;
  old.end();
  expect(await b.lost.next()).toBe("a");
  expect(b.links.connected()).toEqual(["a"]);
  // With the last one it is forgotten.
  a.links.setMembers([]);
  a.links.close();
  expect(await b.lost.next()).toBe("a");
  while (b.links.connected().length > 0) await new Promise((resolve) => setImmediate(resolve));
});

test("one that left is hung up on, calls again, and hears why it is not let in", async () => {
  const removed = new Set<string>();
  const refused = new Mailbox<string>();
  const member = { id: "a", blank: false };
  const a = master({
    self: "a",
    leaveGraceMs: 1,
    meet: ({ from }) =>
      removed.has(from) ? { ok: false, code: "removed", reason: "it left" } : { ok: true, member },
  });
  const b = master({ self: "b", onRefused: (_, code) => refused.put(code) });
  a.links.setMembers([{ id: "b", address: `${HOST}:${b.port}` }]);
  b.links.setMembers([{ id: "a", address: `${HOST}:${a.port}` }]);
  await deliver(b.links, "a", "here");
  removed.add("b");
  a.links.setMembers([]);
  expect(await refused.next()).toBe("removed");
});

test("another cluster's master is refused, with the reason on both sides", async () => {
  const said = new Mailbox<string>();
  const log = {
    ...silentLog,
    warn: (text: string, fields?: LogFields) => said.put(`${text}: ${fields?.["reason"]}`),
  };
  const a = master({ self: "a", cluster: "other", log });
  const b = master({ self: "b", log });
  a.links.setPeers([`${HOST}:${b.port}`]);
  const lines = [await said.next(), await said.next()].sort();
  expect(lines[0]).toContain('No connection to peer: refused: cluster "other" is not "c"');
  expect(lines[1]).toContain('Refused a link: cluster "other" is not "c"; check the addresses');
  expect(a.links.send(`${HOST}:${b.port}`, 1)).toBe(false);
});

test("a port in use is named", () => {
  const { port } = master({ self: "a" });
  expect(() => master({ self: "b" }, port)).toThrow(MeshError);
  expect(() => master({ self: "b" }, port)).toThrow(`"${HOST}:${port}": another process does`);
});

test("an agent's link carries messages both ways and reports its end once", async () => {
  const fromAgent = new Mailbox<string>();
  const atMaster = new Mailbox<AgentLink>();
  const closed = new Mailbox<string>();
  const { port } = master({
    self: "a",
    onAgentLink(link, hello) {
      atMaster.put(link);
      return {
        onMessage: (payload) => fromAgent.put(`${hello.from} ${Buffer.from(payload)}`),
        onClose: (reason) => closed.put(reason),
      };
    },
  });
  const opened = new Mailbox<string>();
  const fromMaster = new Mailbox<string>();
  const link = connectAgentLink({
    hostname: HOST,
    port,
    cluster: "",
    from: "agent-1",
    onOpen: (cluster) => opened.put(cluster),
    onMessage: (payload) => fromMaster.put(`${Buffer.from(payload)}`),
    onClose: () => closed.put("agent"),
  });
  expect(link.send(Buffer.from("too early"))).toBe(false);
  expect(await opened.next()).toBe("c");
  link.send(Buffer.from("register"));
  expect(await fromAgent.next()).toBe("agent-1 register");
  const masterSide = await atMaster.next();
  masterSide.send(Buffer.from("run"));
  expect(await fromMaster.next()).toBe("run");
  link.close();
  expect([await closed.next(), await closed.next()]).toContain("agent");
  expect(masterSide.send(Buffer.from("late"))).toBe(false);
});

test("what was sent before a link ends arrives", async () => {
  const { port } = master({
    self: "a",
    onAgentLink(link) {
      return {
        onMessage() {
          link.send(Buffer.from("you are refused"));
          link.end();
          expect(link.send(Buffer.from("late"))).toBe(false);
        },
        onClose() {},
      };
    },
  });
  const heard = new Mailbox<string>();
  for (let i = 0; i < 20; i++) {
    const link = connectAgentLink({
      hostname: HOST,
      port,
      cluster: "",
      from: "agent-1",
      onOpen: () => {
        // The last of these are not read any more when the link ends.
        for (let n = 0; n < 50; n++) link.send(Buffer.from("register"));
      },
      onMessage: (payload) => heard.put(`${Buffer.from(payload)}`),
      onClose: () => heard.put("closed"),
    });
    expect([await heard.next(), await heard.next()]).toEqual(["you are refused", "closed"]);
  }
});

test("an agent that cannot connect is told why", async () => {
  const { port, links } = master({ self: "a" });
  links.close();
  const closed = new Mailbox<string>();
  const handlers = { onOpen() {}, onMessage() {}, onClose: (reason: string) => closed.put(reason) };
  connectAgentLink({ hostname: HOST, port, cluster: "", from: "x", ...handlers });
  expect(await closed.next()).toMatch(/refused|connect/i);
});

test.each([
  ["what is no hello", encodeFrame(Buffer.from("hello?"))],
  ["an HTTP request", Buffer.from("GET / HTTP/1.1\r\nHost: x\r\n\r\n")],
  [
    "the header of a frame that is too long for a hello",
    encodeFrame(new Uint8Array(HELLO_MAX_BYTES + 1)).subarray(0, 4),
  ],
  [
    "another version",
    encodeFrame(encodeHello({ kind: "peer", cluster: "c", from: "x", version: LINK_VERSION + 1 })),
  ],
])("a connection that sends %s is closed", async (_name, bytes) => {
  const { port } = master({ self: "a" });
  const closed = new Mailbox<boolean>();
  await Bun.connect({
    hostname: HOST,
    port,
    socket: { open: (socket) => void socket.write(bytes), data() {}, close: () => closed.put(true) },
  });
  expect(await closed.next()).toBe(true);
});
