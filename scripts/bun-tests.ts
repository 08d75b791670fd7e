/**
 * Runs `bun test` on some folders and counts. What runs no test has failed: a
 * wrong path or a file that does not load must not look like success.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

/** Bun's own 5 s are too few for real processes on a busy machine. */
const TEST_TIMEOUT_MS = 60_000;

export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** Runs the tests in `names`, files and folders below `folder`; the output goes where this process writes. */
export async function runBunTests(
  folder: string,
  names: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<Counts> {
  const missing = names.filter((name) => !existsSync(join(folder, name)));
  if (names.length === 0 || missing.length > 0) {
    console.log(`No tests in ${missing.map((name) => `tests/${name}`).join(", ")}: that counts as a failure`);
    return { passed: 0, failed: 1, skipped: 0 };
  }
  const scratch = mkdtempSync(join(tmpdir(), "mesh-test-"));
  try {
    const report = join(scratch, "report.xml");
    const paths = names.map((name) => join(folder, name));
    const outfile = `--reporter-outfile=${report}`;
    const child = Bun.spawn(
      [process.execPath, "test", `--timeout=${TEST_TIMEOUT_MS}`, "--reporter=junit", outfile, ...paths],
      {
        cwd: dirname(folder),
        env: { ...process.env, ...environment },
        stdio: ["ignore", "inherit", "inherit"],
      },
    );
    return judge(await child.exited, readReport(report));
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** Totals of a JUnit report; zeros where none was written. */
function readReport(path: string): { tests: number; failures: number; skipped: number } {
  const root = existsSync(path) ? (/<testsuites\b[^>]*>/.exec(readFileSync(path, "utf8"))?.[0] ?? "") : "";
  const count = (name: string): number => Number(new RegExp(`\\b${name}="(\\d+)"`).exec(root)?.[1] ?? 0);
  return { tests: count("tests"), failures: count("failures"), skipped: count("skipped") };
}

function judge(status: number, report: { tests: number; failures: number; skipped: number }): Counts {
  const passed = report.tests - report.failures - report.skipped;
  if (passed === 0) console.log("No test passed: that counts as a failure");
  // A file that does not load, or a crash, fails no single test but shows in the status.
  const unseen = (status !== 0 || passed === 0) && report.failures === 0 ? 1 : 0;
  return { passed, failed: report.failures + unseen, skipped: report.skipped };
}
