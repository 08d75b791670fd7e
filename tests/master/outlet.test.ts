import { expect, test } from "bun:test";
import { Outlet } from "../../src/master/outlet.ts";

test("notices of the core go to the log, in their turn", () => {
  const lines: [string, object | undefined][] = [];
  const log = {
    debug() {},
    info() {},
    warn: (...line: [string, object?]) => lines.push([line[0], line[1]]),
    error() {},
  };
  const outlet = new Outlet(() => log);
  outlet.push({ kind: "notice", message: "a small one", fields: { frameworkId: "f" } });
  expect(lines).toEqual([]);
  outlet.say(() => false);
  expect(lines).toEqual([["a small one", { frameworkId: "f" }]]);
});
