import { expect, test } from "bun:test";
import { DigestWatch } from "../../src/master/digest-watch.ts";
import { MasterCluster } from "../support/master-cluster.ts";

const MEMBERS = ["a", "b", "c"];

/** Watches of three masters, each having applied one entry with the digest given. */
function watches(digests: Record<string, string>, levels: Record<string, number> = {}) {
  const all = new Map(MEMBERS.map((name) => [name, new DigestWatch(name, levels[name] ?? 1)]));
  for (const [name, watch] of all) if (digests[name] !== undefined) watch.applied(7, digests[name]);
  return all;
}

/** Carries messages until none is left; returns the alarms, in words. */
function settle(all: ReadonlyMap<string, DigestWatch>): string[] {
  const alarms: string[] = [];
  for (let busy = true; busy; ) {
    busy = false;
    for (const [name, watch] of all) {
      for (const effect of watch.takeEffects()) {
        busy = true;
        if (effect.kind === "send") all.get(effect.to)?.receive(name, effect.message);
        else alarms.push(`${name}: ${effect.self ? "I differ" : effect.differing.join()} at ${effect.index}`);
      }
    }
  }
  return alarms;
}

test("equal digests raise nothing, and are not compared again until something changed", () => {
  const all = watches({ a: "1", b: "1", c: "1" });
  const a = all.get("a") as DigestWatch;
  a.ask(MEMBERS, 0);
  expect(settle(all)).toEqual([]);
  expect([a.round?.digests.size, a.mismatches]).toEqual([3, 0]);
  a.ask(MEMBERS, 20_000);
  expect(a.takeEffects()).toEqual([]);
});

test("who differs from the majority is named, told, and stays so", () => {
  const all = watches({ a: "1", b: "1", c: "2" });
  all.get("a")?.ask(MEMBERS, 0);
  expect(settle(all)).toEqual(["a: c at 7", "c: I differ at 7"]);
  expect(MEMBERS.map((name) => all.get(name)?.diverged)).toEqual([false, false, true]);
  expect(all.get("a")?.mismatches).toBe(1);
});

test("a leader that differs itself finds that out", () => {
  const all = watches({ a: "2", b: "1", c: "1" });
  all.get("a")?.ask(MEMBERS, 0);
  expect(settle(all)).toContain("a: I differ at 7");
  expect(all.get("a")?.diverged).toBe(true);
});

test("without a majority nobody is condemned, but all are named", () => {
  const all = watches({ a: "1", b: "2", c: "3" });
  all.get("a")?.ask(MEMBERS, 0);
  expect(settle(all)).toEqual(["a: b,c at 7"]);
  expect(MEMBERS.some((name) => all.get(name)?.diverged)).toBe(false);
});

test("a member that lags answers when it is there", () => {
  const all = watches({ a: "1", b: "1" });
  all.get("a")?.ask(MEMBERS, 0);
  expect(settle(all)).toEqual([]);
  all.get("c")?.applied(6, "0");
  all.get("c")?.applied(7, "9");
  expect(settle(all)).toEqual(["a: c at 7", "c: I differ at 7"]);
});

test("who does not answer is asked again, and is not taken for one that differs", () => {
  const all = watches({ a: "1", b: "1", c: "1" });
  const a = all.get("a") as DigestWatch;
  a.ask(MEMBERS, 0);
  // The link to c is not there yet.
  for (const effect of a.takeEffects()) {
    if (effect.kind === "send" && effect.to === "b") all.get("b")?.receive("a", effect.message);
  }
  expect(settle(all)).toEqual([]);
  expect([a.round?.unheard, a.round?.differing]).toEqual([["c"], []]);
  expect(a.nextRoundMs()).toBeLessThan(2_000);
  a.ask(MEMBERS, a.nextRoundMs());
  expect(settle(all)).toEqual([]);
  expect(a.round?.unheard).toEqual([]);
});

test("a member that came is compared at once", () => {
  const all = watches({ a: "1", b: "1", c: "1" });
  const a = all.get("a") as DigestWatch;
  a.ask(["a"], 0);
  expect(a.round).toBeUndefined();
  for (const members of [["a", "b"], MEMBERS]) {
    a.membersChanged();
    a.ask(members, 1);
    expect(settle(all)).toEqual([]);
    expect([a.round?.members, a.round?.unheard]).toEqual([members.length, []]);
  }
});

test("builds of another feature level are not compared", () => {
  const all = watches({ a: "1", b: "1", c: "2" }, { c: 2 });
  all.get("a")?.ask(MEMBERS, 0);
  expect(settle(all)).toEqual([]);
});

test("a master whose registry drifted apart stops serving and leading", () => {
  const cluster = new MasterCluster(3);
  const first = cluster.leader();
  cluster.pass(1_000);
  const follower = [...cluster.members.values()].find((member) => member !== first);
  if (follower === undefined) throw new Error("No follower");
  cluster.stop(follower.name);
  const digest = follower.disk.state.get("digest");
  if (digest === undefined) throw new Error("No digest on disk");
  const wrong = Uint8Array.from(digest);
  wrong[wrong.length - 1] = (wrong[wrong.length - 1] ?? 0) ^ 1;
  follower.disk.state.set("digest", wrong);
  cluster.restart(follower.name);
  cluster.stop(first.name);
  const second = cluster.leader();
  cluster.restart(first.name);
  cluster.until(() => follower.node.digests.diverged, 60_000);
  expect(follower.node.leadership()).toEqual({ kind: "unknown" });
  cluster.until(() => follower.node.raftStatus().role !== "leader");
  const leader = cluster.leader();
  expect(leader).not.toBe(follower);
  expect(second.node.digests.diverged).toBe(second === follower);
});
