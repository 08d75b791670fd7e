/**
 * Offer constraints: what an agent must be like before its resources are
 * offered to a framework in one role. Groups are alternatives, the constraints
 * of a group must all hold (Mesos: OfferConstraintsFilter).
 *
 * A constraint looks at the first attribute of the name. An attribute that is
 * not text passes every test of its text; one that is missing fails the tests
 * that ask for something and passes those that exclude something.
 */
import { ATTRIBUTE_CONSTRAINTS_MAX, CONSTRAINT_PATTERNS_MAX } from "../base/limits.ts";
import { fail, ok, type Result } from "../base/result.ts";
import type { AgentInfo } from "../model/v1/frameworks.ts";
import type { Attribute } from "../model/v1/resources.ts";
import type {
  AttributeConstraint,
  AttributeConstraintPredicate,
  AttributeConstraintSelector,
  OfferConstraints,
} from "../model/v1/scheduler.ts";
import { compilePattern, type PatternLimits, type TextPattern } from "../wire/text-pattern.ts";

/** What constraints look at. */
export type AgentFacts = Pick<AgentInfo, "hostname" | "attributes" | "domain">;

/** Filters end when they are not: who refused the agent may have missed an attribute that it has now. */
export function sameAttributes(a: AgentFacts, b: AgentFacts): boolean {
  return JSON.stringify(a.attributes ?? []) === JSON.stringify(b.attributes ?? []);
}

/** Value a constraint looks at: text, an attribute that is not text (`true`), or nothing. */
type Seen = string | true | undefined;

interface Test {
  readonly selector: AttributeConstraintSelector;
  holds(seen: Seen): boolean;
  /** For people: `rack = "a1"`. */
  readonly text: string;
}

/** The constraints of one framework in one role. */
export class RoleConstraints {
  /** Equal constraints have equal keys. */
  readonly key: string;
  readonly #groups: readonly (readonly Test[])[];

  constructor(key: string, groups: readonly (readonly Test[])[]) {
    this.key = key;
    this.#groups = groups;
  }

  accepts(agent: AgentFacts): boolean {
    return this.#groups.some((group) => group.every((test) => test.holds(seenBy(test.selector, agent))));
  }

  /** The constraints that the agent fails, each once, as people read them. */
  failedBy(agent: AgentFacts): string[] {
    const failed = this.#groups.flatMap((group) =>
      group.filter((test) => !test.holds(seenBy(test.selector, agent))).map((test) => test.text),
    );
    return [...new Set(failed)];
  }
}

export type ConstraintsByRole = ReadonlyMap<string, RoleConstraints>;

/** By role. The error is the reason for a refused SUBSCRIBE; the form must have been checked before. */
export function compileConstraints(
  constraints: OfferConstraints | undefined,
  limits: PatternLimits,
): Result<ConstraintsByRole> {
  const byRole = new Map<string, RoleConstraints>();
  const patterns = new Map<string, Result<TextPattern>>();
  let total = 0;
  for (const [role, { groups = [] }] of Object.entries(constraints?.role_constraints ?? {})) {
    const compiled: Test[][] = [];
    for (const { attribute_constraints = [] } of groups) {
      const tests: Test[] = [];
      for (const constraint of attribute_constraints) {
        total++;
        const regex = patternOf(constraint.predicate);
        if (regex !== undefined && !patterns.has(regex)) patterns.set(regex, compilePattern(regex, limits));
        if (patterns.size > CONSTRAINT_PATTERNS_MAX || total > ATTRIBUTE_CONSTRAINTS_MAX) return tooMany();
        const test = compileTest(constraint, regex === undefined ? undefined : patterns.get(regex));
        if (!test.ok) return fail(`A role ${role} has an invalid 'AttributeConstraint': ${test.error}`);
        tests.push(test.value);
      }
      compiled.push(tests);
    }
    byRole.set(role, new RoleConstraints(JSON.stringify(groups), compiled));
  }
  return ok(byRole);
}

function tooMany(): { readonly ok: false; readonly error: string } {
  return fail(
    `The offer constraints hold more than ${ATTRIBUTE_CONSTRAINTS_MAX} attribute constraints, or more than ` +
      `${CONSTRAINT_PATTERNS_MAX} different regular expressions; join some of them`,
  );
}

function patternOf({ text_matches, text_not_matches }: AttributeConstraintPredicate): string | undefined {
  return (text_matches ?? text_not_matches)?.regex;
}

function compileTest(
  { selector, predicate }: AttributeConstraint,
  pattern: Result<TextPattern> | undefined,
): Result<Test> {
  const name = selector.attribute_name ?? `@${(selector.pseudoattribute_type ?? "").toLowerCase()}`;
  const { exists, not_exists, text_equals, text_not_equals } = predicate;
  if (pattern !== undefined) {
    if (!pattern.ok) return pattern;
    const wanted = predicate.text_matches !== undefined;
    const holds = textTest(wanted, (text) => pattern.value.matches(text));
    return ok({
      selector,
      holds,
      text: `${name} ${wanted ? "matches" : "does not match"} ${pattern.value.source}`,
    });
  }
  if (exists !== undefined)
    return ok({ selector, holds: (seen) => seen !== undefined, text: `${name} exists` });
  if (not_exists !== undefined) {
    return ok({ selector, holds: (seen) => seen === undefined, text: `${name} does not exist` });
  }
  const value = (text_equals ?? text_not_equals)?.value;
  if (value === undefined) return fail("Unknown predicate type");
  const wanted = text_equals !== undefined;
  const holds = textTest(wanted, (text) => text === value);
  return ok({ selector, holds, text: `${name} ${wanted ? "is" : "is not"} ${JSON.stringify(value)}` });
}

function textTest(wanted: boolean, test: (text: string) => boolean): (seen: Seen) => boolean {
  return (seen) => {
    if (seen === undefined) return !wanted;
    return seen === true || test(seen) === wanted;
  };
}

function seenBy(selector: AttributeConstraintSelector, agent: AgentFacts): Seen {
  const { attribute_name: name, pseudoattribute_type: pseudo } = selector;
  if (name !== undefined) {
    const attribute = agent.attributes?.find((candidate) => candidate.name === name);
    return attribute === undefined ? undefined : textOf(attribute);
  }
  const fault = agent.domain?.fault_domain;
  if (pseudo === "HOSTNAME") return agent.hostname;
  if (pseudo === "REGION") return fault?.region.name;
  return fault?.zone.name;
}

function textOf({ type, text }: Attribute): string | true {
  return type === "TEXT" ? (text?.value ?? "") : true;
}
