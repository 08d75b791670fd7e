import { expect, test } from "bun:test";
import { createHmac } from "node:crypto";
import { ExecutorTokens } from "../../src/io/executor-tokens.ts";

const CLAIMS = { fid: "f", eid: "e", cid: "c" };
const tokens = new ExecutorTokens(Buffer.from("key"));
const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
const signed = (head: unknown, payload: unknown, key = "key"): string => {
  const text = `${part(head)}.${part(payload)}`;
  return `${text}.${createHmac("sha256", key).update(text).digest("base64url")}`;
};
const HEAD = { alg: "HS256", typ: "JWT" };
const check = (token: string): unknown => {
  const checked = tokens.check(token, 1_000_000);
  return checked.ok ? checked.value : checked.error;
};

test("what is issued is accepted by the same key, and is the same each time", () => {
  expect(tokens.issue(CLAIMS)).toBe(signed(HEAD, CLAIMS));
  expect(check(tokens.issue(CLAIMS))).toEqual(CLAIMS);
  expect(new ExecutorTokens(Buffer.from("other")).check(tokens.issue(CLAIMS), 0).ok).toBe(false);
});

test("claims that are no texts are shown as JSON", () => {
  expect(check(signed(HEAD, { a: 1, b: "x", exp: 1_001 }))).toEqual({ a: "1", b: "x", exp: "1001" });
});

test.each([
  ["", "Expected 3 components in token, got 1"],
  ["a.b.c.d", "Expected 3 components in token, got 4"],
  ["{.b.c", "Failed to parse token header"],
  [signed({ alg: "none" }, CLAIMS), "The token is not signed by HS256"],
  [signed(HEAD, CLAIMS, "other"), "Token signature does not match"],
  [`${signed(HEAD, CLAIMS).slice(0, -2)}`, "Token signature does not match"],
  [
    signed(HEAD, CLAIMS).replace(/\.[^.]*\./, `.${part({ ...CLAIMS, cid: "d" })}.`),
    "Token signature does not match",
  ],
  [`${part(HEAD)}.${part(CLAIMS)}.`, "Token signature does not match"],
  [signed(HEAD, [1]), "Failed to parse token payload"],
  [signed(HEAD, {}), "JWT claims missing"],
  [signed(HEAD, { ...CLAIMS, exp: 1_000 }), "Token has expired"],
  [signed(HEAD, { ...CLAIMS, exp: "never" }), "Token has expired"],
])("%s is refused", (token, reason) => expect(check(token)).toBe(reason));
