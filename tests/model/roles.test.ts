import { describe, expect, test } from "bun:test";
import { checkRole, isStrictSubrole, topRole } from "../../src/model/roles.ts";

describe("checkRole", () => {
  test.each(["*", "web", "eng/web", "a/b/c", "a-b", "a.b", "ü", "..."])("%s is valid", (role) => {
    expect(checkRole(role)).toBeUndefined();
  });

  test.each([
    ["", "must not be empty"],
    ["/a", "start with a slash"],
    ["a/", "end with a slash"],
    ["a//b", "two slashes"],
    [".", "'.' cannot be a component"],
    ["a/..", "'..' cannot be a component"],
    ["a/*", "'*' cannot be a component"],
    ["-a", "must not start with '-'"],
    ["a/-b", "must not start with '-'"],
    ["a b", "white space"],
    ["a\tb", "white space"],
    ["a\n", "white space"],
    ["a\u007fb", "delete"],
  ])("%j is refused", (role, reason) => {
    expect(checkRole(role)).toContain(reason);
  });
});

test("a role has as many characters as an allocator's tree can bear", () => {
  expect(checkRole("a".repeat(1_024))).toBeUndefined();
  expect(checkRole("a".repeat(1_025))).toContain("has 1025 characters, more than 1024");
});

test("isStrictSubrole", () => {
  expect(isStrictSubrole("a/b", "a")).toBe(true);
  expect(isStrictSubrole("a/b/c", "a/b")).toBe(true);
  expect(isStrictSubrole("a", "a")).toBe(false);
  expect(isStrictSubrole("ab", "a")).toBe(false);
  expect(isStrictSubrole("a", "a/b")).toBe(false);
});

test("topRole", () => {
  expect(topRole("a/b/c")).toBe("a");
  expect(topRole("a")).toBe("a");
});
