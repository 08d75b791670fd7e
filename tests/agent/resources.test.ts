import { describe, expect, test } from "bun:test";
import { amountsOf, Usage } from "../../src/agent/accounting.ts";
import { agentResources, type MachineFacts } from "../../src/agent/resources.ts";

const GIB = 1024 ** 3;
const NOTHING: MachineFacts = { cpus: undefined, memBytes: undefined, diskBytes: undefined };

function amounts(flag: string | undefined, facts: MachineFacts): Record<string, number> {
  const resources = agentResources(flag, facts);
  if (!resources.ok) throw new Error(resources.error);
  return Object.fromEntries([...amountsOf(resources.value)].map(([name, milli]) => [name, milli / 1_000]));
}

describe("agentResources", () => {
  const table: [MachineFacts, Record<string, number>][] = [
    [
      { cpus: 8, memBytes: 16 * GIB, diskBytes: 100 * GIB },
      { cpus: 8, mem: 15 * 1024, disk: 95 * 1024, ports: 1_001 },
    ],
    [
      { cpus: 1, memBytes: 1.5 * GIB, diskBytes: 8 * GIB },
      { cpus: 1, mem: 768, disk: 4 * 1024, ports: 1_001 },
    ],
    [
      { cpus: 2, memBytes: 2 * GIB, diskBytes: 10 * GIB },
      { cpus: 2, mem: 1024, disk: 5 * 1024, ports: 1_001 },
    ],
    [NOTHING, { cpus: 1, mem: 1024, disk: 10 * 1024, ports: 1_001 }],
  ];
  for (const [facts, expected] of table) {
    test(`detects ${JSON.stringify(expected)}`, () => expect(amounts(undefined, facts)).toEqual(expected));
  }

  test("what the flag names is not detected", () => {
    const facts = { cpus: 8, memBytes: 16 * GIB, diskBytes: 100 * GIB };
    expect(amounts("cpus:2.5;ports:[8000-8009];bugs(debug):7", facts)).toEqual({
      cpus: 2.5,
      mem: 15 * 1024,
      disk: 95 * 1024,
      ports: 10,
      bugs: 7,
    });
    expect(amounts('[{"name":"mem","type":"SCALAR","scalar":{"value":64}}]', facts)["mem"]).toBe(64);
  });

  test("what names no role is reserved for the default role, detected or not", () => {
    const facts = { cpus: 8, memBytes: 16 * GIB, diskBytes: 100 * GIB };
    const resources = agentResources("cpus:2;mem(ads):64", facts, "web");
    const reserved = (resources.ok ? resources.value : []).map(({ name, reservations }) => ({
      name,
      reservations,
    }));
    const web = [{ type: "STATIC", role: "web" }];
    expect(reserved).toEqual(
      expect.arrayContaining([
        { name: "cpus", reservations: web },
        { name: "mem", reservations: [{ type: "STATIC", role: "ads" }] },
        { name: "disk", reservations: web },
        { name: "ports", reservations: web },
      ]),
    );
  });

  test("a flag that cannot be read is quoted", () => {
    const resources = agentResources("cpus:", NOTHING);
    expect(resources.ok ? "" : resources.error).toContain("'cpus:'");
  });
});

test("usage tells what is too much", () => {
  const usage = new Usage(new Map([["cpus", 4_000]]));
  usage.add(new Map([["cpus", 3_500]]));
  expect(usage.excess(new Map([["cpus", 500]]))).toBeUndefined();
  expect(usage.excess(new Map([["cpus", 501]]))).toBe("it asks for 0.501 cpus; of 4 in all, 0.5 are free");
  expect(usage.excess(new Map([["gpus", 1_000]]))).toBe("it asks for 1 gpus; of 0 in all, 0 are free");
  usage.remove(new Map([["cpus", 3_500]]));
  expect(usage.used("cpus")).toBe(0);
});
