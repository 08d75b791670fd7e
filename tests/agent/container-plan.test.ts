import { expect, test } from "bun:test";
import { amountsOf } from "../../src/agent/accounting.ts";
import { containerResources } from "../../src/agent/container-plan.ts";
import type { Resource } from "../../src/model/v1/resources.ts";

const MIB = 1024 * 1024;
const disk = (value: number, more: Partial<Resource> = {}): Resource => ({
  ...{ name: "disk", type: "SCALAR", scalar: { value } },
  ...more,
});

test("the disk of a container is that of its sandbox; persistent volumes have their own", () => {
  const volume = disk(100, { disk: { persistence: { id: "v" } } });
  const resources = [disk(10), volume, disk(5, { reservations: [{ type: "STATIC", role: "a" }] })];
  const given = containerResources({ amounts: amountsOf(resources) }, { resources });
  expect(given.diskBytes).toBe(15 * MIB);
});
