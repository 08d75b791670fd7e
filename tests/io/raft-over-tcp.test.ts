/** Core, level store and TCP links together: three members in one process. */
import { afterEach, expect, test } from "bun:test";
import { LevelDatabase } from "../../src/io/level.ts";
import { decodeLogRecord } from "../../src/io/log-record.ts";
import { logKey, putFact } from "../../src/io/store-keys.ts";
import type { RaftConfig } from "../../src/raft/types.ts";
import { RaftDriver } from "../support/raft-driver.ts";

const NO_BYTES = new Uint8Array(0);
let drivers: RaftDriver[] = [];
let watchers: (() => void)[] = [];
afterEach(async () => {
  for (const driver of drivers) await driver.dispose();
  drivers = [];
});

function freePort(): number {
  const probe = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const { port } = probe;
  probe.stop(true);
  return port;
}

async function startThree(options: Partial<RaftConfig> = {}): Promise<void> {
  const peers = [1, 2, 3].map(() => `127.0.0.1:${freePort()}`);
  const changed = () => {
    for (const watcher of [...watchers]) watcher();
  };
  drivers = peers.map((self) => new RaftDriver({ self, peers, ...options }, changed));
  await Promise.all(drivers.map((driver) => driver.start()));
}

/** Looked at after every step of any member. */
function until<T>(find: () => T | undefined | false): Promise<T> {
  return new Promise((resolve) => {
    const look = () => {
      const found = find();
      if (found === undefined || found === false) return;
      watchers = watchers.filter((watcher) => watcher !== look);
      resolve(found);
    };
    watchers.push(look);
    look();
  });
}

const leader = () => until(() => drivers.find((driver) => driver.status?.termCommitted));

function everyoneApplied(count: number): Promise<boolean> {
  return until(() => drivers.every((driver) => driver.status !== null && driver.applied.length >= count));
}

test("three members elect, commit, survive the leader's end, and the old leader catches up", async () => {
  await startThree();
  const first = await leader();
  for (let n = 1; n <= 100; n++) first.propose(n, `c${n}`);
  await everyoneApplied(100);
  const stopped = performance.now();
  await first.stop();
  const second = await leader();
  const tookMs = performance.now() - stopped;
  if (process.env["MESH_SHOW"] !== undefined)
    console.log(`new leader committed after ${tookMs.toFixed(0)} ms`);
  expect(second).not.toBe(first);
  second.propose(101, "after");
  await until(() => drivers.every((driver) => driver === first || driver.applied.includes("after")));
  await first.start();
  await until(() => first.applied.includes("after"));
  const wanted = [...Array.from({ length: 100 }, (_, n) => `c${n + 1}`), "after"];
  for (const driver of drivers) expect(await driver.state()).toEqual([...wanted].sort());
  expect(second.applied).toEqual(wanted);
});

test("a member that was away past compaction gets the state over TCP", async () => {
  await startThree({ keepEntries: 5 });
  const first = await leader();
  const away = drivers.find((driver) => driver !== first) as RaftDriver;
  await away.stop();
  const { lastIndex } = first.status ?? { lastIndex: 0 };
  for (let n = 1; n <= 50; n++) first.propose(n, `c${String(n).padStart(2, "0")}`);
  await until(() => (first.status?.appliedIndex ?? 0) >= lastIndex + 50);
  await away.start();
  await until(() => (away.status?.appliedIndex ?? 0) >= lastIndex + 50);
  expect(away.installs).toBe(1);
  expect(await away.state()).toEqual(await first.state());
  expect((await away.state()).length).toBe(50);
});

test("a member with a damaged log fetches it again from the others and takes part again", async () => {
  await startThree();
  const first = await leader();
  for (let n = 1; n <= 20; n++) first.propose(n, `c${n}`);
  await everyoneApplied(20);
  const hurt = drivers.find((driver) => driver !== first) as RaftDriver;
  await hurt.stop();
  const db = await LevelDatabase.open(hurt.directory);
  // As if nothing after entry 5 was applied yet; entry 10 rots.
  const fifth = decodeLogRecord((await db.get(logKey(5))) ?? NO_BYTES);
  const applied = { index: 5, term: 1, checksum: fifth.ok ? fifth.value.checksum : 0 };
  const rotten = Uint8Array.from((await db.get(logKey(10))) ?? NO_BYTES).fill(0, 0, 4);
  await db.write([...putFact("applied", applied), { type: "put", key: logKey(10), value: rotten }], true);
  await db.close();
  await hurt.start();
  expect(hurt.status?.lastIndex).toBe(9);
  expect(hurt.status?.damage?.reason).toContain("entry 10 of the log is damaged");
  first.propose(21, "after");
  await until(() => hurt.applied.includes("after"));
  expect(hurt.status?.damage).toBeNull();
  await hurt.stop();
  await hurt.start();
  expect(hurt.status?.damage).toBeNull();
  expect(hurt.status?.lastIndex).toBeGreaterThan(20);
});
