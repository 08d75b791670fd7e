import { expect, test } from "bun:test";
import { LINK_MESSAGES_MAX_BYTES, LINK_QUEUE_MAX_BYTES } from "../../src/base/limits.ts";
import type { AcceptedLink } from "../../src/io/agent-link.ts";
import { serveAgent } from "../../src/main/serve-agent.ts";
import type { AgentLinkDriver } from "../../src/master/link-driver.ts";
import type { AgentToMaster, MasterToAgent } from "../../src/model/agent-protocol.ts";
import { decodeMsgpack, encodeMsgpack } from "../../src/wire/msgpack.ts";

function setUp() {
  const taken: AgentToMaster[] = [];
  const warnings: Readonly<Record<string, unknown>>[] = [];
  const state = { closed: false, congested: false, paused: false, queuedBytes: 0 };
  const sent: unknown[] = [];
  const drivers: AgentLinkDriver[] = [];
  const link: AcceptedLink = {
    remote: "10.0.0.9:4000",
    get queuedBytes() {
      return state.queuedBytes;
    },
    send: (payload) => {
      if (state.queuedBytes + payload.length > LINK_QUEUE_MAX_BYTES) return false;
      sent.push(decodeMsgpack(payload));
      return true;
    },
    pause: () => {
      state.paused = true;
    },
    resume: () => {
      state.paused = false;
    },
    close: () => {
      state.closed = true;
    },
    end: () => {
      state.closed = true;
    },
  };
  const master = {
    get congested() {
      return state.congested;
    },
    agentLinkOpened: (driver: AgentLinkDriver) => {
      drivers.push(driver);
      return { message: (message: AgentToMaster) => void taken.push(message), closed() {} };
    },
  };
  const log = {
    debug() {},
    info() {},
    warn: (_: string, fields?: Readonly<Record<string, unknown>>) => void warnings.push(fields ?? {}),
    error() {},
  };
  const { onMessage } = serveAgent(master, link, log);
  const tell = (message: MasterToAgent): void => drivers[0]?.send(message);
  return { taken, warnings, state, sent, tell, say: (value: unknown) => onMessage(encodeMsgpack(value)) };
}

test("a message is handed on; one of a later version is passed over", () => {
  const { taken, state, say } = setUp();
  say({ kind: "news" });
  say({ kind: "pong", nonce: 1 });
  expect(taken).toEqual([{ kind: "pong", nonce: 1 }]);
  expect(state.closed).toBe(false);
});

test("a message that is none ends the link, with the field in the log", () => {
  const { taken, warnings, state, say } = setUp();
  say({ kind: "pong", nonce: "one" });
  expect(taken).toEqual([]);
  expect(state.closed).toBe(true);
  expect(warnings).toEqual([{ remote: "10.0.0.9:4000", reason: `pong: 'nonce' is not valid: "one"` }]);
});

test("messages for executors end no link: what does not fit of them is dropped", () => {
  const { sent, state, tell } = setUp();
  const ids = { term: 1, frameworkId: "f", executorId: "e" };
  const message = { kind: "framework-message", ...ids, data: new Uint8Array(8) } as const;
  const ping = { kind: "ping", term: 1, nonce: 1 } as const;
  tell(message);
  state.queuedBytes = LINK_MESSAGES_MAX_BYTES;
  tell(message);
  tell(ping);
  state.queuedBytes = LINK_QUEUE_MAX_BYTES;
  tell(message);
  expect(sent).toEqual([message, ping].map((value) => ({ ok: true, value })));
  expect(state.closed).toBe(false);
  tell(ping);
  expect(state.closed).toBe(true);
});

test("a full inbox lets the agent wait", async () => {
  const { state, say } = setUp();
  state.congested = true;
  say({ kind: "pong", nonce: 1 });
  expect(state.paused).toBe(true);
  state.congested = false;
  for (let turns = 0; state.paused && turns < 1_000; turns++) await Bun.sleep(1);
  expect(state.paused).toBe(false);
});
