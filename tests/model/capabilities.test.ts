import { expect, test } from "bun:test";
import { capabilitiesOf, hasCapability, rolesOf } from "../../src/model/capabilities.ts";
import type { FrameworkInfo } from "../../src/model/v1/frameworks.ts";

const INFO: FrameworkInfo = { user: "u", name: "n" };

test("capabilities", () => {
  const info: FrameworkInfo = {
    ...INFO,
    capabilities: [{ type: "PARTITION_AWARE" }, {}, { type: "UNKNOWN" }],
  };
  expect([...capabilitiesOf(info)]).toEqual(["PARTITION_AWARE"]);
  expect(hasCapability(info, "PARTITION_AWARE")).toBe(true);
  expect(hasCapability(INFO, "MULTI_ROLE")).toBe(false);
});

test("roles", () => {
  expect(rolesOf(INFO)).toEqual(["*"]);
  expect(rolesOf({ ...INFO, role: "web" })).toEqual(["web"]);
  const capabilities = [{ type: "MULTI_ROLE" }] as const;
  expect(rolesOf({ ...INFO, roles: ["a", "b"], capabilities: [...capabilities] })).toEqual(["a", "b"]);
  expect(rolesOf({ ...INFO, capabilities: [...capabilities] })).toEqual([]);
});
