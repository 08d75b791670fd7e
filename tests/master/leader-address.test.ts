import { expect, test } from "bun:test";
import { LeaderAddress } from "../../src/master/leader-address.ts";

test("asks until answered, and anew in each term", () => {
  const at = (monotonicMs: number) => ({ monotonicMs, wallMs: 0 });
  const address = { id: "m", hostname: "h", ip: "10.0.0.1", port: 5050 };
  const leader = new LeaderAddress();
  expect(leader.shouldAsk(at(0))).toBe(false);
  leader.follow("peer:5060", 3);
  expect(leader.shouldAsk(at(0))).toBe(true);
  expect(leader.shouldAsk(at(100))).toBe(false);
  expect(leader.nextDeadlineMs()).toBe(250);
  expect(leader.shouldAsk(at(250))).toBe(true);
  leader.learn(2, address);
  expect(leader.leadership).toEqual({ kind: "unknown" });
  leader.learn(3, address);
  expect(leader.leadership).toEqual({ kind: "following", leader: address });
  expect(leader.shouldAsk(at(9_999))).toBe(false);
  expect(leader.nextDeadlineMs()).toBe(Number.POSITIVE_INFINITY);
  leader.follow("peer:5060", 4);
  expect(leader.leadership).toEqual({ kind: "unknown" });
  leader.follow(null, 4);
  expect(leader.shouldAsk(at(10_000))).toBe(false);
});
