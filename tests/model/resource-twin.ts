/**
 * Resource arithmetic the slow, obvious way: a bag of units under each identity
 * text. The property tests compare src/model/resources.ts with it.
 */
import type { Random } from "../../src/base/random.ts";
import type { Resource } from "../../src/model/v1/resources.ts";

/** Unit → how many: thousandths under "milli", port numbers, set items, or whole indivisible resources. */
type Units = Map<string, number>;
export type Twin = Map<string, Units>;

export function twinOf(resources: readonly Resource[]): Twin {
  const twin: Twin = new Map();
  for (const resource of resources) {
    const { scalar, ranges, set, ...identity } = resource;
    const key = identityText(identity);
    const units = twin.get(key) ?? new Map<string, number>();
    if (isWhole(resource)) add(units, `whole ${scalar?.value}`, 1);
    else if (scalar) add(units, "milli", Math.round(scalar.value * 1000));
    for (const { begin, end } of ranges?.range ?? []) for (let i = begin; i <= end; i++) units.set(`${i}`, 1);
    for (const item of set?.item ?? []) units.set(item, 1);
    for (const [unit, count] of units) if (count === 0) units.delete(unit);
    if (units.size > 0) twin.set(key, units);
  }
  return twin;
}

function isWhole({ disk, shared }: Resource): boolean {
  return shared !== undefined || disk?.persistence !== undefined || disk?.source?.type === "MOUNT";
}

function identityText(identity: Partial<Resource>): string {
  const { role, reservation, reservations, ...rest } = identity;
  const layers = reservations ?? (role === undefined || role === "*" ? [] : [oldLayer(role, reservation)]);
  const texts = layers.map((layer) => JSON.stringify([layer.type, layer.role, layer.principal ?? ""]));
  const sorted = Object.entries(rest).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([sorted, texts]);
}

function oldLayer(role: string, reservation: Resource["reservation"]) {
  return { ...reservation, role, type: reservation ? ("DYNAMIC" as const) : ("STATIC" as const) };
}

function add(units: Units, unit: string, count: number): void {
  units.set(unit, (units.get(unit) ?? 0) + count);
}

export function twinAdd(a: Twin, b: Twin): Twin {
  const out: Twin = new Map([...a].map(([key, units]) => [key, new Map(units)]));
  for (const [key, units] of b) {
    const into = out.get(key) ?? new Map<string, number>();
    for (const [unit, count] of units) {
      if (unit === "milli" || unit.startsWith("whole")) add(into, unit, count);
      else into.set(unit, 1);
    }
    out.set(key, into);
  }
  return out;
}

export function twinSubtract(a: Twin, b: Twin): Twin {
  const out: Twin = new Map();
  for (const [key, units] of a) {
    const rest: Units = new Map();
    for (const [unit, count] of units) {
      const left = count - (b.get(key)?.get(unit) ?? 0);
      if (left > 0) rest.set(unit, left);
    }
    if (rest.size > 0) out.set(key, rest);
  }
  return out;
}

export function twinContains(a: Twin, b: Twin): boolean {
  return [...b].every(([key, units]) =>
    [...units].every(([unit, count]) => (a.get(key)?.get(unit) ?? 0) >= count),
  );
}

/** Comparable form. */
export function twinText(twin: Twin): string {
  const lines = [...twin].map(([key, units]) => `${key} ${JSON.stringify([...units].sort())}`);
  return lines.sort().join("\n");
}

/** Valid resources out of few names, roles, reservations and disks, so that they often meet. */
export function randomResources(random: Random): Resource[] {
  return Array.from({ length: random.below(6) }, () => randomResource(random));
}

function randomResource(random: Random): Resource {
  const allocation = random.chance(0.5) ? { allocation_info: { role: random.pick(["a", "b"]) } } : {};
  const base = { ...randomReservation(random), ...allocation };
  switch (random.below(5)) {
    case 0:
      return { name: "ports", type: "RANGES", ranges: { range: randomRanges(random) }, ...base };
    case 1:
      return { name: "tags", type: "SET", set: { item: random.pick([["x"], ["y", "x"], ["z"]]) }, ...base };
    case 2:
      return { ...randomDisk(random), ...base };
    default: {
      const scalar = { value: random.below(4_000) / 1000 };
      return { name: random.pick(["cpus", "mem"]), type: "SCALAR", scalar, ...base };
    }
  }
}

function randomReservation(random: Random): Partial<Resource> {
  return random.pick<Partial<Resource>>([
    {},
    { role: "*" },
    { role: "a" },
    { reservations: [{ type: "STATIC", role: "a" }] },
    { role: "a", reservation: { principal: "p" } },
    { reservations: [{ role: "a", type: "DYNAMIC", principal: "p" }] },
    {
      reservations: [
        { type: "DYNAMIC", role: "a" },
        { type: "DYNAMIC", role: "a/x" },
      ],
    },
  ]);
}

/** One or two intervals that do not overlap. */
function randomRanges(random: Random): { begin: number; end: number }[] {
  const begin = random.below(10);
  const end = begin + random.below(5);
  const second = end + 1 + random.below(3);
  return random.chance(0.5)
    ? [{ begin, end }]
    : [
        { begin: second, end: second + random.below(3) },
        { begin, end },
      ];
}

function randomDisk(random: Random): Resource {
  const volume = { container_path: "p", mode: "RW" } as const;
  const disk = random.pick<Resource["disk"]>([
    { persistence: { id: "v1" }, volume },
    { source: { type: "PATH", path: { root: "/d" } } },
    { source: { type: "MOUNT", mount: { root: "/m" } } },
  ]);
  const shared = disk?.persistence && random.chance(0.5) ? { shared: {} } : {};
  return {
    name: "disk",
    type: "SCALAR",
    scalar: { value: random.between(1, 2) },
    ...(disk && { disk }),
    ...shared,
  };
}
