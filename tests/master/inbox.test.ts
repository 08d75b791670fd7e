import { expect, test } from "bun:test";
import { Inbox } from "../../src/master/inbox.ts";

test("inputs come out in their order, however they are taken", () => {
  const inbox = new Inbox<number>();
  const out: number[] = [];
  let next = 0;
  for (let round = 0; round < 300; round++) {
    for (let i = 0; i < (round * 7) % 31; i++) inbox.push(next++);
    out.push(...inbox.take((round * 5) % 29));
    expect(inbox.waiting).toBe(next - out.length);
  }
  out.push(...inbox.take(next));
  expect(out).toEqual(Array.from({ length: next }, (_, at) => at));
});

test("what was taken is let go although the inbox is never empty", () => {
  const inbox = new Inbox<number>();
  inbox.push(0);
  for (let i = 0; i < 50_000; i++) {
    inbox.push(i);
    inbox.take(1);
  }
  expect(inbox.waiting).toBe(1);
  expect(inbox.held).toBeLessThan(5_000);
});
