/** `mesh raft check` and `status` against real masters, at the moments when not all have answered yet. */
import { expect, test } from "bun:test";
import { checkRaft } from "../../src/main/raft-check.ts";
import { printed } from "../support/printed.ts";
import { type GroupMaster, RaftGroup, raftChange, raftStatus, until } from "../support/raft-group.ts";

async function check(
  masters: readonly string[],
  withinMs?: number,
): Promise<{ readonly status: number; readonly text: string }> {
  let status = -1;
  const text = await printed(async () => {
    status = await checkRaft({ masters, json: false }, withinMs);
  });
  return { status, text };
}

test("right after a founding and after a transfer, raft check waits for all masters", async () => {
  await using group = new RaftGroup();
  const three = await group.startThree();
  const masters = three.map(({ http }) => http);
  for (let round = 0; round < 3; round++) {
    const { status, text } = await check(masters);
    expect([status, text]).toEqual([
      0,
      expect.stringMatching(/^Registries at log index \d+: 3 of 3 masters agree$/),
    ]);
    expect((await raftChange(three[0], "transfer", {})).status).toBe(200);
  }
}, 20_000);

test("a master that is away is not heard from, which is another thing than that it differs", async () => {
  await using group = new RaftGroup();
  const three = await group.startThree();
  const leader = await group.leader();
  const [heir, away] = three.filter((master) => master !== leader) as [GroupMaster, GroupMaster];
  const { self } = await raftStatus(away);
  await group.stop(away);
  await until("the transfer", async () => {
    return (await raftChange(leader, "transfer", { to: heir.raft })).status === 200;
  });
  await until("the comparison", async () => (await raftStatus(await group.leader())).digest?.agreed === 2);
  const { status, text } = await check(
    three.map(({ http }) => http),
    100,
  );
  expect(status).toBe(1);
  expect(text).toContain("2 of 3 masters agree");
  expect(text).toContain(
    `Master ${self} at ${away.raft} is not heard from: it is away, lags, or is of another feature level`,
  );
  expect(text).toContain(`${away.http} gives no answer`);
  expect(text).not.toContain("differs");
}, 20_000);

test("a follower started anew in an idle cluster takes part in the comparison", async () => {
  await using group = new RaftGroup();
  const three = await group.startThree();
  const leader = await group.leader();
  const follower = three.find((master) => master !== leader) ?? three[0];
  await group.stop(follower);
  await group.start(follower, {});
  expect((await check(three.map(({ http }) => http))).status).toBe(0);
}, 20_000);

test("one master alone has nothing to compare", async () => {
  await using group = new RaftGroup();
  const only = group.place();
  await group.start(only, {});
  await group.leader();
  const { status, text } = await check([only.http]);
  expect([status, text]).toEqual([0, "One master: there is nothing to compare its registry with"]);
}, 20_000);

test("a follower that answers is connected, also between two checks of the quorum", async () => {
  await using group = new RaftGroup();
  const three = await group.startThree();
  const leader = await group.leader();
  await until("both followers", async () => (await raftStatus(leader)).peers.every((peer) => peer.connected));
  // Several checks of the quorum go by, on a slow machine too few looks in that time.
  const endMs = performance.now() + 1_500;
  for (let looks = 0; performance.now() < endMs || looks < 50; looks++) {
    const { role, peers } = await raftStatus(leader);
    expect([role, ...peers.map((peer) => peer.connected)]).toEqual(["leader", true, true]);
  }
  await group.stop(three.find((master) => master !== leader) ?? three[0]);
  await until("the loss", async () => {
    return (await raftStatus(leader)).peers.filter((peer) => !peer.connected).length === 1;
  });
}, 20_000);
