import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Records } from "../../../src/isolation/linux/records.ts";
import { SMALL_DISKS_WORK, SmallDisk } from "../../e2e/small-disk.ts";

test.skipIf(!SMALL_DISKS_WORK)("a record for which the disk has no room leaves no file behind", () => {
  const root = mkdtempSync(join(tmpdir(), "mesh-records-"));
  try {
    using disk = new SmallDisk(join(root, "run"));
    const records = new Records(join(root, "run"));
    const record = { version: 1, containerId: "c", bootId: "b", namespaces: [], ownSession: true } as const;
    disk.fill();
    expect(() => records.create(record)).toThrow("ENOSPC");
    expect(records.ids()).toEqual([]);
    disk.free();
    expect(records.create(record)).toBeGreaterThan(0);
  } finally {
    rmSync(root, { recursive: true });
  }
});
