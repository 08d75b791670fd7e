import { expect, test } from "bun:test";
import type { AcceptedLink } from "../../src/io/agent-link.ts";
import { serveAgent } from "../../src/main/serve-agent.ts";
import type { AgentToMaster } from "../../src/model/agent-protocol.ts";
import { encodeMsgpack } from "../../src/wire/msgpack.ts";

function setUp() {
  const taken: AgentToMaster[] = [];
  const warnings: Readonly<Record<string, unknown>>[] = [];
  const state = { closed: false, congested: false, paused: false };
  const link: AcceptedLink = {
    remote: "10.0.0.9:4000",
    queuedBytes: 0,
    send: () => true,
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
    agentLinkOpened: () => ({ message: (message: AgentToMaster) => void taken.push(message), closed() {} }),
  };
  const log = {
    debug() {},
    info() {},
    warn: (_: string, fields?: Readonly<Record<string, unknown>>) => void warnings.push(fields ?? {}),
    error() {},
  };
  const { onMessage } = serveAgent(master, link, log);
  return { taken, warnings, state, say: (value: unknown) => onMessage(encodeMsgpack(value)) };
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

test("a full inbox lets the agent wait", async () => {
  const { state, say } = setUp();
  state.congested = true;
  say({ kind: "pong", nonce: 1 });
  expect(state.paused).toBe(true);
  state.congested = false;
  for (let turns = 0; state.paused && turns < 1_000; turns++) await Bun.sleep(1);
  expect(state.paused).toBe(false);
});
