import { expect, test } from "bun:test";
import type { Quota } from "../../src/model/quota.ts";
import { decodeCommands, encodeCommands } from "../../src/registry/codec.ts";
import { FEATURE_LEVEL, levelOf } from "../../src/registry/command-level.ts";
import type { Command } from "../../src/registry/commands.ts";
import { Registry } from "../../src/registry/registry.ts";

function quota(guarantees: Record<string, number>, limits: Record<string, number>): Quota {
  return { guarantees: new Map(Object.entries(guarantees)), limits: new Map(Object.entries(limits)) };
}

const WEIGHTS: Command = {
  kind: "update-weights",
  weights: [
    ["eng/build", 2.5],
    ["*", 1],
  ],
};
const QUOTA: Command = {
  kind: "update-quota",
  quotas: [
    ["eng", quota({ cpus: 1_500 }, { cpus: 2_000, mem: 0 })],
    ["ops", quota({}, { mem: 32_000 })],
  ],
};

test("weights and quota are set all at once, survive a restart, and quota of nothing is none", () => {
  const registry = new Registry();
  const bytes = encodeCommands([WEIGHTS, QUOTA]);
  expect(decodeCommands(bytes)).toEqual([WEIGHTS, QUOTA]);
  expect(registry.applyEntry(bytes).outcomes).toEqual([{ accepted: true }, { accepted: true }]);
  const loaded = Registry.from(
    registry.takeChanges().flatMap(([key, value]) => (value === null ? [] : [[key, value] as const])),
  );
  for (const { weights, quotas } of [registry, loaded]) {
    expect(weights).toEqual(
      new Map([
        ["eng/build", 2.5],
        ["*", 1],
      ]),
    );
    expect([...quotas.keys()]).toEqual(["eng", "ops"]);
    expect(quotas.get("eng")).toEqual(quota({ cpus: 1_500 }, { cpus: 2_000, mem: 0 }));
  }
  expect(loaded.digest()).toBe(registry.digest());
  loaded.applyEntry(encodeCommands([{ kind: "update-quota", quotas: [["eng", quota({}, {})]] }]));
  expect([...loaded.quotas.keys()]).toEqual(["ops"]);
  expect(loaded.takeChanges().some(([, value]) => value === null)).toBe(true);
});

test("masters of the version before them are not sent any", () => {
  expect(levelOf([WEIGHTS])).toBe(2);
  expect(levelOf([QUOTA])).toBe(2);
  expect(FEATURE_LEVEL).toBeGreaterThanOrEqual(2);
});
