import { expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { removeSandbox } from "../../src/io/remove-sandbox.ts";
import { removeDirectory } from "../support/remove-directory.ts";

test("a sandbox is out of the way at once; none is fine; what links lead to stays", async () => {
  const root = mkdtempSync(join(tmpdir(), "mesh-sandbox-"));
  const inside = join(root, "work/containers/a/containers");
  mkdirSync(join(inside, "n/deep"), { recursive: true });
  mkdirSync(join(root, "kept/n"), { recursive: true });
  symlinkSync(join(root, "kept"), join(inside, "n/link"));
  const removed = removeSandbox(join(root, "work"), join(inside, "n"));
  expect(existsSync(join(inside, "n"))).toBe(false);
  await removed;
  expect(readdirSync(join(root, "work/gc"))).toEqual([]);
  await removeSandbox(join(root, "work"), join(inside, "n"));
  await removeSandbox(join(root, "work"), join(root, "work/containers/none/containers/n"));

  renameSync(inside, `${inside}-away`);
  symlinkSync(join(root, "kept"), inside);
  expect(removeSandbox(join(root, "work"), join(inside, "n"))).rejects.toThrow();
  renameSync(join(root, "work/containers/a"), join(root, "work/containers/b"));
  mkdirSync(join(root, "elsewhere/containers/n"), { recursive: true });
  symlinkSync(join(root, "elsewhere"), join(root, "work/containers/a"));
  expect(removeSandbox(join(root, "work"), join(inside, "n"))).rejects.toThrow("leads elsewhere");
  for (const name of ["kept/n", "elsewhere/containers/n"]) expect(existsSync(join(root, name))).toBe(true);
  removeDirectory(root);
});
