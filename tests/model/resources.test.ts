import { describe, expect, test } from "bun:test";
import { Random } from "../../src/base/random.ts";
import { toResources } from "../../src/model/resource-format.ts";
import { Resources } from "../../src/model/resources.ts";
import type { Resource } from "../../src/model/v1/resources.ts";
import { randomResources, twinAdd, twinContains, twinOf, twinSubtract, twinText } from "./resource-twin.ts";

function of(...resources: Resource[]): Resources {
  const result = Resources.from(resources);
  if (!result.ok) throw new Error(result.error);
  return result.value;
}

function scalar(name: string, value: number, more: Partial<Resource> = {}): Resource {
  return { name, type: "SCALAR", scalar: { value }, ...more };
}

const VOLUME: Partial<Resource> = {
  role: "web",
  disk: { persistence: { id: "v1" }, volume: { container_path: "data", mode: "RW" } },
};

describe("Resources", () => {
  test("adds and subtracts thousandths without drift", () => {
    let sum = Resources.EMPTY;
    for (let i = 0; i < 10; i++) sum = sum.add(of(scalar("cpus", 0.1)));
    expect(sum.equals(of(scalar("cpus", 1)))).toBe(true);
    expect(sum.subtract(of(scalar("cpus", 0.999))).milli("cpus")).toBe(1);
    expect(of(scalar("cpus", 0.0004)).isEmpty()).toBe(true);
  });

  test("keeps parts apart that differ in reservation, allocation, disk or revocability", () => {
    const all = of(
      scalar("cpus", 1),
      scalar("cpus", 1, { role: "web" }),
      scalar("cpus", 1, { role: "web", reservation: { principal: "p" } }),
      scalar("cpus", 1, { allocation_info: { role: "web" } }),
      scalar("cpus", 1, { revocable: {} }),
      scalar("cpus", 1, { provider_id: { value: "rp" } }),
      scalar("cpus", 1, { role: "*" }),
    );
    expect(all.entries.length).toBe(6);
    expect(all.milli("cpus")).toBe(7_000);
    expect(all.reserved("web").milli("cpus")).toBe(2_000);
    expect(all.unreserved().milli("cpus")).toBe(5_000);
    expect(all.revocable().milli("cpus")).toBe(1_000);
    expect(all.nonRevocable().milli("cpus")).toBe(6_000);
    expect(of(scalar("cpus", 2)).contains(of(scalar("cpus", 1, { role: "web" })))).toBe(false);
  });

  test("both reservation formats mean the same", () => {
    const labels = { labels: [{ key: "a" }] };
    expect(
      of(scalar("mem", 1, { role: "web", reservation: { principal: "p", labels } })).equals(
        of(scalar("mem", 1, { reservations: [{ labels, principal: "p", role: "web", type: "DYNAMIC" }] })),
      ),
    ).toBe(true);
  });

  test("a volume is taken whole or not at all", () => {
    const volume = of(scalar("disk", 10, VOLUME));
    expect(volume.contains(of(scalar("disk", 5, VOLUME)))).toBe(false);
    expect(volume.subtract(of(scalar("disk", 5, VOLUME))).equals(volume)).toBe(true);
    expect(volume.subtract(volume).isEmpty()).toBe(true);
    const other = of(scalar("disk", 10, { ...VOLUME, disk: { ...VOLUME.disk, persistence: { id: "v2" } } }));
    expect(volume.add(other).contains(volume)).toBe(true);
    expect(other.contains(volume)).toBe(false);
  });

  test("a shared volume counts its users but its size once", () => {
    const shared = of(scalar("disk", 10, { ...VOLUME, shared: {} }));
    const twice = shared.add(shared);
    expect(twice.milli("disk")).toBe(10_000);
    expect(toResources(twice).length).toBe(1);
    expect(twice.subtract(shared).equals(shared)).toBe(true);
    expect(shared.contains(twice)).toBe(false);
  });

  test("ranges and sets", () => {
    const ports = (begin: number, end: number): Resource => ({
      name: "ports",
      type: "RANGES",
      ranges: { range: [{ begin, end }] },
    });
    const tags = (...item: string[]): Resource => ({ name: "tags", type: "SET", set: { item } });
    const all = of(ports(31000, 32000), tags("b", "a"));
    expect(all.contains(of(ports(31500, 31500), tags("a")))).toBe(true);
    expect(all.subtract(of(ports(31500, 31500), tags("a"))).toString()).toBe(
      "ports:[31000-31499, 31501-32000]; tags:{b}",
    );
    expect(all.contains(of(ports(30999, 31000)))).toBe(false);
    expect(all.quantities()).toEqual(new Map());
  });

  test("says what is missing", () => {
    const have = of(scalar("cpus", 1), scalar("mem", 64, { role: "web" }));
    expect(have.trySubtract(of(scalar("cpus", 2)))).toEqual({
      ok: false,
      error: "cpus:2 is not contained in cpus:1; mem(web):64",
    });
    expect(have.trySubtract(of(scalar("cpus", 1))).ok).toBe(true);
  });

  test("allocation is set and removed, parts that become equal are joined", () => {
    const mixed = of(scalar("cpus", 1), scalar("cpus", 2, { allocation_info: { role: "b" } }));
    expect(mixed.allocate("a").equals(of(scalar("cpus", 3, { allocation_info: { role: "a" } })))).toBe(true);
    expect(mixed.unallocated().equals(of(scalar("cpus", 3)))).toBe(true);
    expect([...mixed.allocations().keys()]).toEqual(["b"]);
  });

  test("who may get reserved resources", () => {
    const all = of(
      scalar("cpus", 1),
      scalar("cpus", 2, { role: "eng" }),
      scalar("cpus", 4, { role: "eng/web" }),
    );
    const milli = (role: string) => all.allocatableTo(role).milli("cpus");
    expect([milli("eng"), milli("eng/web"), milli("eng/web/x"), milli("engine"), milli("ads")]).toEqual([
      3_000, 7_000, 7_000, 1_000, 1_000,
    ]);
    expect([...all.reservations().keys()]).toEqual(["eng", "eng/web"]);
  });

  test("reservations are pushed and popped", () => {
    const plain = of(scalar("cpus", 1));
    const once = plain.pushReservation({ type: "DYNAMIC", role: "eng", principal: "p" });
    const twice = once.pushReservation({ type: "DYNAMIC", role: "eng/web" });
    expect(once.reserved("eng").milli("cpus")).toBe(1_000);
    expect(twice.reserved("eng/web").milli("cpus")).toBe(1_000);
    expect(twice.popReservation().equals(once)).toBe(true);
    expect(twice.popReservation().popReservation().equals(plain)).toBe(true);
  });
});

describe("against the slow twin", () => {
  const text = (resources: Resources) => twinText(twinOfAll(resources));

  test("add, subtract, contains, equals, sum, and the way back to messages", () => {
    const random = new Random(41);
    let contained = 0;
    for (let i = 0; i < 2_000; i++) {
      const x = randomResources(random);
      const y = random.chance(0.2) ? x.slice(random.below(3)) : randomResources(random);
      const [a, b] = [of(...x), of(...y)];
      const [ta, tb] = [twinSum(x), twinSum(y)];
      expect(text(a)).toBe(twinText(ta));
      const sum = a.add(b);
      expect(text(sum)).toBe(twinText(twinAdd(ta, tb)));
      expect(text(a.subtract(b))).toBe(twinText(twinSubtract(ta, tb)));
      expect(a.contains(b)).toBe(twinContains(ta, tb));
      expect(a.trySubtract(b).ok).toBe(a.contains(b));
      expect(a.equals(b)).toBe(twinText(ta) === twinText(tb));
      expect(sum.equals(b.add(a))).toBe(true);
      expect(sum.equals(Resources.sum([b, a]))).toBe(true);
      expect(sum.contains(a) && sum.contains(b)).toBe(true);
      if (a.contains(b) && !b.isEmpty()) contained++;
    }
    expect(contained).toBeGreaterThan(100);
  });

  /** Element by element, so that indivisible ones are counted. */
  function twinSum(resources: readonly Resource[]) {
    return resources.map((resource) => twinOf([resource])).reduce(twinAdd, new Map());
  }

  /** By its messages; a shared volume is written once, its users are added here. */
  function twinOfAll(resources: Resources) {
    const users = resources.entries.flatMap((entry) => {
      const one = resources.filter((identity) => identity === entry.identity);
      const same = toResources(one).find(
        (resource) => resource.scalar?.value === Number(entry.amount) / 1000,
      );
      return entry.identity.isShared && same ? new Array<Resource>(entry.count - 1).fill(same) : [];
    });
    return twinSum([...toResources(resources), ...users]);
  }
});

describe("messages", () => {
  test.each<[Resource, string]>([
    [scalar("", 1), "Empty resource name"],
    [scalar("cpus", -1), "Invalid scalar resource 'cpus': -1 is below 0"],
    [scalar("cpus", Number.NaN), "Invalid scalar resource 'cpus': NaN is too large"],
    [scalar("cpus", Number.POSITIVE_INFINITY), "too large"],
    [scalar("gpus", 0.5), "The 'gpus' resource must be a whole number, got 0.5"],
    [{ name: "cpus", type: "SCALAR" }, "needs 'scalar'"],
    [{ name: "x", type: "TEXT" }, "Unsupported resource type TEXT"],
    [{ name: "p", type: "RANGES", ranges: { range: [{ begin: 5, end: 4 }] } }, "begins after its end"],
    [
      {
        name: "p",
        type: "RANGES",
        ranges: {
          range: [
            { begin: 1, end: 4 },
            { begin: 4, end: 9 },
          ],
        },
      },
      "[1-4] and [4-9] overlap",
    ],
    [{ name: "s", type: "SET", set: { item: ["a", "a"] } }, "duplicated elements"],
    [scalar("cpus", 1, { role: "a b" }), "white space"],
    [scalar("cpus", 1, { reservation: {} }), "role '*' cannot be dynamically reserved"],
    [scalar("cpus", 1, { role: "a", reservations: [] }), "must not set 'role'"],
    [scalar("cpus", 1, { reservations: [{ role: "a" }] }), "'type' must be set"],
    [scalar("cpus", 1, { reservations: [{ type: "STATIC", role: "*" }] }), "role '*' cannot be reserved"],
    [
      scalar("cpus", 1, {
        reservations: [
          { type: "STATIC", role: "a" },
          { type: "STATIC", role: "a/b" },
        ],
      }),
      "must be DYNAMIC",
    ],
    [
      scalar("cpus", 1, {
        reservations: [
          { type: "STATIC", role: "a" },
          { type: "DYNAMIC", role: "b" },
        ],
      }),
      "role 'b' must lie below 'a'",
    ],
    [scalar("cpus", 1, { shared: {} }), "Only persistent volumes can be shared"],
    [scalar("cpus", 1, { disk: {} }), "DiskInfo should not be set for 'cpus'"],
    [scalar("cpus", 1, { role: "a", reservation: {}, revocable: {} }), "revocable"],
  ])("%j is refused", (resource, reason) => {
    const result = Resources.from([resource]);
    expect(result.ok ? "" : result.error).toContain(reason);
  });
});

test("capped: what is unreserved and firm is cut to size, entries of a name share its room", () => {
  const all = of(
    scalar("cpus", 4),
    { name: "cpus", type: "SCALAR", scalar: { value: 2 }, reservations: [{ type: "STATIC", role: "web" }] },
    { name: "cpus", type: "SCALAR", scalar: { value: 3 }, revocable: {} },
    { name: "gpus", type: "SCALAR", scalar: { value: 2 } },
    { name: "disk", type: "SCALAR", scalar: { value: 10 } },
    { name: "disk", type: "SCALAR", scalar: { value: 10 }, disk: { source: { type: "PATH" } } },
    { name: "disk", type: "SCALAR", scalar: { value: 10 }, disk: { source: { type: "MOUNT" } } },
    { name: "ports", type: "RANGES", ranges: { range: [{ begin: 1, end: 2 }] } },
  );
  const caps = new Map([
    ["cpus", 1_500],
    ["gpus", 1_500],
    ["disk", 15_000],
  ]);
  const part = all.capped((name) => caps.get(name) ?? Number.POSITIVE_INFINITY);
  expect(part.unreserved().nonRevocable().quantities()).toEqual(
    new Map([
      ["cpus", 1_500],
      ["disk", 15_000],
      ["gpus", 1_000],
    ]),
  );
  expect([part.reserved().milli("cpus"), part.revocable().milli("cpus")]).toEqual([2_000, 3_000]);
  expect(all.contains(part)).toBe(true);
  expect(all.capped(() => 20_000_000)).toBe(all);
});
