import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { mayRun } from "../support/must-run.ts";
import { checksOf, missingForVm, runInVm } from "./machine.ts";

const MINUTES_5 = 300_000;
/** Fewer checks than this means that the guest did not do its work. */
const CHECKS_MIN = 30;

const missing = missingForVm();
if (missing !== undefined) console.log(`The virtual machine is not run: ${missing}`);

test.skipIf(!mayRun(missing === undefined))(
  "containers are held to their resources on a pure cgroup v2 machine",
  async () => {
    const directory = mkdtempSync(join(tmpdir(), "mesh-vm-"));
    try {
      const output = await runInVm(join(import.meta.dir, "limits-guest.ts"), directory, { disk: true });
      console.log(output);
      const checks = checksOf(output);
      expect(checks.filter((check) => !check.ok)).toEqual([]);
      expect(checks.length).toBeGreaterThanOrEqual(CHECKS_MIN);
      expect(output).toContain("checks done");
    } finally {
      rmSync(directory, { recursive: true });
    }
  },
  MINUTES_5,
);
