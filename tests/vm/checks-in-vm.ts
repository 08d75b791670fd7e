/** Runs a guest program in the virtual machine and takes what it found for the result of a test. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkLines, expectChecks } from "../support/guest-checks.ts";
import { mayRun } from "../support/must-run.ts";
import { kernelName, type MachineOptions, missingForVm, runInVm } from "./machine.ts";
import { MACHINE_TIMEOUT_MS } from "./qemu.ts";

/** Above the machine's own limit, which tells why. */
export const VM_TEST_TIMEOUT_MS = MACHINE_TIMEOUT_MS + 60_000;

/** Whether the tests that need the machine are run; says why not. */
export function mayRunInVm(): boolean {
  const missing = missingForVm();
  if (missing !== undefined) console.log(`The virtual machine is not run: ${missing}`);
  return mayRun(missing === undefined);
}

/** `guest`: a program of this folder. Fewer checks than `checksMin` mean that it did not do its work. */
export async function expectChecksInVm(
  guest: string,
  checksMin: number,
  options: MachineOptions = {},
): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "mesh-vm-"));
  try {
    const output = await runInVm(join(import.meta.dir, guest), directory, options);
    try {
      expectChecks(output, checksMin);
    } catch (error) {
      console.log(`${kernelName()}\n${output}`);
      throw error;
    }
    console.log([kernelName(), ...checkLines(output)].join("\n"));
  } finally {
    rmSync(directory, { recursive: true });
  }
}
