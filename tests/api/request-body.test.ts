import { expect, test } from "bun:test";
import { readBody } from "../../src/api/request-body.ts";
import { BODIES_MAX_BYTES, REQUEST_BODY_MAX_BYTES } from "../../src/base/limits.ts";

/** A request whose body goes on until `end` or `fail`; its length is announced if given. */
function open(first: Uint8Array, announced?: number) {
  const held = Promise.withResolvers<ReadableStreamDefaultController<Uint8Array>>();
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(first);
      held.resolve(controller);
    },
  });
  const headers = announced === undefined ? {} : { "Content-Length": String(announced) };
  const request = new Request("http://mesh/", { method: "POST", body, headers });
  const result = readBody(request);
  return {
    result,
    end: async () => (await held.promise).close(),
    fail: async () => (await held.promise).error(new Error("gone")),
  };
}

const whole = (bytes: Uint8Array<ArrayBuffer>) =>
  readBody(new Request("http://mesh/", { method: "POST", body: bytes }));
const SMALL = new Uint8Array([1, 2, 3]);

async function refusal(result: ReturnType<typeof readBody>): Promise<[number, string]> {
  const read = await result;
  if (read.ok) throw new Error("The body was accepted");
  return [read.error.status, await read.error.text()];
}

test("bodies that never come are bounded together, and give their share back", async () => {
  const slow = Array.from({ length: BODIES_MAX_BYTES / REQUEST_BODY_MAX_BYTES }, () =>
    open(SMALL, REQUEST_BODY_MAX_BYTES),
  );
  expect(await refusal(whole(SMALL))).toEqual([503, expect.stringContaining("try again")]);
  expect(await refusal(open(SMALL, 1).result)).toEqual([503, expect.stringContaining("try again")]);
  await slow[0]?.end();
  expect(await slow[0]?.result).toMatchObject({ ok: true });
  expect(await whole(SMALL)).toEqual({ ok: true, value: SMALL });
  for (const each of slow.slice(1)) await each.fail();
  for (const each of slow.slice(1)) expect((await each.result).ok).toBe(false);
  expect(await whole(new Uint8Array(REQUEST_BODY_MAX_BYTES))).toMatchObject({ ok: true });
});

test("a body that breaks off is refused in words", async () => {
  for (const announced of [undefined, 100]) {
    const broken = open(SMALL, announced);
    await broken.fail();
    expect(await refusal(broken.result)).toEqual([400, expect.stringContaining("connection ended")]);
  }
});

test("a body above the limit is refused, announced or not", async () => {
  const size = REQUEST_BODY_MAX_BYTES + 1;
  expect(await refusal(open(SMALL, size).result)).toEqual([413, expect.stringContaining("larger than")]);
  expect(await refusal(open(new Uint8Array(size)).result)).toEqual([413, expect.stringContaining("larger")]);
});
