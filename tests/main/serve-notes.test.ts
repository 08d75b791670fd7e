import { expect, test } from "bun:test";
import { NOTE_VALUE_MAX_BYTES } from "../../src/base/limits.ts";
import type { AgentLink } from "../../src/io/agent-link.ts";
import {
  decodeNoteAnswer,
  encodeNoteRequest,
  type NoteAnswer,
  type NoteRequest,
} from "../../src/io/note-link.ts";
import { serveNotes } from "../../src/main/serve-notes.ts";
import { MemoryMasterPort } from "../support/memory-master-port.ts";

function setUp() {
  const port = new MemoryMasterPort();
  let answered: (answer: NoteAnswer | undefined) => void = () => {};
  const state = { closed: false };
  const link: AgentLink = {
    remote: "test",
    queuedBytes: 0,
    send: (payload) => {
      answered(decodeNoteAnswer(payload));
      return true;
    },
    pause() {},
    resume() {},
    close: () => {
      state.closed = true;
    },
  };
  const handlers = serveNotes(port, link);
  const ask = (request: NoteRequest): Promise<NoteAnswer | undefined> =>
    new Promise((resolve) => {
      answered = resolve;
      handlers.onMessage(encodeNoteRequest(request));
    });
  return { port, handlers, state, ask };
}

const VALUE = new Uint8Array([5]);

test("a note is stored, read and removed with versions", async () => {
  const { ask } = setUp();
  expect((await ask({ id: 1, operation: "get", key: "k" }))?.status).toBe(404);
  const stored = await ask({ id: 2, operation: "put", key: "k", value: VALUE, ifVersion: 0 });
  expect(stored?.status).toBe(200);
  const read = await ask({ id: 3, operation: "get", key: "k" });
  expect(read).toEqual({ id: 3, status: 200, body: VALUE, version: stored?.version });
  expect((await ask({ id: 4, operation: "put", key: "k", value: VALUE, ifVersion: 0 }))?.status).toBe(412);
  expect((await ask({ id: 5, operation: "delete", key: "k" }))?.status).toBe(200);
});

test("a follower names the leader's raft port for changes and answers reads", async () => {
  const { port, ask } = setUp();
  const leader = { id: "m-2", hostname: "10.0.0.2", ip: "10.0.0.2", port: 5050 };
  port.leadershipNow = { kind: "following", leader };
  const answer = await ask({ id: 1, operation: "put", key: "k", value: VALUE });
  expect([answer?.status, answer?.body]).toEqual([307, "127.0.0.1:5060"]);
  expect((await ask({ id: 2, operation: "get", key: "k" }))?.status).toBe(404);
});

test("what is out of bounds is refused, and garbage ends the link", async () => {
  const { ask, handlers, state } = setUp();
  expect((await ask({ id: 1, operation: "get", key: "a//b" }))?.status).toBe(400);
  const value = new Uint8Array(NOTE_VALUE_MAX_BYTES + 1);
  expect((await ask({ id: 2, operation: "put", key: "k", value }))?.status).toBe(400);
  expect(state.closed).toBe(false);
  handlers.onMessage(new Uint8Array([0xc1]));
  expect(state.closed).toBe(true);
});
