/** Changes of notes through the core of a leading master. */
import { expect, test } from "bun:test";
import type { NodeInput } from "../../src/master/node.ts";
import type { MasterEffect } from "../../src/master/types.ts";
import { FEATURE_LEVEL } from "../../src/registry/command-level.ts";
import { MasterCluster } from "../support/master-cluster.ts";

function put(ref: number, key: string, value: number, ifVersion?: number): NodeInput {
  return { kind: "note", ref, command: { kind: "put-note", key, value: new Uint8Array([value]), ifVersion } };
}

function answers(out: readonly MasterEffect[]): string[] {
  return out.flatMap((effect) => (effect.kind === "answer" ? [`${effect.ref}: ${effect.status}`] : []));
}

test("each request of a turn is answered with the fate of its own change", () => {
  const cluster = new MasterCluster(3);
  const leader = cluster.leader();
  cluster.give(
    leader.name,
    put(1, "a", 1, 0),
    put(2, "a", 2, 0),
    put(3, "b", 3),
    { kind: "note", ref: 4, command: { kind: "delete-note", key: "none", ifVersion: undefined } },
    put(5, "a", 5),
  );
  expect(answers(leader.out)).toEqual(["1: 200", "2: 412", "3: 200", "4: 404", "5: 200"]);
  expect(leader.node.registry.note("a")).toEqual({ value: new Uint8Array([5]), version: 3 });
});

test("a change without a quorum is not answered, and 503 when leadership is lost", () => {
  const cluster = new MasterCluster(3);
  const leader = cluster.leader();
  for (const name of cluster.members.keys()) if (name !== leader.name) cluster.stop(name);
  cluster.give(leader.name, put(1, "a", 1));
  expect(answers(leader.out)).toEqual([]);
  cluster.until(() => leader.node.core.leader === undefined);
  expect(answers(leader.out)).toEqual(["1: 503"]);
  cluster.give(leader.name, put(2, "a", 2));
  expect(answers(leader.out)).toEqual(["1: 503", "2: 503"]);
});

test("changes that come while two entries are under way go together in the next one", () => {
  const cluster = new MasterCluster(3);
  const leader = cluster.leader();
  cluster.until(() => leader.node.raftStatus().membership.featureLevel === FEATURE_LEVEL);
  const before = leader.node.raftStatus().lastIndex;
  const others = [...cluster.members.keys()].filter((name) => name !== leader.name);
  for (const name of others) cluster.stop(name);
  for (let ref = 1; ref <= 5; ref++) cluster.give(leader.name, put(ref, "a", ref));
  expect(leader.node.raftStatus().lastIndex).toBe(before + 2);
  for (const name of others) cluster.restart(name);
  cluster.until(() => answers(leader.out).length === 5);
  expect(answers(leader.out)).toEqual(["1: 200", "2: 200", "3: 200", "4: 200", "5: 200"]);
  expect(leader.node.raftStatus().lastIndex).toBe(before + 3);
});
