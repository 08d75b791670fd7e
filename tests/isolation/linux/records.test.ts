import { expect, test } from "bun:test";
import { appendFileSync, closeSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Records } from "../../../src/isolation/linux/records.ts";
import { SMALL_DISKS_WORK, SmallDisk } from "../../e2e/small-disk.ts";

const RECORD = { version: 1, containerId: "c", bootId: "b", namespaces: [], ownSession: true } as const;

test("a note that the disk had room for in part counts for nothing, whatever follows it", () => {
  const root = mkdtempSync(join(tmpdir(), "mesh-records-"));
  const records = new Records(root);
  closeSync(records.create(RECORD));
  const resources = { cpusMilli: 1, memBytes: 2, diskBytes: 3 };
  expect(records.note("c", "mesh: resources ", resources)).toEqual({ ok: true, value: undefined });
  appendFileSync(records.path("c"), 'mesh: resources {"cpus');
  appendFileSync(records.path("c"), 'mesh: limitation {"res');
  appendFileSync(records.path("c"), "\nmesh: exit 3\n");
  expect(records.read("c")).toMatchObject({ resources, status: 3 });
  rmSync(root, { recursive: true });
});

test.skipIf(!SMALL_DISKS_WORK)("a record for which the disk has no room leaves no file behind", () => {
  const root = mkdtempSync(join(tmpdir(), "mesh-records-"));
  try {
    using disk = new SmallDisk(join(root, "run"));
    const records = new Records(join(root, "run"));
    disk.fill();
    expect(() => records.create(RECORD)).toThrow("ENOSPC");
    expect(records.ids()).toEqual([]);
    disk.free();
    expect(records.create(RECORD)).toBeGreaterThan(0);
  } finally {
    rmSync(root, { recursive: true });
  }
});
