import { expect, test } from "bun:test";
import { checkId } from "../../src/model/validate-ids.ts";

test.each(["a", "a.b", "...", "x".repeat(255), "task with blank", "ü", "ü".repeat(127)])(
  "%s is valid",
  (id) => {
    expect(checkId(id)).toBeUndefined();
  },
);

test.each([
  ["", "must not be empty"],
  ["x".repeat(256), "255 characters, got 256"],
  ["ü".repeat(128), "255 characters, got 256"],
  ["😀".repeat(64), "255 characters, got 256"],
  [".", "disallowed"],
  ["..", "disallowed"],
  ["a/b", "invalid characters"],
  ["a\\b", "invalid characters"],
  ["a\nb", "invalid characters"],
  ["a\u007f", "invalid characters"],
  ["a\ud800", "invalid characters"],
])("%j is refused", (id, reason) => {
  expect(checkId(id)).toContain(reason);
});
