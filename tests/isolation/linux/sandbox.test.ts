import { expect, test } from "bun:test";
import { chownSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ownSandbox } from "../../../src/isolation/linux/sandbox.ts";

const NOBODY = { uid: 65534, gid: 65534 };

test.skipIf(process.getuid?.() !== 0)("a directory is handed over after its content", async () => {
  const sandbox = mkdtempSync(join(tmpdir(), "mesh-own-"));
  const inner = join(sandbox, "inner");
  mkdirSync(inner);
  writeFileSync(join(inner, "file"), "");
  chownSync(sandbox, 0, 0);
  const done = ownSandbox(sandbox, NOBODY);
  // As long as anything is left to do, the user must not be able to replace it.
  const early = statSync(sandbox).uid;
  await done;
  expect(early).toBe(0);
  for (const path of [sandbox, inner, join(inner, "file")]) expect(statSync(path).uid).toBe(NOBODY.uid);
  rmSync(sandbox, { recursive: true });
});
