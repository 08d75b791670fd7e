import { describe, expect, test } from "bun:test";
import type { CallAnswer } from "../../src/agent/port.ts";
import { ContainerSessions } from "../../src/agent/run-sessions.ts";
import { SESSIONS_MAX, STREAM_QUEUE_MAX_BYTES } from "../../src/base/limits.ts";
import { fail, ok, type Result } from "../../src/base/result.ts";
import type { ContainerSpec, Exit } from "../../src/isolation/container.ts";
import type { OutputPiece, Session } from "../../src/isolation/session.ts";
import type { ContainerInfo } from "../../src/model/v1/containers.ts";
import type { ContainerID } from "../../src/model/v1/ids.ts";
import type { CommandInfo } from "../../src/model/v1/tasks.ts";
import { MemoryMachine, MemoryRuntime } from "../support/memory-runtime.ts";
import { AgentBench } from "./agent-bench.ts";

/** The container of the command task `t`. */
const TASK: ContainerID = { value: "t-r1" };
const SHELL: CommandInfo = { value: "true", environment: { variables: [{ name: "A", value: "own" }] } };

class FakeSession implements Session {
  readonly #exit = Promise.withResolvers<Exit>();
  readonly exit = this.#exit.promise;
  readonly pieces: OutputPiece[] = [];
  readonly signals: number[] = [];
  released = 0;
  readonly output = { next: async () => this.pieces.shift(), close() {} };
  readonly input = {
    terminal: false,
    write: async () => true,
    end() {},
    resize: () => false,
    release: () => void this.released++,
  };

  signal(signal: number): void {
    this.signals.push(signal);
  }

  kill(): void {
    this.end({ kind: "signaled", signal: 9 });
  }

  end(exit: Exit): void {
    this.#exit.resolve(exit);
  }
}

function setUp() {
  const bench = AgentBench.registered();
  bench.running("t");
  const opened: { session: FakeSession; spec: ContainerSpec; containerId: string }[] = [];
  const followed: { paths: string[]; ended: AbortSignal }[] = [];
  const runtime = Object.assign(new MemoryRuntime(new MemoryMachine()), {
    openSession: (containerId: string, spec: ContainerSpec): Result<Session> => {
      const session = new FakeSession();
      opened.push({ session, spec, containerId });
      return ok(session);
    },
    openInput: () => fail("it runs without a terminal, with empty input"),
  });
  const sessions = new ContainerSessions(bench.core.state, {
    runtime,
    followOutput: (files, ended) => {
      followed.push({ paths: files.map(({ path }) => path), ended });
      return { next: async () => undefined, close() {} };
    },
  });
  const open = (value: string, command: CommandInfo | undefined = SHELL, container?: ContainerInfo) =>
    sessions.openSession({ containerId: { value, parent: TASK }, command, container });
  return { bench, sessions, opened, followed, open };
}

const idOf = (value: string): ContainerID => ({ value, parent: TASK });
const never = new AbortController().signal;

function refusal(result: Result<unknown, CallAnswer>): CallAnswer {
  if (result.ok) throw new Error("It was not refused");
  return result.error;
}

describe("a session", () => {
  test("has what its container has, with its own command, variables and terminal", () => {
    const { opened, open } = setUp();
    const size = { rows: 3, columns: 4 };
    expect(open("s", SHELL, { type: "MESOS", tty_info: { window_size: size } }).ok).toBe(true);
    const { containerId, spec } = opened[0] ?? {};
    expect(containerId).toBe("t-r1");
    expect(spec).toMatchObject({ command: { kind: "shell", script: "true" }, terminal: { size } });
    expect(spec?.environment).toContainEqual(["A", "own"]);
    expect(spec?.environment).toContainEqual(["MESOS_EXECUTOR_ID", "t"]);
    expect(spec?.sandbox).toEndWith("/t-r1");
  });

  test("is refused where it cannot be, with the reason", () => {
    const { sessions, open } = setUp();
    const noParent = sessions.openSession({ containerId: TASK, command: SHELL, container: undefined });
    expect(refusal(noParent).body).toBe("Expecting 'container_id.parent' to be present");
    const parent = { value: "unknown" };
    const orphan = { containerId: { value: "s", parent }, command: SHELL, container: undefined };
    expect(refusal(sessions.openSession(orphan))).toEqual({
      status: 404,
      body: "Container unknown cannot be found",
    });
    expect(refusal(open("s", {})).body).toContain("the command has no value");
    expect(refusal(open("s", { value: "x", uris: [{ value: "/x" }] })).body).toContain("URIs");
    const hostname = refusal(open("s", SHELL, { type: "MESOS", hostname: "h" }));
    expect(hostname.body).toContain("cannot have hostname of its own");
  });

  test("of an id that is there already is launched once", async () => {
    const { opened, open } = setUp();
    open("s");
    expect(refusal(open("s"))).toEqual({ status: 202, body: "" });
    opened[0]?.session.kill();
    await opened[0]?.session.exit;
    expect(refusal(open("s")).status).toBe(202);
    expect(opened).toHaveLength(1);
  });

  test("is refused beyond so many at once", async () => {
    const { opened, open } = setUp();
    for (let count = 0; count < SESSIONS_MAX; count++) expect(open(`s${count}`).ok).toBe(true);
    expect(refusal(open("more")).status).toBe(503);
    opened[0]?.session.kill();
    await opened[0]?.session.exit;
    expect(open("more").ok).toBe(true);
  });

  test("tells its end to those who waited and those who ask late, until it is removed", async () => {
    const { sessions, opened, open } = setUp();
    open("s");
    const waiting = sessions.wait(idOf("s"), never);
    const gone = new AbortController();
    const left = sessions.wait(idOf("s"), gone.signal);
    gone.abort();
    expect(await left).toBeUndefined();
    expect(sessions.remove(idOf("s"))?.status).toBe(500);
    opened[0]?.session.end({ kind: "exited", code: 3 });
    expect(await waiting).toEqual({ kind: "exited", code: 3 });
    expect(await sessions.wait(idOf("s"), never)).toEqual({ kind: "exited", code: 3 });
    expect(sessions.kill(idOf("s"), 9)?.status).toBe(200);
    expect(sessions.remove(idOf("s"))?.status).toBe(200);
    // What is no session may be another container.
    expect(sessions.wait(idOf("s"), never)).toBeUndefined();
    expect(sessions.kill(idOf("s"), 9)).toBeUndefined();
    expect(sessions.remove(idOf("s"))).toBeUndefined();
  });

  test("is signalled, and ended by 9 and by the end of its owner's interest", async () => {
    const { sessions, opened, open } = setUp();
    open("s");
    for (const none of [0, -1, 65, 2 ** 31 - 1]) expect(sessions.kill(idOf("s"), none)?.status).toBe(400);
    sessions.kill(idOf("s"), 15);
    expect(opened[0]?.session.signals).toEqual([15]);
    sessions.kill(idOf("s"), 9);
    expect(await opened[0]?.session.exit).toEqual({ kind: "signaled", signal: 9 });
    const output = open("s2");
    if (output.ok) output.value.close();
    expect(await opened[1]?.session.exit).toEqual({ kind: "signaled", signal: 9 });
  });

  test("has one giver of input at a time, who may be followed by another", async () => {
    const { sessions, opened, open } = setUp();
    open("s");
    const first = sessions.attachInput(idOf("s"));
    expect(refusal(sessions.attachInput(idOf("s"))).status).toBe(409);
    if (first.ok) first.value.release();
    expect(opened[0]?.session.released).toBe(1);
    expect(sessions.attachInput(idOf("s")).ok).toBe(true);
  });
});

describe("output", () => {
  const piece = (length: number): OutputPiece => ({ stream: "stdout", bytes: new Uint8Array(length) });

  test("of a session goes to all who want it; one who does not take it is cut off, and it ends for all", async () => {
    const { sessions, opened, open } = setUp();
    const owner = open("s");
    const second = sessions.attachOutput(idOf("s"));
    const idle = sessions.attachOutput(idOf("s"));
    if (!owner.ok || !second.ok || !idle.ok) throw new Error("It is refused");
    const half = STREAM_QUEUE_MAX_BYTES / 2 + 1;
    opened[0]?.session.pieces.push(piece(1), piece(half), piece(half));
    const waiting = second.value.next();
    expect((await owner.value.next())?.bytes.length).toBe(1);
    expect((await waiting)?.bytes.length).toBe(1);
    await owner.value.next();
    expect((await second.value.next())?.bytes.length).toBe(half);
    await owner.value.next();
    expect((await second.value.next())?.bytes.length).toBe(half);
    expect(await idle.value.next()).toBeUndefined();
    const last = second.value.next();
    expect(await owner.value.next()).toBeUndefined();
    expect(await last).toBeUndefined();
  });

  test("of a task is what its sandbox gets, until its container ends", () => {
    const { sessions, followed } = setUp();
    expect(sessions.attachOutput(TASK).ok).toBe(true);
    expect(followed[0]?.paths.map((path) => path.split("/").at(-1))).toEqual(["stdout", "stderr"]);
    expect(followed[0]?.ended.aborted).toBe(false);
    sessions.containerEnded("t-r1", { kind: "exited", code: 0 });
    expect(followed[0]?.ended.aborted).toBe(true);
    expect(refusal(sessions.attachOutput({ value: "unknown" })).status).toBe(404);
  });

  test("and input of a task without a terminal is refused with the reason", () => {
    const { sessions } = setUp();
    expect(refusal(sessions.attachInput(TASK)).body).toContain("without a terminal");
    expect(refusal(sessions.attachInput({ value: "unknown" })).status).toBe(404);
  });
});
