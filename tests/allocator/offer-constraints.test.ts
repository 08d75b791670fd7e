import { expect, test } from "bun:test";
import { type AgentFacts, compileConstraints } from "../../src/allocator/offer-constraints.ts";
import { CONSTRAINT_PATTERNS_MAX } from "../../src/base/limits.ts";
import { parseAttributes } from "../../src/model/attributes.ts";
import type {
  AttributeConstraint,
  AttributeConstraintPredicate,
  AttributeConstraintSelector,
} from "../../src/model/v1/scheduler.ts";

const LIMITS = { maxMemBytes: 4096, maxProgramSize: 100 };

function compile(groups: AttributeConstraint[][]) {
  const role_constraints = {
    role: { groups: groups.map((attribute_constraints) => ({ attribute_constraints })) },
  };
  return compileConstraints({ role_constraints }, LIMITS);
}

function accepts(groups: AttributeConstraint[][], agent: AgentFacts): boolean | undefined {
  const compiled = compile(groups);
  return compiled.ok ? compiled.value.get("role")?.accepts(agent) : undefined;
}

function agentWith(attributes: string): AgentFacts {
  const parsed = parseAttributes(attributes);
  return { hostname: "host1", attributes: parsed.ok ? parsed.value : [] };
}

function bar(predicate: AttributeConstraintPredicate): AttributeConstraint {
  return { selector: { attribute_name: "bar" }, predicate };
}

/** Passes for: the value, another text, a number, ranges, no such attribute. */
const TABLE: readonly [AttributeConstraintPredicate, readonly boolean[]][] = [
  [{ exists: {} }, [true, true, true, true, false]],
  [{ not_exists: {} }, [false, false, false, false, true]],
  [{ text_equals: { value: "baz" } }, [true, false, true, true, false]],
  [{ text_not_equals: { value: "baz" } }, [false, true, true, true, true]],
  [{ text_matches: { regex: "[a-c]+z" } }, [true, false, true, true, false]],
  [{ text_not_matches: { regex: "[a-c]+z" } }, [false, true, true, true, true]],
];

for (const [predicate, expected] of TABLE) {
  test(`${Object.keys(predicate)[0]}: text decides, what is not text passes, what is missing fails what asks for it`, () => {
    const agents = ["bar:baz", "bar:zab", "bar:123", "bar:[1-17]", "foo:baz"].map(agentWith);
    expect(agents.map((agent) => accepts([[bar(predicate)]], agent))).toEqual([...expected]);
  });
}

test("of several attributes of the name the first counts", () => {
  const constraint = [[bar({ text_equals: { value: "baz" } })]];
  expect(accepts(constraint, agentWith("bar:baz;bar:foo"))).toBe(true);
  expect(accepts(constraint, agentWith("bar:foo;bar:baz"))).toBe(false);
});

test("hostname, region and zone", () => {
  const equals = (
    type: NonNullable<AttributeConstraintSelector["pseudoattribute_type"]>,
    value: string,
  ): AttributeConstraint[][] => [
    [{ selector: { pseudoattribute_type: type }, predicate: { text_equals: { value } } }],
  ];
  const domain = { fault_domain: { region: { name: "eu" }, zone: { name: "eu-1" } } };
  const agent = { hostname: "host1", domain };
  expect(accepts(equals("HOSTNAME", "host1"), agent)).toBe(true);
  expect(accepts(equals("HOSTNAME", "host2"), agent)).toBe(false);
  expect(accepts(equals("REGION", "eu"), agent)).toBe(true);
  expect(accepts(equals("ZONE", "eu-1"), agent)).toBe(true);
  expect(accepts(equals("ZONE", "eu"), agent)).toBe(false);
  expect(accepts(equals("REGION", "eu"), { hostname: "host1" })).toBe(false);
});

test("all constraints of a group, any of the groups; what failed is named", () => {
  const foo: AttributeConstraint = { selector: { attribute_name: "foo" }, predicate: { exists: {} } };
  const noBar = bar({ not_exists: {} });
  expect(["foo:1", "bar:1;foo:1", "baz:1"].map((a) => accepts([[foo, noBar]], agentWith(a)))).toEqual([
    true,
    false,
    false,
  ]);
  expect(["foo:1;bar:1", "baz:1", "bar:1"].map((a) => accepts([[foo], [noBar]], agentWith(a)))).toEqual([
    true,
    true,
    false,
  ]);
  const compiled = compile([[foo], [noBar, bar({ text_equals: { value: "x" } })]]);
  const role = compiled.ok ? compiled.value.get("role") : undefined;
  expect(role?.failedBy(agentWith("bar:y"))).toEqual(["foo exists", "bar does not exist", 'bar is "x"']);
});

test("a role without constraints takes every agent", () => {
  const compiled = compileConstraints({ role_constraints: {} }, LIMITS);
  expect(compiled.ok && compiled.value.size).toBe(0);
  expect(compileConstraints(undefined, LIMITS).ok).toBe(true);
});

test("a bad expression is named with its role; too many are refused", () => {
  expect(compile([[bar({ text_not_matches: { regex: "[a-d" } })]])).toEqual({
    ok: false,
    error:
      "A role role has an invalid 'AttributeConstraint': " +
      "Failed to construct regex from pattern '[a-d': missing closing ]: `[a-d`",
  });
  const many = Array.from({ length: CONSTRAINT_PATTERNS_MAX + 1 }, (_, i) =>
    bar({ text_matches: { regex: `a${i}` } }),
  );
  expect(compile([many.slice(1)]).ok).toBe(true);
  expect(compile([many.slice(1), many.slice(1)]).ok).toBe(true);
  const refused = compile([many]);
  expect(refused.ok ? "" : refused.error).toContain(`more than ${CONSTRAINT_PATTERNS_MAX} different regular`);
});
