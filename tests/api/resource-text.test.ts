import { expect, test } from "bun:test";
import {
  endpointResource,
  quantitiesJson,
  rangesText,
  reservedByRole,
  resourcesJson,
  unreserved,
} from "../../src/api/resource-text.ts";
import type { Resource } from "../../src/model/v1/resources.ts";
import { scalar } from "../support/cluster-sample.ts";

const reservation = (role: string, type: "STATIC" | "DYNAMIC" = "STATIC"): Partial<Resource> => ({
  reservations: [{ type, role, ...(type === "DYNAMIC" && { principal: "p" }) }],
});

test("sums do not drift, and other kinds are text", () => {
  const tenths = Array.from({ length: 10 }, () => scalar("cpus", 0.1));
  expect(resourcesJson(tenths)).toBe('{"cpus":1.0,"gpus":0.0,"mem":0.0,"disk":0.0}');
  const resources: Resource[] = [
    scalar("mem", 1.5),
    scalar("tokens", 2),
    scalar("cpus", 3, { revocable: {} }),
    { name: "ports", type: "RANGES", ranges: { range: [{ begin: 5, end: 7 }] } },
    { name: "ports", type: "RANGES", ranges: { range: [{ begin: 1, end: 4 }] } },
    { name: "zones", type: "SET", set: { item: ["b", "a"] } },
    { name: "zones", type: "SET", set: { item: ["a", "c"] } },
  ];
  expect(JSON.parse(resourcesJson(resources))).toEqual({
    cpus: 0,
    gpus: 0,
    mem: 1.5,
    disk: 0,
    tokens: 2,
    cpus_revocable: 3,
    ports: "[1-7]",
    zones: "{a, b, c}",
  });
  expect(quantitiesJson([scalar("cpus", 0.1), scalar("cpus", 0.2)])).toBe('{"cpus":0.3}');
});

test("ranges are sorted and joined", () => {
  const ranges = [
    { begin: 32000, end: 32000 },
    { begin: 31000, end: 31010 },
    { begin: 31005, end: 31020 },
    { begin: 31021, end: 31021 },
  ];
  expect(rangesText(ranges)).toBe("[31000-31021, 32000-32000]");
  expect(rangesText([])).toBe("[]");
  expect(ranges[0]).toEqual({ begin: 32000, end: 32000 });
});

test("reservations in either format", () => {
  const resources = [
    scalar("cpus", 1),
    scalar("cpus", 2, { role: "*" }),
    scalar("cpus", 3, { role: "old" }),
    scalar("cpus", 4, reservation("new")),
    scalar("cpus", 5, { reservations: [{ role: "a" }, { role: "a/b" }] }),
  ];
  expect([...reservedByRole(resources).keys()]).toEqual(["old", "new", "a/b"]);
  expect(unreserved(resources).map((resource) => resource.scalar?.value)).toEqual([1, 2]);
});

test("the endpoint format carries both", () => {
  expect(endpointResource(scalar("cpus", 1)).role).toBe("*");
  expect(endpointResource(scalar("cpus", 1, reservation("r")))).toMatchObject({
    role: "r",
    reservations: [{ type: "STATIC", role: "r" }],
  });
  const dynamic = endpointResource(scalar("cpus", 1, reservation("r", "DYNAMIC")));
  expect(dynamic).toMatchObject({ role: "r", reservation: { principal: "p" } });
  const refined = scalar("cpus", 1, { reservations: [{ role: "a" }, { role: "a/b" }] });
  expect(endpointResource(refined).role).toBeUndefined();
});
