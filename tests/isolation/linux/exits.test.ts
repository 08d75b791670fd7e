import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EventFiles } from "../../../src/isolation/linux/exits.ts";

const FILES = 50;
/** Two lines a file, a moment between them: Bun alone tells of both only now and then. */
const WRITER = 'for f in "$@"; do echo 1 >>"$f"; /bin/true; echo 2 >>"$f"; done';

test("of two lines written one right after the other the second is told too", async () => {
  const directory = mkdtempSync(join(tmpdir(), "mesh-events-"));
  const events = new EventFiles(directory);
  try {
    const names = Array.from({ length: FILES }, (_, at) => `c${at}`);
    const whole = names.map((name) => {
      const { promise, resolve } = Promise.withResolvers<string>();
      events.listen(name, () => {
        if (statSync(join(directory, name)).size === "1\n2\n".length) resolve(name);
      });
      return promise;
    });
    const writer = Bun.spawn(["/bin/sh", "-c", WRITER, "sh", ...names], { cwd: directory });
    expect(await writer.exited).toBe(0);
    expect(await Promise.all(whole)).toEqual(names);
  } finally {
    events.close();
    rmSync(directory, { recursive: true });
  }
});
