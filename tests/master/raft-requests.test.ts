import { expect, test } from "bun:test";
import { RaftRequests } from "../../src/master/raft-requests.ts";

const PROVED = { kind: "answer", status: 200, body: "" } as const;

test("a read is answered once what it must show is applied, and only once", () => {
  const requests = new RaftRequests();
  requests.read(1, 11);
  requests.read(2, 12);
  requests.readReady(1, 5);
  requests.readReady(2, 7);
  expect(requests.applied(4)).toEqual([]);
  expect(requests.applied(6)).toEqual([{ ...PROVED, ref: 11 }]);
  expect(requests.applied(9)).toEqual([{ ...PROVED, ref: 12 }]);
  expect(requests.applied(9)).toEqual([]);
  expect(requests.readsWait).toBe(false);
});

test("a read that nobody proves, or that waits while there is no leader, is refused", () => {
  const requests = new RaftRequests();
  requests.read(1, 11);
  expect(requests.readDropped(1)).toMatchObject({ ref: 11, status: 503 });
  expect(requests.readDropped(1)).toBeUndefined();
  requests.read(2, 12);
  requests.readReady(2, 9);
  expect(requests.dropReady()).toMatchObject([{ ref: 12, status: 503 }]);
  expect(requests.applied(9)).toEqual([]);
});

test("a refused change says what failed, of whom, and what to do", () => {
  const requests = new RaftRequests();
  requests.change(1, 11, { kind: "add-learner", member: { id: "m", address: "m4:5060" } });
  const [answer] = requests.changeRefused(1, "address-taken");
  expect(answer).toEqual({
    kind: "answer",
    ref: 11,
    status: 409,
    body: "Cannot add master 'm4:5060': another member has the raft address of 'm4:5060'; remove that one first",
  });
  requests.change(2, 12, { kind: "promote", id: "m" });
  expect(requests.changed(2)).toEqual([{ ...PROVED, ref: 12 }]);
  expect(requests.changed(2)).toEqual([]);
});

test("what passes by itself is answered 503, so that clients try again", () => {
  const requests = new RaftRequests();
  for (const reason of ["unsettled", "change-under-way", "transferring", "deposed"] as const) {
    requests.change(1, 11, { kind: "remove", id: "m" });
    expect(requests.changeRefused(1, reason)).toMatchObject([{ ref: 11, status: 503 }]);
  }
});

test("transfers end with the new leader, or with why there is none", () => {
  const requests = new RaftRequests();
  requests.transfer(1);
  requests.transfer(2);
  expect(requests.transferred("m2")).toEqual([
    { kind: "answer", ref: 1, status: 200, body: "m2" },
    { kind: "answer", ref: 2, status: 200, body: "m2" },
  ]);
  requests.transfer(3);
  expect(requests.transferFailed("timed-out")).toMatchObject([{ ref: 3, status: 503 }]);
  expect(requests.transferred("m2")).toEqual([]);
});
