import { expect, test } from "bun:test";
import { Alarm } from "../../src/master/alarm.ts";

test("rings at the earliest moment asked for, and sets a timer only when that comes nearer", () => {
  const timers: { readonly atMs: number; readonly wake: () => void; cancelled: boolean }[] = [];
  let rung = 0;
  const alarm = new Alarm(
    (atMs, wake) => {
      const timer = { atMs, wake, cancelled: false };
      timers.push(timer);
      return () => {
        timer.cancelled = true;
      };
    },
    () => rung++,
  );
  const set = () => timers.map(({ atMs, cancelled }) => `${atMs}${cancelled ? " cancelled" : ""}`);
  alarm.set(Number.POSITIVE_INFINITY);
  alarm.set(100);
  alarm.set(200);
  alarm.set(100);
  expect(set()).toEqual(["100"]);
  alarm.set(50);
  expect(set()).toEqual(["100 cancelled", "50"]);
  timers[1]?.wake();
  expect(rung).toBe(1);
  alarm.set(200);
  expect(set()).toEqual(["100 cancelled", "50", "200"]);
  alarm.cancel();
  alarm.set(300);
  expect(set()).toEqual(["100 cancelled", "50", "200 cancelled", "300"]);
});
