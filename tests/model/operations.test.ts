import { describe, expect, test } from "bun:test";
import { Random } from "../../src/base/random.ts";
import { asRegistered, checkpointedPart, withCheckpointed } from "../../src/model/checkpointed-resources.ts";
import { applyChange, changeOf, difference, type OperationRules } from "../../src/model/operations.ts";
import { Resources } from "../../src/model/resources.ts";
import type { OfferOperation } from "../../src/model/v1/offers.ts";
import type { Resource } from "../../src/model/v1/resources.ts";
import { OperationTwin, plain, volume } from "./operation-twin.ts";

function of(...resources: Resource[]): Resources {
  const result = Resources.from(resources);
  if (!result.ok) throw new Error(result.error);
  return result.value;
}

const FRAMEWORK: OperationRules = {
  role: "a",
  principal: undefined,
  sharedVolumes: false,
  total: Resources.EMPTY,
};
const OPERATOR: OperationRules = { ...FRAMEWORK, role: undefined, sharedVolumes: true };

function refusal(operation: OfferOperation, rules: Partial<OperationRules> = {}): string {
  const change = changeOf(operation, { ...FRAMEWORK, ...rules });
  return change.ok ? "" : change.error;
}

test("random lists of operations do what the obvious twin does", () => {
  let done = 0;
  for (let seed = 0; seed < 40; seed++) {
    const random = new Random(seed);
    const twin = new OperationTwin();
    let total = of(...twin.resources());
    const start = total;
    for (let step = 0; step < 150; step++) {
      const { operation, apply } = twin.draw(random);
      const change = changeOf(operation, { ...OPERATOR, total });
      const applied = change.ok ? applyChange(total, change.value) : change;
      expect(applied.ok, `seed ${seed} step ${step}: ${JSON.stringify(operation)} on ${total}`).toBe(apply());
      if (!applied.ok) continue;
      done++;
      const net = difference(total, applied.value);
      expect(applyChange(total, net)).toEqual(applied);
      total = applied.value;
      expect(total.equals(of(...twin.resources()))).toBe(true);
      // What was made of it, laid over what was there at first, is the same again.
      expect(asRegistered(total).equals(start)).toBe(true);
      expect(withCheckpointed(start, checkpointedPart(total))).toEqual({ ok: true, value: total });
    }
  }
  expect(done).toBeGreaterThan(300);
});

describe("RESERVE and UNRESERVE", () => {
  const reserve = (...resources: Resource[]): OfferOperation => ({ type: "RESERVE", reserve: { resources } });

  test("only for the role of the offer, dynamically, and with the framework's principal", () => {
    expect(refusal(reserve(plain("cpus", "a", 1)))).toBe("");
    expect(refusal(reserve(plain("cpus", "b", 1)))).toContain("reserved for role 'b'");
    expect(refusal(reserve(plain("cpus", "", 1)))).toContain("not dynamically reserved");
    expect(refusal(reserve({ ...plain("cpus", "", 1), role: "a" }))).toContain("not dynamically reserved");
    expect(refusal(reserve(plain("cpus", "a", 1)), { principal: "p" })).toContain("names no principal");
    const named: Resource = { ...plain("cpus", "", 1), role: "a", reservation: { principal: "p" } };
    expect(refusal(reserve(named), { principal: "p" })).toBe("");
    expect(refusal(reserve(named), { principal: "q" })).toContain("principal 'p'");
    expect(refusal(reserve(volume("v", "a", 1)))).toContain("destroy it first");
    expect(refusal(reserve())).toBe("No resources are named");
    const other = { ...plain("cpus", "a", 1), allocation_info: { role: "b" } };
    expect(refusal(reserve(other))).toContain("allocation role 'b'");
  });

  test("labels make another reservation; a refinement takes from the one above", () => {
    const labelled: Resource = {
      ...plain("cpus", "", 1),
      role: "a",
      reservation: { labels: { labels: [{ key: "k" }] } },
    };
    const total = of(plain("cpus", "a", 2));
    const unreserve = changeOf({ type: "UNRESERVE", unreserve: { resources: [labelled] } }, FRAMEWORK);
    expect(unreserve.ok && applyChange(total, unreserve.value).ok).toBe(false);
    const refine = changeOf(reserve(plain("cpus", "a a/b", 2)), { ...FRAMEWORK, role: "a/b" });
    expect(refine.ok && refine.value.consumed.equals(total)).toBe(true);
  });

  test("one port cannot be reserved twice: it would be there twice", () => {
    const ports = (label: string, begin: number, end: number): Resource => ({
      name: "ports",
      type: "RANGES",
      ranges: { range: [{ begin, end }] },
      reservations: [{ type: "DYNAMIC", role: "a", labels: { labels: [{ key: label }] } }],
    });
    const overlap = "'ports:[2-3]' is named twice";
    expect(refusal(reserve(ports("x", 1, 3), ports("y", 2, 5)))).toContain(overlap);
    expect(refusal(reserve(ports("x", 1, 1), ports("y", 2, 5)))).toBe("");
    const more = { source: [ports("x", 1, 5)], resources: [ports("y", 1, 3), ports("z", 2, 5)] };
    expect(refusal({ type: "RESERVE", reserve: more }, OPERATOR)).toContain(overlap);
    const names = (label: string): Resource => {
      const { ranges: _, ...rest } = ports(label, 1, 1);
      return { ...rest, name: "names", type: "SET", set: { item: ["n"] } };
    };
    expect(refusal(reserve(names("x"), names("y")))).toContain("'names:{n}' is named twice");
  });

  test("an operator moves a reservation to another role, a framework cannot", () => {
    const operation: OfferOperation = {
      type: "RESERVE",
      reserve: { source: [plain("cpus", "a", 1)], resources: [plain("cpus", "c", 1)] },
    };
    const change = changeOf(operation, OPERATOR);
    expect(change.ok && applyChange(of(plain("cpus", "a", 1)), change.value)).toEqual({
      ok: true,
      value: of(plain("cpus", "c", 1)),
    });
    expect(refusal(operation, { role: "c" })).toContain("Frameworks cannot change reservations");
    const more = { source: [plain("cpus", "a", 1)], resources: [plain("cpus", "c", 2)] };
    expect(refusal({ type: "RESERVE", reserve: more }, OPERATOR)).toContain("other amounts");
  });
});

describe("volumes", () => {
  const create = (...volumes: Resource[]): OfferOperation => ({ type: "CREATE", create: { volumes } });

  test("need reserved disk, a free id, a good name, and a capability to be shared", () => {
    expect(refusal(create(volume("v", "a", 1)))).toBe("");
    expect(refusal(create(volume("v", "", 1)))).toContain("reserve the disk first");
    expect(refusal(create(plain("disk", "a", 1)))).toContain("no persistent volume");
    expect(refusal(create(volume("../v", "a", 1)))).toContain("Invalid persistence ID");
    expect(refusal(create(volume("v", "a", 1)), { total: of(volume("v", "a", 3)) })).toContain(
      "already exists",
    );
    expect(refusal(create(volume("v", "a", 1), volume("v", "a", 2)))).toContain("already exists");
    expect(refusal(create({ ...volume("v", "a", 1), shared: {} }))).toContain("SHARED_RESOURCES");
    expect(refusal(create(volume("v", "a", 1)), { principal: "p" })).toContain("names no principal");
    const disk = { persistence: { id: "v" }, volume: { container_path: "d", mode: "RW" as const } };
    const hosted = { ...disk, volume: { ...disk.volume, host_path: "/etc" } };
    expect(refusal(create({ ...plain("disk", "a", 1), disk: hosted }))).toContain("host_path");
  });

  test("the mount point is no part of what a volume is", () => {
    const [one] = of(volume("v", "a", 1)).entries;
    const elsewhere = volume("v", "a", 1);
    const disk = { ...elsewhere.disk, volume: { container_path: "elsewhere", mode: "RW" as const } };
    expect(of({ ...elsewhere, disk }).entries[0]?.identity.key).toBe(one?.identity.key ?? "");
  });

  test("shared ones and those on a mount cannot be resized", () => {
    const shrink = (resource: Resource): OfferOperation => ({
      type: "SHRINK_VOLUME",
      shrink_volume: { volume: resource, subtract: { value: 1 } },
    });
    expect(refusal(shrink({ ...volume("v", "a", 2), shared: {} }))).toContain("shared");
    const { disk } = volume("v", "a", 2);
    const mounted = {
      ...volume("v", "a", 2),
      disk: { ...disk, source: { type: "MOUNT" as const, mount: {} } },
    };
    expect(refusal(shrink(mounted))).toContain("MOUNT");
    expect(refusal(shrink(volume("v", "a", 1)))).toContain("smaller than the volume");
  });
});

test("a machine that lost what is reserved on it does not fit its reservations", () => {
  const fit = withCheckpointed(of(plain("cpus", "", 1)), of(plain("cpus", "a", 2)));
  expect(fit.ok ? "" : fit.error).toContain("do not hold its reservations");
});
