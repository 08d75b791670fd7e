/** What may change of an agent that comes back under its id (AGT-9). */
import { describe, expect, test } from "bun:test";
import { AGENT_KEY } from "../../src/agent/checkpoint.ts";
import { checkReconfiguration, refuseReconfiguration } from "../../src/agent/reconfiguration.ts";
import { encodeAgentRecord } from "../../src/agent/records.ts";
import { readCheckpoint } from "../../src/agent/recovery.ts";
import { parseAttributes } from "../../src/model/attributes.ts";
import type { AgentInfo } from "../../src/model/v1/frameworks.ts";
import { encodeBlob } from "../../src/wire/blob.ts";
import { MemoryDisk } from "../support/memory-checkpoint-store.ts";
import { AgentBench, CONFIG } from "./agent-bench.ts";

function info(
  changes: { cpus?: number; attributes?: string; region?: string; hostname?: string; port?: number } = {},
): AgentInfo {
  const { cpus = 4, attributes = "rack:a", region, hostname = "node1", port = 5051 } = changes;
  const parsed = parseAttributes(attributes);
  if (!parsed.ok) throw new Error(parsed.error);
  const domain =
    region === undefined
      ? {}
      : { domain: { fault_domain: { region: { name: region }, zone: { name: "z" } } } };
  const resources = [{ name: "cpus", type: "SCALAR" as const, scalar: { value: cpus } }];
  return { hostname, port, resources, attributes: parsed.value, ...domain };
}

const CHANGES: readonly (readonly [what: string, before: AgentInfo, now: AgentInfo, additive: boolean])[] = [
  ["more resources", info(), info({ cpus: 5 }), true],
  ["fewer resources", info(), info({ cpus: 3 }), false],
  ["a new attribute", info(), info({ attributes: "rack:a;ssd:yes" }), true],
  ["an attribute less", info(), info({ attributes: "" }), false],
  ["another value of an attribute", info(), info({ attributes: "rack:b" }), false],
  ["a first domain", info(), info({ region: "eu" }), true],
  ["another domain", info({ region: "eu" }), info({ region: "us" }), false],
  ["no domain any more", info({ region: "eu" }), info(), false],
  ["another host name", info(), info({ hostname: "node2" }), false],
  ["another port", info(), info({ port: 5052 }), false],
];

describe("a change to", () => {
  test.each(CHANGES)("%s", (_, before, now, additive) => {
    expect(checkReconfiguration("any", before, now)).toBeUndefined();
    expect(checkReconfiguration("equal", before, now)).toBeString();
    expect(checkReconfiguration("additive", before, now) === undefined).toBe(additive);
  });

  test("nothing is always allowed", () => {
    for (const policy of ["any", "equal", "additive"] as const) {
      expect(checkReconfiguration(policy, info({ region: "eu" }), info({ region: "eu" }))).toBeUndefined();
    }
  });
});

test("the refusal names what changed and the ways out; an agent without an id may be anything", () => {
  const record = { agentId: "A", term: 1, bootId: "b", info: encodeBlob("AgentInfo", info()) };
  const config = { ...CONFIG, info: info({ cpus: 3 }) };
  expect(() => refuseReconfiguration("additive", record, config)).toThrow(
    /agent A .*resources were cpus:4 and are cpus:3; .*delete "\/var\/lib\/mesh\/meta"/,
  );
  refuseReconfiguration("equal", { ...record, agentId: undefined }, config);
  refuseReconfiguration("equal", { ...record, info: undefined }, config);
  refuseReconfiguration("equal", undefined, config);
});

test("what the agent comes with is written down at its start, also over the record of an older version", async () => {
  const disk = new MemoryDisk();
  const store = disk.open();
  await store.write([
    { key: AGENT_KEY, value: encodeAgentRecord({ agentId: "A", term: 1, bootId: CONFIG.bootId }) },
  ]);
  await store.close();
  const recorded = (): Uint8Array | undefined => {
    const checkpoint = readCheckpoint(disk.entries());
    return checkpoint.ok ? checkpoint.value.agent?.info : undefined;
  };
  expect(recorded()).toBeUndefined();
  new AgentBench({ disk }).recover(() => ({ state: "never-started" }));
  expect(recorded()).toEqual(encodeBlob("AgentInfo", CONFIG.info));
});
