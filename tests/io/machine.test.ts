import { expect, test } from "bun:test";
import { tmpdir } from "node:os";
import { inspectMachine } from "../../src/io/machine.ts";

test("a machine has processors, memory, a disk and a boot that stays the same", () => {
  const machine = inspectMachine(tmpdir());
  expect(machine.cpus).toBeGreaterThanOrEqual(1);
  expect(machine.memBytes).toBeGreaterThan(64 * 1024 * 1024);
  expect(machine.diskBytes).toBeGreaterThan(0);
  expect(inspectMachine(tmpdir()).bootId).toBe(machine.bootId);
});

test("the disk of a directory that is not there cannot be told", () => {
  expect(inspectMachine("/no/such/directory").diskBytes).toBeUndefined();
});
