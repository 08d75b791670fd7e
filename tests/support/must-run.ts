/**
 * Tests that need more than every machine has (root, a kernel feature) are
 * skipped where it is missing, but never in continuous integration: there a
 * missing piece is a failure of the machine's set-up.
 */
export function mayRun(possible: boolean): boolean {
  return possible || process.env["CI"] === "true";
}
