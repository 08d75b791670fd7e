import { expect, test } from "bun:test";
import { join } from "node:path";
import { PLANTED_BUGS } from "./planted-bugs.ts";

test.each(PLANTED_BUGS.map((bug) => [bug.name, bug] as const))("%s: can be planted", async (_name, bug) => {
  const source = await Bun.file(join(import.meta.dir, "../..", bug.file)).text();
  expect(source.split(bug.right)).toHaveLength(2);
  expect(bug.wrong).not.toBe(bug.right);
});

test("docs/planted-bugs.md has a row for each", async () => {
  const page = await Bun.file(join(import.meta.dir, "../../docs/planted-bugs.md")).text();
  const named = [...page.matchAll(/^\| (.+?) \| (?:\d|seed)/gm)].map(([, name]) => name);
  expect(named).toEqual(PLANTED_BUGS.map(({ name }) => name));
});
