/** Fault domains: who may register, and who is offered agents of other regions (AGT-19, AGT-20). */
import { expect, test } from "bun:test";
import type { AgentToMaster } from "../../src/model/agent-protocol.ts";
import type { DomainInfo } from "../../src/model/v1/ids.ts";
import { decodeBlob, encodeBlob } from "../../src/wire/blob.ts";
import { MasterBench } from "../support/master-bench.ts";

function domainOf(region: string): DomainInfo {
  return { fault_domain: { region: { name: region }, zone: { name: "z1" } } };
}

function registration(bench: MasterBench, host: number, domain: DomainInfo | undefined): AgentToMaster {
  const message = bench.registration(host, undefined, []);
  if (message.kind !== "register-agent" || domain === undefined) return message;
  return { ...message, info: encodeBlob("AgentInfo", { ...decodeBlob("AgentInfo", message.info), domain }) };
}

function leading(region: string | undefined, requireAgentDomain = false): MasterBench {
  const own = region === undefined ? {} : { domain: domainOf(region) };
  const address = { id: "m1", hostname: "master.test", ip: "10.0.0.1", port: 5050, ...own };
  const bench = new MasterBench({ address, requireAgentDomain });
  bench.lead();
  return bench;
}

const AWARE = [{ type: "PARTITION_AWARE" as const }, { type: "REGION_AWARE" as const }];

test("agents of another region are offered only to frameworks that are aware of regions", () => {
  const bench = leading("eu");
  bench.fromAgent(1, registration(bench, 1, domainOf("eu")));
  bench.fromAgent(2, registration(bench, 2, domainOf("us")));
  bench.fromAgent(3, registration(bench, 3, undefined));
  const plain = bench.framework();
  expect(plain.offers.map((offer) => offer.agent_id.value).sort()).toEqual(["m1-S0", "m1-S2"]);
  expect(bench.core.leader?.allocator.explain(plain.id, bench.now)?.roles[0]).toMatchObject({
    agents: { capabilityMissing: 1 },
    missingCapabilities: new Map([["REGION_AWARE", 1]]),
  });
  const aware = bench.framework({ capabilities: AWARE });
  expect(aware.offers).toMatchObject([{ agent_id: { value: "m1-S1" }, domain: domainOf("us") }]);
});

test("SUBSCRIBED names the domain of the master", () => {
  const bench = leading("eu");
  const streamId = bench.subscribe();
  expect(bench.events(streamId)[0]?.subscribed?.master_info?.domain).toEqual(domainOf("eu"));
});

test("a master without a domain refuses agents that have one", () => {
  const bench = leading(undefined);
  bench.fromAgent(1, registration(bench, 1, domainOf("eu")));
  expect(bench.toAgent(1)).toMatchObject([
    { kind: "agent-refused", mayReturn: true, reason: expect.stringContaining("the master has none") },
  ]);
});

test("a master that requires domains refuses agents without", () => {
  const bench = leading("eu", true);
  bench.fromAgent(1, registration(bench, 1, undefined));
  bench.fromAgent(2, registration(bench, 2, domainOf("us")));
  expect(bench.toAgent(1)).toMatchObject([
    { kind: "agent-refused", reason: expect.stringContaining("start it with --domain") },
  ]);
  expect(bench.toAgent(2)).toMatchObject([{ kind: "agent-registered" }]);
});
