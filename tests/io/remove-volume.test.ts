import { expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { removeVolume } from "../../src/io/remove-volume.ts";

test("a volume is out of the way at once; what it links to stays; none is fine; an error is said", () => {
  const root = mkdtempSync(join(tmpdir(), "mesh-remove-"));
  const volume = join(root, "volumes/roles/web/v");
  expect(removeVolume(volume)).toBeUndefined();
  mkdirSync(volume, { recursive: true });
  mkdirSync(join(root, "kept"));
  writeFileSync(join(root, "kept/file"), "");
  symlinkSync(join(root, "kept"), join(volume, "link"));
  expect(removeVolume(volume)).toBeUndefined();
  expect(existsSync(volume)).toBe(false);
  expect(existsSync(join(root, "kept/file"))).toBe(true);

  mkdirSync(volume, { recursive: true });
  rmSync(join(root, "volumes/trash"), { recursive: true });
  writeFileSync(join(root, "volumes/trash"), "");
  expect(removeVolume(volume)).toContain("Cannot move");
  expect(existsSync(volume)).toBe(true);
  rmSync(root, { recursive: true });
});
