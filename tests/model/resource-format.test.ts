import { describe, expect, test } from "bun:test";
import { plainPart, toResources, toSimpleObject } from "../../src/model/resource-format.ts";
import { Resources } from "../../src/model/resources.ts";
import type { Resource } from "../../src/model/v1/resources.ts";

function of(...resources: Resource[]): Resources {
  const result = Resources.from(resources);
  if (!result.ok) throw new Error(result.error);
  return result.value;
}

const CPUS = { name: "cpus", type: "SCALAR", scalar: { value: 1.5 } } as const;
const DYNAMIC = { type: "DYNAMIC", role: "web", principal: "p" } as const;

describe("toResources", () => {
  test("unreserved", () => {
    expect(toResources(of(CPUS))).toEqual([CPUS]);
    expect(toResources(of(CPUS), "plain")).toEqual([{ ...CPUS, role: "*" }]);
    expect(toResources(of(CPUS), "endpoint")).toEqual([{ ...CPUS, role: "*" }]);
  });

  test("statically reserved", () => {
    const all = of({ ...CPUS, role: "web" });
    const reservations = [{ type: "STATIC" as const, role: "web" }];
    expect(toResources(all)).toEqual([{ ...CPUS, reservations }]);
    expect(toResources(all, "plain")).toEqual([{ ...CPUS, role: "web" }]);
    expect(toResources(all, "endpoint")).toEqual([{ ...CPUS, role: "web", reservations }]);
  });

  test("dynamically reserved", () => {
    const all = of({ ...CPUS, reservations: [DYNAMIC] });
    expect(toResources(all, "plain")).toEqual([{ ...CPUS, role: "web", reservation: { principal: "p" } }]);
    expect(of(...toResources(all, "plain")).equals(all)).toBe(true);
  });

  test("a refined reservation is left out of the plain part", () => {
    const refined = of({ ...CPUS, reservations: [DYNAMIC, { type: "DYNAMIC", role: "web/a" }] });
    expect(plainPart(refined).isEmpty()).toBe(true);
    expect(() => toResources(refined, "plain")).toThrow();
    expect(toResources(refined)[0]?.reservations?.length).toBe(2);
  });

  test("allocation, disk, revocable, provider are kept", () => {
    const disk: Resource = {
      provider_id: { value: "rp" },
      name: "disk",
      type: "SCALAR",
      scalar: { value: 5 },
      allocation_info: { role: "web" },
      disk: { source: { type: "MOUNT", mount: { root: "/m" } } },
      revocable: {},
    };
    expect(toResources(of(disk))).toEqual([disk]);
  });
});

describe("toSimpleObject", () => {
  test("sums over roles, prints ranges and sets as text", () => {
    const ports = (begin: number, end: number, role: string): Resource => ({
      name: "ports",
      type: "RANGES",
      ranges: { range: [{ begin, end }] },
      role,
    });
    const all = of(
      CPUS,
      { ...CPUS, role: "web" },
      { ...CPUS, revocable: {} },
      ports(31000, 31010, "*"),
      ports(32000, 32000, "web"),
      { name: "tags", type: "SET", set: { item: ["b", "a"] } },
    );
    expect(toSimpleObject(all)).toEqual({
      cpus: 3,
      gpus: 0,
      mem: 0,
      disk: 0,
      cpus_revocable: 1.5,
      ports: "[31000-31010, 32000-32000]",
      tags: "{a, b}",
    });
  });
});
