/** `mesh raft …` against real masters: what it prints, and how it refuses. */
import { expect, test } from "bun:test";
import { changeRaft } from "../../src/main/raft-commands.ts";
import { showRaftStatus } from "../../src/main/raft-status.ts";
import { printed } from "../support/printed.ts";
import { RaftGroup, raftStatus, until } from "../support/raft-group.ts";

test("a master is replaced by commands alone", async () => {
  await using group = new RaftGroup();
  const [a, b, c] = await group.startThree();
  const fourth = group.place();
  const options = { masters: [a.http, b.http, c.http], json: false };
  const hint = await printed(() => changeRaft("add", undefined, options));
  expect(hint).toContain(`mesh master --join ${a.http},${b.http},${c.http}`);

  await group.start(fourth, { join: options.masters });
  await until("the learner", async () => (await raftStatus(fourth)).role === "learner");
  await until("the vote", async () => {
    const said = await printed(() => changeRaft("promote", fourth.raft, options));
    return said === `Master ${fourth.raft} votes now`;
  });
  const table = await printed(() => showRaftStatus(options));
  expect(table).toContain("KIND");
  expect(table.match(/ voter /g)).toHaveLength(4);

  const { self } = await raftStatus(fourth);
  const led = await printed(() => changeRaft("transfer", fourth.raft, { ...options, json: true }));
  expect(JSON.parse(led)).toEqual({ action: "transfer", leader: self });
  const { self: gone } = await raftStatus(c);
  expect(await printed(() => changeRaft("remove", gone, options))).toContain("is no member any more");
  await until("the end of its membership", async () => (await raftStatus(c)).role === "removed");

  await expect(changeRaft("add", fourth.http, options)).rejects.toThrow("is a leader of a cluster already");
  await expect(changeRaft("remove", "nobody:1", options)).rejects.toThrow(
    "no member has the id or address 'nobody:1'",
  );
  await expect(changeRaft("promote", a.raft, options)).rejects.toThrow("votes already");
  await expect(changeRaft("promote", undefined, options)).rejects.toThrow("Missing the member");
}, 20_000);

test("a master of another cluster's name is not added", async () => {
  await using group = new RaftGroup();
  const [first, waiting] = [group.place(), group.place()];
  await group.start(first, { aloneListenMs: 0 });
  await group.leader();
  await group.start(waiting, { join: ["127.0.0.1:1"], cluster: "blue" });
  await expect(changeRaft("add", waiting.http, { masters: [first.http], json: false })).rejects.toThrow(
    'Failed to add the master: this is cluster "test", not "blue"; check its --cluster and --join',
  );
  expect((await raftStatus(first)).members).toHaveLength(1);
});
