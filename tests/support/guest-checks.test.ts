import { expect, test } from "bun:test";
import { join } from "node:path";
import { checkLines, expectChecks } from "./guest-checks.ts";

/** What a guest that does this says. */
function said(program: string): string {
  const guest = `import { check, checksDone } from ${JSON.stringify(join(import.meta.dir, "guest-checks.ts"))};`;
  const done = Bun.spawnSync([process.execPath, "-e", `${guest}\n${program}`]);
  return `[    0.5] kernel noise\n${done.stdout}${done.stderr}`;
}

test("a guest whose checks hold", () => {
  const output = said('check(true, "a", "unseen"); console.log("more"); check(true, "b"); checksDone();');
  expect(checkLines(output)).toEqual(["check ok a", "check ok b"]);
  expectChecks(output, 2);
  expect(() => expectChecks(output, 3)).toThrow("0 of 2 checks failed\nIt did not check at least 3 things");
});

test("a failed check is told with what was seen and the seed, and nothing else is", () => {
  const output = said(`
    console.log("seed 42");
    check(true, "a");
    check(false, "b", [{ id: 1 }, "two\\nlines"]);
    check(false, "c");
    console.log("more");
    checksDone();
  `);
  const failed = 'check FAILED b\n  seen: {"id":1}\n  seen: two\n  seen: lines\ncheck FAILED c';
  expect(() => expectChecks(output, 1)).toThrow(new Error(`2 of 3 checks failed (seed 42)\n${failed}`));
});

test("a guest that dies is told by its last words", () => {
  const output = said('check(true, "a"); throw new Error("no such luck");');
  expect(() => expectChecks(output, 1)).toThrow(
    /0 of 1 checks failed\nIt did not come to its end:\n(.|\n)*no such luck/,
  );
});
