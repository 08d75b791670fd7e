import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { domainOf } from "../../src/main/domain-flag.ts";
import { Flags } from "../../src/main/flags.ts";
import { MASTER_FLAGS } from "../../src/main/master-flags.ts";
import { settingsOf } from "../../src/main/master-settings.ts";

const EU = { fault_domain: { region: { name: "eu" }, zone: { name: "r1" } } };

test("a domain is JSON as the protobuf has it, or as the documents of Mesos write it, or in a file", () => {
  expect(domainOf(undefined)).toBeUndefined();
  expect(domainOf(JSON.stringify(EU))).toEqual(EU);
  expect(domainOf('{"fault_domain": {"region": "eu", "zone": "r1"}}')).toEqual(EU);
  const directory = mkdtempSync(join(tmpdir(), "mesh-domain-"));
  try {
    writeFileSync(join(directory, "domain"), JSON.stringify(EU));
    expect(domainOf(`file://${directory}/domain`)).toEqual(EU);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test("anything else is refused with an example", () => {
  for (const bad of ["eu", "{}", '{"fault_domain": {"region": "eu"}}', '{"fault_domain": 7}', "[]"]) {
    expect(() => domainOf(bad)).toThrow('{"fault_domain": {"region"');
  }
});

function settings(...given: [string, string][]) {
  return settingsOf(new Flags(MASTER_FLAGS, new Map(given.map(([name, value]) => [name, [value]])), {}));
}

test("limits of removals", () => {
  expect(settings()).toMatchObject({
    agentRemovalRate: undefined,
    recoveryAgentRemovalLimit: 1,
    registryMaxAgentAgeMs: 14 * 86_400_000,
    registryMaxAgentCount: 102_400,
    registryGcIntervalMs: 900_000,
    requireAgentDomain: false,
  });
  expect(
    settings(["agent-removal-rate-limit", "2/10mins"], ["recovery-agent-removal-limit", "25.5%"]),
  ).toMatchObject({
    agentRemovalRate: { count: 2, perMs: 600_000 },
    recoveryAgentRemovalLimit: 0.255,
  });
  for (const bad of ["1", "0/10mins", "1/10", "1/0secs", "1/2/3secs"]) {
    expect(() => settings(["agent-removal-rate-limit", bad])).toThrow("1/10mins");
  }
  for (const bad of ["50", "101%", "-1%", "x%"]) {
    expect(() => settings(["recovery-agent-removal-limit", bad])).toThrow("a percentage");
  }
});
