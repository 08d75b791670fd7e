import { expect, test } from "bun:test";
import type { ContainerInput, ContainerPort, NestedEnd, SessionCall } from "../../src/agent/port.ts";
import { agentApi } from "../../src/api/routes.ts";
import { fail, ok } from "../../src/base/result.ts";
import type { AgentCall, ProcessIO } from "../../src/model/v1/agent.ts";
import type { ContainerID } from "../../src/model/v1/ids.ts";
import { decodeJson } from "../../src/wire/json-decode.ts";
import { encodeJson } from "../../src/wire/json-encode.ts";
import { decodeProtobuf, encodeProtobuf } from "../../src/wire/protobuf.ts";
import { encodeRecord, RecordDecoder } from "../../src/wire/record-io.ts";
import { agentContext, ManualClock } from "../support/api-context.ts";
import { MemoryAgentPort } from "../support/memory-agent-port.ts";

const JSON_TYPE = "application/json";
const PROTOBUF = "application/x-protobuf";
const RECORDIO = "application/recordio";
const PARENT: ContainerID = { value: "p-1" };
const ID: ContainerID = { value: "s-1", parent: PARENT };
const text = new TextEncoder();

/** What a fake program says, and what was done to it. */
class Program {
  readonly pieces = [
    { stream: "stdout", bytes: text.encode("out") },
    { stream: "stderr", bytes: Uint8Array.of(0, 255) },
  ] as const;
  taken = 0;
  closed = 0;
  readonly said: string[] = [];
  terminal = true;
  takes = true;
  session: SessionCall | undefined;
  /** What `next` waits for once the pieces are out. */
  more: Promise<undefined> = Promise.resolve(undefined);
  exit: NestedEnd | undefined = { kind: "exited", code: 3 };

  readonly port: ContainerPort = {
    openSession: (call) => {
      this.session = call;
      return ok(this.#output());
    },
    attachOutput: ({ value }) =>
      value === "s-1"
        ? ok(this.#output())
        : fail({ status: 404, body: `Container ${value} cannot be found` }),
    attachInput: () => ok(this.#input()),
    wait: () => (this.exit === undefined ? undefined : Promise.resolve(this.exit)),
    kill: ({ value }, signal) => ({ status: 200, body: `${value} ${signal}` }),
    remove: ({ value }) => ({ status: 500, body: `${value} runs` }),
  };

  #output() {
    return {
      next: async () => this.pieces[this.taken++] ?? (await this.more),
      close: () => void this.closed++,
    };
  }

  #input(): ContainerInput {
    return {
      terminal: this.terminal,
      write: async (bytes) => {
        this.said.push(new TextDecoder().decode(bytes));
        return this.takes;
      },
      end: () => void this.said.push("end"),
      resize: ({ rows, columns }) => {
        if (this.terminal) this.said.push(`${rows}x${columns}`);
        return this.terminal;
      },
      release: () => void this.said.push("released"),
    };
  }
}

function setUp() {
  const program = new Program();
  const clock = new ManualClock();
  const exempt: Request[] = [];
  const port = Object.assign(new MemoryAgentPort(), { containers: program.port });
  const handler = agentApi({
    ...agentContext(port, clock),
    neverIdle: (request) => void exempt.push(request),
  });
  const send = async (
    call: object,
    headers: Record<string, string> = {},
    signal?: AbortSignal,
  ): Promise<Response> =>
    await handler(
      new Request("http://127.0.0.1:5051/api/v1", {
        method: "POST",
        headers: { "Content-Type": JSON_TYPE, Accept: JSON_TYPE, ...headers },
        body: JSON.stringify(call),
        ...(signal === undefined ? {} : { signal }),
      }),
    );
  const give = async (calls: readonly AgentCall[], type = JSON_TYPE): Promise<[number, string]> => {
    const encode = type === JSON_TYPE ? encodeJson : encodeProtobuf;
    const records = calls.map((call) => encodeRecord(encode("AgentCall", call)));
    const answer = await handler(
      new Request("http://127.0.0.1:5051/api/v1", {
        method: "POST",
        headers: { "Content-Type": RECORDIO, "Message-Content-Type": type, Accept: JSON_TYPE },
        body: Buffer.concat(records),
      }),
    );
    return [answer.status, await answer.text()];
  };
  return { program, clock, exempt, send, give };
}

const SESSION = {
  type: "LAUNCH_NESTED_CONTAINER_SESSION",
  launch_nested_container_session: { container_id: ID, command: { value: "true" } },
};
const OUTPUT = { type: "ATTACH_CONTAINER_OUTPUT", attach_container_output: { container_id: ID } };
const FIRST: AgentCall = {
  type: "ATTACH_CONTAINER_INPUT",
  attach_container_input: { type: "CONTAINER_ID", container_id: ID },
};
const input = (process_io: ProcessIO): AgentCall => ({
  type: "ATTACH_CONTAINER_INPUT",
  attach_container_input: { type: "PROCESS_IO", process_io },
});
const stdin = (data: string): AgentCall =>
  input({ type: "DATA", data: { type: "STDIN", data: text.encode(data) } });
const size = (rows: number, columns: number): AgentCall =>
  input({ type: "CONTROL", control: { type: "TTY_INFO", tty_info: { window_size: { rows, columns } } } });

function records(bytes: Uint8Array, protobuf: boolean): ProcessIO[] {
  const decoded = new RecordDecoder().push(bytes);
  if (!decoded.ok) throw new Error(decoded.error);
  return decoded.value.map((record) => {
    const message = protobuf
      ? decodeProtobuf("ProcessIO", record)
      : decodeJson("ProcessIO", new TextDecoder().decode(record));
    if (!message.ok) throw new Error("no ProcessIO");
    return message.value;
  });
}

test.each([
  [{ Accept: JSON_TYPE }, JSON_TYPE, null],
  [{ Accept: PROTOBUF }, PROTOBUF, null],
  [{ Accept: RECORDIO }, RECORDIO, JSON_TYPE],
  [{ Accept: RECORDIO, "Message-Accept": JSON_TYPE }, RECORDIO, JSON_TYPE],
  [{ Accept: RECORDIO, "Message-Accept": PROTOBUF }, RECORDIO, PROTOBUF],
])("a session's output comes as records, after a heartbeat, for %p", async (headers, type, inner) => {
  for (const call of [SESSION, OUTPUT]) {
    const { program, exempt, send } = setUp();
    const answer = await send(call, headers);
    expect(answer.status).toBe(200);
    expect(answer.headers.get("Content-Type")).toBe(type);
    expect(answer.headers.get("Message-Content-Type")).toBe(inner);
    const [heartbeat, ...data] = records(await answer.bytes(), (inner ?? type) === PROTOBUF);
    expect(heartbeat).toMatchObject({ type: "CONTROL", control: { type: "HEARTBEAT" } });
    expect(data.map((each) => each.data?.type)).toEqual(["STDOUT", "STDERR"]);
    expect(data.map((each) => [...(each.data?.data ?? [])])).toEqual(
      program.pieces.map(({ bytes }) => [...bytes]),
    );
    expect(exempt).toHaveLength(1);
  }
});

test("a session is asked for with its id, parent, command and container", async () => {
  const { program, send } = setUp();
  const container = { type: "MESOS", tty_info: { window_size: { rows: 1, columns: 2 } } };
  await send({
    ...SESSION,
    launch_nested_container_session: { ...SESSION.launch_nested_container_session, container },
  });
  expect(program.session).toMatchObject({ containerId: ID, command: { value: "true" }, container });
});

test("a client that does not read is not read for; one that leaves ends the output", async () => {
  const { program, send } = setUp();
  program.more = new Promise(() => {});
  const gone = new AbortController();
  const answer = await send(OUTPUT, {}, gone.signal);
  expect(program.taken).toBe(0);
  const reader = answer.body?.getReader();
  await reader?.read();
  await reader?.read();
  expect(program.taken).toBe(1);
  gone.abort();
  expect(program.closed).toBe(1);
});

test("heartbeats go out while the program says nothing, and only then", async () => {
  const { program, clock, send } = setUp();
  program.taken = 2;
  const waiting = Promise.withResolvers<undefined>();
  program.more = waiting.promise;
  const answer = await send(OUTPUT);
  expect(clock.repeating).toBe(0);
  const reader = answer.body?.getReader();
  await reader?.read();
  const second = reader?.read();
  clock.tick();
  const heartbeat = records((await second)?.value ?? new Uint8Array(), false);
  expect(heartbeat).toMatchObject([{ control: { type: "HEARTBEAT" } }]);
  waiting.resolve(undefined);
  expect((await reader?.read())?.done).toBe(true);
  expect(clock.repeating).toBe(0);
});

test.each([JSON_TYPE, PROTOBUF])("input, its end and window sizes reach the program, in %s", async (type) => {
  const { program, give, exempt } = setUp();
  const heartbeat = input({ type: "CONTROL", control: { type: "HEARTBEAT" } });
  expect(await give([FIRST, stdin("a"), heartbeat, size(4, 5), stdin("b"), stdin("")], type)).toEqual([
    200,
    "",
  ]);
  expect(program.said).toEqual(["a", "4x5", "b", "end", "released"]);
  expect(exempt).toHaveLength(1);
});

test("input that makes no sense is refused, and the program's input given back", async () => {
  const { program, give } = setUp();
  expect(await give([])).toEqual([400, "Expecting the container's id as the first record"]);
  expect((await give([stdin("a")]))[1]).toContain("to be CONTAINER_ID in the first record");
  expect((await give([{ type: "GET_HEALTH" }]))[0]).toBe(415);
  expect((await give([FIRST, FIRST]))[1]).toContain("to be PROCESS_IO after the first record");
  const stdout = input({ type: "DATA", data: { type: "STDOUT" } });
  expect((await give([FIRST, stdout]))[1]).toContain("'process_io.data.type' to be STDIN");
  program.terminal = false;
  expect((await give([FIRST, size(1, 1)]))[1]).toContain("has no terminal");
  program.takes = false;
  expect((await give([FIRST, stdin("a"), stdin("b")]))[1]).toContain("takes no more input");
  expect(program.said).toEqual(["released", "released", "released", "a", "released"]);
});

test("records that are none are refused", async () => {
  const { program } = setUp();
  const port = Object.assign(new MemoryAgentPort(), { containers: program.port });
  const headers = { "Content-Type": RECORDIO, "Message-Content-Type": JSON_TYPE };
  const send = async (body: string): Promise<[number, string]> => {
    const request = new Request("http://127.0.0.1:5051/api/v1", { method: "POST", headers, body });
    const answer = await agentApi(agentContext(port))(request);
    return [answer.status, await answer.text()];
  };
  expect((await send("nonsense"))[0]).toBe(400);
  expect((await send("2\n{]"))[0]).toBe(400);
  expect(await send("99999999\n{")).toMatchObject([400, expect.stringContaining("at most")]);
});

test("the end of a container is told as wait(2) tells it", async () => {
  const { program, send } = setUp();
  const wait = async () =>
    await (await send({ type: "WAIT_NESTED_CONTAINER", wait_nested_container: { container_id: ID } })).json();
  expect(await wait()).toEqual({
    type: "WAIT_NESTED_CONTAINER",
    wait_nested_container: { exit_status: 3 << 8 },
  });
  program.exit = { kind: "signaled", signal: 9 };
  expect(await wait()).toMatchObject({ wait_nested_container: { exit_status: 9 } });
  program.exit = { kind: "unknown", reason: "lost" };
  expect(await wait()).toMatchObject({ wait_nested_container: { message: "lost" } });
  const limited = {
    state: "TASK_FAILED",
    reason: "REASON_CONTAINER_LIMITATION_MEMORY",
    message: "m",
  } as const;
  program.exit = { kind: "signaled", signal: 9, limited };
  expect(await wait()).toMatchObject({ wait_nested_container: { exit_status: 9, ...limited } });
  // What is no session may be a nested container.
  program.exit = undefined;
  const lost = await send({ type: "WAIT_CONTAINER", wait_container: { container_id: ID } });
  expect([lost.status, await lost.text()]).toEqual([404, "Container c cannot be found"]);
});

test("kill takes a signal, 9 by default; remove may be refused", async () => {
  const { send } = setUp();
  const body = { container_id: ID };
  const ask = async (call: object): Promise<[number, string]> => {
    const answer = await send(call);
    return [answer.status, await answer.text()];
  };
  expect(await ask({ type: "KILL_CONTAINER", kill_container: body })).toEqual([200, "s-1 9"]);
  const nested = { type: "KILL_NESTED_CONTAINER", kill_nested_container: { ...body, signal: 15 } };
  expect(await ask(nested)).toEqual([200, "s-1 15"]);
  expect(await ask({ type: "REMOVE_CONTAINER", remove_container: body })).toEqual([500, "s-1 runs"]);
  expect((await ask({ type: "REMOVE_NESTED_CONTAINER", remove_nested_container: body }))[0]).toBe(500);
});

test.each([...["", "a.b", "../x", "a/b", "a\\b", "a b", "a\n"], ...["x".repeat(243), "é".repeat(122)]])(
  "a container id %p is refused",
  async (value) => {
    const { send } = setUp();
    const body = { container_id: { value, parent: PARENT }, command: { value: "true" } };
    for (const call of [
      { type: "LAUNCH_NESTED_CONTAINER_SESSION", launch_nested_container_session: body },
      { type: "ATTACH_CONTAINER_OUTPUT", attach_container_output: body },
      { type: "WAIT_CONTAINER", wait_container: body },
    ]) {
      const answer = await send(call);
      expect(answer.status).toBe(400);
      expect(await answer.text()).toContain("container_id.value'");
    }
  },
);

test.each(["a:b", "app@1,2", "a+1", "é", "$(x)", "x".repeat(242)])(
  "a container id %p is taken, as in Mesos",
  async (value) => {
    const { send } = setUp();
    const body = { container_id: { value, parent: PARENT } };
    const answer = await send({ type: "WAIT_CONTAINER", wait_container: body });
    expect(await answer.text()).not.toContain("validate");
    expect(answer.status).not.toBe(400);
  },
);

test("containers inside too many others are refused", async () => {
  const { send } = setUp();
  let id: ContainerID = PARENT;
  for (let depth = 0; depth < 32; depth++) id = { value: `c${depth}`, parent: id };
  const answer = await send({
    type: "ATTACH_CONTAINER_OUTPUT",
    attach_container_output: { container_id: id },
  });
  expect(await answer.text()).toContain("is inside more than 32 others");
});
