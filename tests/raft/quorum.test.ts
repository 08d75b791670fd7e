import { expect, test } from "bun:test";
import { Random } from "../../src/base/random.ts";
import { countVotes, isQuorum, quorumIndex } from "../../src/raft/quorum.ts";
import type { Membership } from "../../src/raft/types.ts";

function membership(voters: readonly string[], outgoing: readonly string[] = []): Membership {
  return { voters, outgoing, learners: [], addresses: {}, removed: [], featureLevel: 1 };
}

test("half is no majority", () => {
  const four = membership(["a", "b", "c", "d"]);
  expect(isQuorum(four, (peer) => peer < "c")).toBe(false);
  expect(isQuorum(four, (peer) => peer < "d")).toBe(true);
});

test("a joint membership needs both majorities", () => {
  const joint = membership(["a", "b", "c"], ["c", "d", "e"]);
  expect(countVotes(joint, (peer) => (peer < "c" ? true : undefined))).toBe("pending");
  expect(countVotes(joint, (peer) => peer !== "d" && peer !== "e")).toBe("lost");
  expect(countVotes(joint, (peer) => peer < "e")).toBe("won");
  expect(quorumIndex(joint, (peer) => (peer < "c" ? 9 : peer === "c" ? 5 : 3))).toBe(3);
});

test("agrees with a dumb twin on random memberships", () => {
  const random = new Random(3);
  for (let round = 0; round < 2_000; round++) {
    const draw = () => ["a", "b", "c", "d", "e", "f", "g"].filter(() => random.chance(0.6));
    const members = membership(
      ["a", ...draw().filter((peer) => peer !== "a")],
      random.chance(0.5) ? draw() : [],
    );
    const match = new Map("abcdefg".split("").map((peer) => [peer, random.below(6)]));
    const matchOf = (peer: string) => match.get(peer) ?? 0;
    // The largest index for which each set has more than half at or above it.
    let expected = 0;
    for (let index = 1; index <= 6; index++) {
      const held = [members.voters, members.outgoing].every((set) => {
        return set.length === 0 || set.filter((peer) => matchOf(peer) >= index).length * 2 > set.length;
      });
      if (held) expected = index;
    }
    expect(quorumIndex(members, matchOf)).toBe(expected);
    expect(isQuorum(members, (peer) => matchOf(peer) >= 3)).toBe(expected >= 3);
  }
});
