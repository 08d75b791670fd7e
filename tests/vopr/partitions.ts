/** Ways in which a network falls apart: the shapes that Jepsen's nemesis uses. */
import type { Random } from "../../src/base/random.ts";
import type { PeerId } from "../../src/raft/types.ts";
import type { Path } from "./network.ts";

export const PARTITION_SHAPES = [
  "halves",
  "random-halves",
  "one",
  "majorities-ring",
  "stochastic-ring",
  "bridge",
  "minority-third",
  "primaries",
] as const;

export type PartitionShape = (typeof PARTITION_SHAPES)[number];

/** Paths to cut; `leaders` are those that lead or believe they do. */
export function partition(
  shape: PartitionShape,
  members: readonly PeerId[],
  leaders: readonly PeerId[],
  random: Random,
): Path[] {
  const shuffled = shuffle(members, random);
  switch (shape) {
    case "halves":
      return between(members.slice(0, members.length >> 1), members.slice(members.length >> 1));
    case "random-halves":
      return between(shuffled.slice(0, members.length >> 1), shuffled.slice(members.length >> 1));
    case "one":
      return between(shuffled.slice(0, 1), shuffled.slice(1));
    case "majorities-ring":
      return ring(shuffled);
    case "stochastic-ring":
      return stochasticRing(members, random);
    case "bridge": {
      const [, ...others] = shuffled;
      return between(others.slice(0, others.length >> 1), others.slice(others.length >> 1));
    }
    case "minority-third": {
      const third = Math.max(1, Math.floor((members.length - 1) / 2));
      return between(shuffled.slice(0, third), shuffled.slice(third));
    }
    case "primaries":
      return leaders.flatMap((leader) =>
        between(
          [leader],
          members.filter((other) => other !== leader),
        ),
      );
  }
}

/** Only one direction of each cut. */
export function oneWay(paths: readonly Path[], random: Random): Path[] {
  const forward = random.chance(0.5);
  return paths.filter((_, n) => (n % 2 === 0) === forward);
}

/** Everybody sees a majority, no two the same one. */
function ring(members: readonly PeerId[]): Path[] {
  const reach = members.length >> 2;
  return members.flatMap((a, n) =>
    members.slice(n + 1).flatMap((b, m): Path[] => {
      const distance = Math.min(m + 1, members.length - m - 1);
      return distance > Math.max(1, reach) ? between([a], [b]) : [];
    }),
  );
}

/** Links are cut at random as long as both ends still see a majority. */
function stochasticRing(members: readonly PeerId[], random: Random): Path[] {
  const sees = new Map(members.map((id) => [id, members.length]));
  const majority = Math.floor(members.length / 2) + 1;
  const pairs = members.flatMap((a, n) => members.slice(n + 1).map((b) => [a, b] as const));
  return shuffle(pairs, random).flatMap(([a, b]): Path[] => {
    const left = Math.min(sees.get(a) ?? 0, sees.get(b) ?? 0);
    if (left <= majority) return [];
    for (const end of [a, b]) sees.set(end, (sees.get(end) ?? 0) - 1);
    return between([a], [b]);
  });
}

/** Pairs of opposite paths, one after the other. */
function between(left: readonly PeerId[], right: readonly PeerId[]): Path[] {
  return left.flatMap((a) => right.flatMap((b): Path[] => [`${a}>${b}`, `${b}>${a}`]));
}

function shuffle<T>(items: readonly T[], random: Random): T[] {
  const out = [...items];
  for (let n = out.length - 1; n > 0; n--) {
    const m = random.below(n + 1);
    [out[n], out[m]] = [out[m] as T, out[n] as T];
  }
  return out;
}
