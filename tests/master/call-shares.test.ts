import { expect, test } from "bun:test";
import { WAITING_CALLS_PER_FRAMEWORK_MAX } from "../../src/base/limits.ts";
import { CallShares } from "../../src/master/call-shares.ts";

test("a framework has a bounded number of calls waiting, whatever others do", () => {
  const shares = new CallShares();
  for (let i = 0; i < WAITING_CALLS_PER_FRAMEWORK_MAX; i++) expect(shares.enter("noisy")).toBe(true);
  expect(shares.enter("noisy")).toBe(false);
  expect(shares.enter("calm")).toBe(true);
  shares.leave("noisy");
  expect(shares.enter("noisy")).toBe(true);
  expect(shares.enter("noisy")).toBe(false);
});
