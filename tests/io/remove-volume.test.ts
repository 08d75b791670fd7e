import { expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { removeVolume } from "../../src/io/remove-volume.ts";
import { removeDirectory } from "../support/remove-directory.ts";

test("a volume is out of the way at once; what it links to stays; none is fine; an error is said", async () => {
  const root = mkdtempSync(join(tmpdir(), "mesh-remove-"));
  const volume = join(root, "volumes/roles/web/v");
  expect(await removeVolume(volume, {})).toBeUndefined();
  mkdirSync(volume, { recursive: true });
  expect(await removeVolume(join(root, "volumes/roles", "r".repeat(300), "v"), {})).toBeUndefined();
  mkdirSync(join(root, "kept"));
  writeFileSync(join(root, "kept/file"), "");
  symlinkSync(join(root, "kept"), join(volume, "link"));
  expect(await removeVolume(volume, {})).toBeUndefined();
  expect(existsSync(volume)).toBe(false);
  expect(existsSync(join(root, "kept/file"))).toBe(true);

  mkdirSync(volume, { recursive: true });
  removeDirectory(join(root, "volumes/trash"));
  writeFileSync(join(root, "volumes/trash"), "");
  expect(await removeVolume(volume, {})).toContain("Cannot move");
  expect(existsSync(volume)).toBe(true);
  removeDirectory(root);
});

test("a whole disk is emptied and stays; one that is not there is said", async () => {
  const root = mkdtempSync(join(tmpdir(), "mesh-disk-"));
  for (const name of ["lost+found", ".hidden/deep"]) mkdirSync(join(root, name), { recursive: true });
  writeFileSync(join(root, "file"), "");
  expect(await removeVolume(root, { wholeDisk: true })).toBeUndefined();
  expect(readdirSync(root)).toEqual(["lost+found"]);
  removeDirectory(root);
  expect(await removeVolume(root, { wholeDisk: true })).toContain("Cannot empty the disk");
});
