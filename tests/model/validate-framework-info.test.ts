import { describe, expect, test } from "bun:test";
import type { FrameworkInfo } from "../../src/model/v1/frameworks.ts";
import type { AttributeConstraint, OfferConstraints } from "../../src/model/v1/scheduler.ts";
import { checkFrameworkInfo, checkSubscribe } from "../../src/model/validate-framework-info.ts";

const RULES = { rootSubmissions: true };
const INFO: FrameworkInfo = { user: "u", name: "n" };
const MULTI: FrameworkInfo = { ...INFO, capabilities: [{ type: "MULTI_ROLE" }] };

describe("checkFrameworkInfo", () => {
  test.each<[Partial<FrameworkInfo>, string]>([
    [{ ...MULTI, role: "a" }, "'FrameworkInfo.role' must not be set"],
    [{ roles: ["a"] }, "'FrameworkInfo.roles' must not be set"],
    [{ ...MULTI, roles: ["a", "b", "a"] }, "duplicate items: 'a'"],
    [{ ...MULTI, roles: ["a", "/b"] }, "'FrameworkInfo.roles' is not valid"],
    [{ role: "-a" }, "'FrameworkInfo.role' is not valid"],
    [{ id: { value: "a/b" } }, "'FrameworkInfo.id' is not valid"],
    [{ failover_timeout: 1e10 }, "failover_timeout"],
    [{ failover_timeout: Number.NaN }, "failover_timeout"],
    [filters({}), "must not be empty"],
    [filters({ cpus: { value: -1 } }), "'cpus' must be a finite amount"],
    [filters({ cpus: { value: Number.POSITIVE_INFINITY } }), "'cpus' must be a finite amount"],
  ])("%j is refused", (changes, reason) => {
    expect(checkFrameworkInfo({ ...INFO, ...changes }, RULES)).toContain(reason);
  });

  test.each<Partial<FrameworkInfo>>([
    {},
    { id: { value: "" } },
    { role: "a/b", failover_timeout: 9e9 },
    { ...MULTI, roles: ["*", "a"] },
    MULTI,
    filters({ cpus: { value: 0 } }),
  ])("%j is taken", (changes) => {
    expect(checkFrameworkInfo({ ...INFO, ...changes }, RULES)).toBeUndefined();
  });

  test("flags of the master", () => {
    const roleWhitelist = new Set(["a"]);
    expect(checkFrameworkInfo({ ...INFO, role: "b" }, { ...RULES, roleWhitelist })).toContain(
      "'b' are not present",
    );
    expect(checkFrameworkInfo({ ...INFO, role: "a" }, { ...RULES, roleWhitelist })).toBeUndefined();
    expect(checkFrameworkInfo({ ...INFO, user: "root" }, { rootSubmissions: false })).toContain("'root'");
    expect(checkFrameworkInfo({ ...INFO, user: "root" }, RULES)).toBeUndefined();
  });
});

function filters(quantities: Record<string, { value: number }>): Partial<FrameworkInfo> {
  return { offer_filters: { "*": { min_allocatable_resources: { quantities: [{ quantities }] } } } };
}

describe("checkSubscribe", () => {
  const GOOD: AttributeConstraint = { selector: { attribute_name: "rack" }, predicate: { exists: {} } };

  function constrained(role: string, constraints: AttributeConstraint[] | undefined): OfferConstraints {
    return {
      role_constraints: { [role]: { groups: constraints ? [{ attribute_constraints: constraints }] : [] } },
    };
  }

  test("suppressed roles must be the framework's", () => {
    const subscribe = { framework_info: { ...MULTI, roles: ["a"] }, suppressed_roles: ["b"] };
    expect(checkSubscribe(subscribe, RULES)).toBe(
      "Suppressed role 'b' is not contained in the list of roles",
    );
    expect(checkSubscribe({ ...subscribe, suppressed_roles: ["a"] }, RULES)).toBeUndefined();
  });

  test.each<[OfferConstraints, string]>([
    [constrained("b", [GOOD]), "'b', which is not one of the framework's"],
    [constrained("*", undefined), "at least one group"],
    [constrained("*", []), "at least one attribute constraint"],
    [constrained("*", [{ ...GOOD, selector: {} }]), "a selector names one"],
    [
      constrained("*", [{ ...GOOD, selector: { pseudoattribute_type: "UNKNOWN" } }]),
      "unknown pseudo-attribute",
    ],
    [constrained("*", [{ ...GOOD, predicate: {} }]), "exactly one predicate"],
    [constrained("*", [{ ...GOOD, predicate: { exists: {}, not_exists: {} } }]), "exactly one predicate"],
  ])("%j is refused", (offer_constraints, reason) => {
    expect(checkSubscribe({ framework_info: INFO, offer_constraints }, RULES)).toContain(reason);
  });

  test("good constraints", () => {
    const subscribe = { framework_info: INFO, offer_constraints: constrained("*", [GOOD]) };
    expect(checkSubscribe(subscribe, RULES)).toBeUndefined();
  });
});
