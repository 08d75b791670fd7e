import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { limitRunning } from "../../../src/isolation/linux/cgroup.ts";

/** As the files of cgroupfs: read and written whole. */
const cgroup = mkdtempSync(`${tmpdir()}/mesh-cgroup-`);
afterAll(() => rmSync(cgroup, { recursive: true }));

test.each([
  ["100", "101", "101"],
  ["100", "99", "100"],
  ["100", "max", "max"],
  ["max", "100", "max"],
])("where processes are the memory limit only grows: %s, then %s", (present, wanted, after) => {
  writeFileSync(`${cgroup}/memory.max`, `${present}\n`);
  const files = [
    { file: "memory.max", value: wanted },
    { file: "cpu.weight", value: "7" },
  ];
  expect(limitRunning(cgroup, files).ok).toBe(true);
  expect(readFileSync(`${cgroup}/memory.max`, "utf8").trim()).toBe(after);
  expect(readFileSync(`${cgroup}/cpu.weight`, "utf8")).toBe("7");
});

test("of a cgroup that is gone the error says so", () => {
  const done = limitRunning(`${cgroup}/gone`, [{ file: "memory.max", value: "1" }]);
  expect(done).toMatchObject({ ok: false, error: expect.stringContaining("memory.max") });
});
