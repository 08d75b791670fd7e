/** The end of a leading master, seen through its port. */
import { expect, test } from "bun:test";
import { silentLog } from "../../src/base/log.ts";
import { handOver } from "../../src/main/hand-over.ts";
import type { CallAnswer, RaftStatus } from "../../src/master/port.ts";
import { MemoryMasterPort } from "../support/memory-master-port.ts";

/** Leads two others; its successor commits when told. */
class Leader extends MemoryMasterPort {
  readonly asked = Promise.withResolvers<void>();
  readonly committed = Promise.withResolvers<CallAnswer>();

  override raftStatus(): RaftStatus {
    const members = ["m-1", "m-2", "m-3"].map((id) => ({ id, address: `${id}:5060`, votes: true }));
    return { ...super.raftStatus(), members };
  }

  override readIndex(): Promise<CallAnswer> {
    this.asked.resolve();
    return this.committed.promise;
  }
}

test("a leader that ends stays until its successor has committed", async () => {
  const master = new Leader();
  let ended = false;
  const end = handOver(master, silentLog).then(() => {
    ended = true;
  });
  await master.asked.promise;
  expect(master.transfers).toEqual([undefined]);
  await Promise.resolve();
  expect(ended).toBe(false);
  master.committed.resolve({ status: 200, body: "" });
  await end;
});

test("a master that is alone, or does not lead, hands nothing over", async () => {
  const alone = new MemoryMasterPort();
  await handOver(alone, silentLog);
  expect(alone.transfers).toEqual([]);
  const follower = new Leader();
  const status = follower.raftStatus();
  follower.raftStatus = () => ({ ...status, role: "follower" });
  await handOver(follower, silentLog);
  expect(follower.transfers).toEqual([]);
});
