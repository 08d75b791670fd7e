/**
 * The replicated log on real processes and a real network: three masters in
 * network namespaces of the test's own, clients that record what they see, a
 * fault, and the question whether one register could have answered so.
 */
import { expect, test } from "bun:test";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { mayRun } from "../support/must-run.ts";
import { NetCluster } from "./net-cluster.ts";
import { namespacesWork } from "./net-namespaces.ts";
import { eventually } from "./test-cluster.ts";

const TIMEOUT_MS = 60_000;
/** Answers that show that the cluster works. */
const SOME = 100;

const possible = namespacesWork();

function fault(
  name: string,
  body: (cluster: NetCluster) => Promise<void>,
  prepare?: (c: NetCluster) => void,
): void {
  const run = async (): Promise<void> => {
    await using cluster = await NetCluster.start(prepare);
    try {
      cluster.startClients(name.length);
      await cluster.answers(SOME);
      await body(cluster);
      await cluster.answers(SOME);
      expect(await cluster.checkHistory()).toBeGreaterThan(2 * SOME);
    } catch (error) {
      console.error(cluster.logTails());
      throw error;
    }
  };
  test.skipIf(!mayRun(possible))(name, run, TIMEOUT_MS);
}

fault("kill -9 of the leader, again and again", async (cluster) => {
  for (let round = 0; round < 3; round++) {
    const leader = await cluster.leader();
    await cluster.kill(leader);
    await cluster.answers(SOME);
    cluster.startMaster(leader);
    await cluster.caughtUp(leader);
  }
});

fault("kill -9 of all masters at once", async (cluster) => {
  await Promise.all([0, 1, 2].map((i) => cluster.kill(i)));
  for (const i of [0, 1, 2]) cluster.startMaster(i);
  await cluster.leader();
});

fault("a stopped leader that goes on later does not answer from the past", async (cluster) => {
  for (let round = 0; round < 2; round++) {
    const leader = await cluster.leader();
    cluster.signal(leader, "SIGSTOP");
    await eventually("a new leader", async () => {
      for (const i of [0, 1, 2]) if (i !== leader && (await cluster.raft(i))?.role === "leader") return true;
      return undefined;
    });
    await cluster.answers(SOME);
    cluster.signal(leader, "SIGCONT");
    await cluster.caughtUp(leader);
  }
});

fault("a leader that is cut off steps down and comes back", async (cluster) => {
  const leader = await cluster.leader();
  cluster.network.cutOff(leader);
  await cluster.answers(SOME);
  await eventually(
    "the old leader to step down",
    async () => (await cluster.raft(leader))?.role !== "leader",
  );
  cluster.network.healOff(leader);
  await cluster.caughtUp(leader);
});

fault("a leader that the others cannot hear gives way", async (cluster) => {
  const leader = await cluster.leader();
  const others = [0, 1, 2].filter((i) => i !== leader);
  for (const other of others) cluster.network.cutOneWay(leader, other);
  await cluster.leader(leader);
  await cluster.answers(SOME);
  for (const other of others) cluster.network.healOneWay(leader, other);
  await cluster.caughtUp(leader);
});

fault("a leader that cannot hear the others gives way", async (cluster) => {
  const leader = await cluster.leader();
  const others = [0, 1, 2].filter((i) => i !== leader);
  for (const other of others) cluster.network.cutOneWay(other, leader);
  await eventually("another leader", async () => {
    for (const i of others) if ((await cluster.raft(i))?.role === "leader") return true;
    return undefined;
  });
  await cluster.answers(SOME);
  for (const other of others) cluster.network.healOneWay(other, leader);
  await cluster.caughtUp(leader);
});

fault("two followers that cannot reach each other disturb nobody", async (cluster) => {
  const leader = await cluster.leader();
  const [a = 0, b = 0] = [0, 1, 2].filter((i) => i !== leader);
  const before = await cluster.raft(leader);
  cluster.network.cutOneWay(a, b);
  cluster.network.cutOneWay(b, a);
  await cluster.answers(4 * SOME);
  expect((await cluster.raft(leader))?.term).toBe(before?.term ?? 0);
  cluster.network.healOneWay(a, b);
  cluster.network.healOneWay(b, a);
});

fault("a slow link of one follower slows nobody else down", async (cluster) => {
  const leader = await cluster.leader();
  const slow = (leader + 1) % 3;
  cluster.network.slow(slow, 64);
  await cluster.answers(4 * SOME);
  cluster.network.unslow(slow);
  await cluster.caughtUp(slow);
});

const DISK_MIB = 48;
const FULL = /data directory is full/;

fault(
  "a full disk of one master stops only that one, until there is room",
  async (cluster) => {
    const filler = join(cluster.dataDirectory(0), "filler");
    // As much as there is: the write ends where the disk does.
    Bun.spawnSync(["dd", "if=/dev/zero", `of=${filler}`, "bs=64k"], { stderr: "ignore" });
    await cluster.answers(4 * SOME);
    await eventually("the master to notice", () => FULL.test(cluster.log(0)));
    rmSync(filler);
    await eventually("the full master to run", async () => (await cluster.raft(0)) !== undefined);
    await cluster.caughtUp(0);
  },
  (cluster) => {
    const place = cluster.dataDirectory(0);
    const mounted = Bun.spawnSync(["mount", "-t", "tmpfs", "-o", `size=${DISK_MIB}m`, "tmpfs", place]);
    if (!mounted.success) throw new Error("Cannot mount a small disk");
    writeFileSync(join(place, "probe"), "");
    rmSync(join(place, "probe"));
  },
);

fault("a master whose directory was wiped does not come back as the old one", async (cluster) => {
  const leader = await cluster.leader();
  const wiped = (leader + 1) % 3;
  await cluster.kill(wiped);
  rmSync(cluster.dataDirectory(wiped), { recursive: true });
  cluster.startMaster(wiped);
  await cluster.answers(2 * SOME);
  // Without the third's vote the two others are the quorum; nobody may lead with an empty log.
  expect((await cluster.raft(wiped))?.role).not.toBe("leader");
});

fault("a member is replaced under load", async (cluster) => {
  const joining = 3;
  cluster.startMaster(joining, true);
  await eventually("the new master to be sent the log", async () => {
    const status = await cluster.raft(joining);
    return status !== undefined && status.commitIndex > 0;
  });
  await cluster.caughtUp(joining);
  await cluster.mesh("raft", "promote", cluster.raftAddress(joining));
  const leader = await cluster.leader();
  const leaving = leader === 0 ? 1 : 0;
  await cluster.mesh("raft", "remove", cluster.raftAddress(leaving));
  await cluster.kill(leaving);
  await cluster.answers(SOME);
  // The newcomer's vote counts: with one more gone, two of three are left.
  const other = [0, 1, 2].find((i) => i !== leaving && i !== leader) ?? 0;
  await cluster.kill(other);
  await cluster.answers(SOME);
});
