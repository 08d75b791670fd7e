/**
 * Runs `bun test` on some folders and counts. What runs no test has failed: a
 * wrong path or a file that does not load must not look like success.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

/** Bun's own 5 s are too few for real processes on a busy machine. */
const TEST_TIMEOUT_MS = 60_000;

/** Lines of a failure that the summary repeats. */
const FAILURE_LINES = 40;

export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** What failed, a line or a few each: file, test and message. */
  readonly failures: readonly string[];
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
    return { passed: 0, failed: 1, skipped: 0, failures: ["tests that are not there"] };
  }
  const scratch = mkdtempSync(join(tmpdir(), "mesh-test-"));
  try {
    const report = join(scratch, "report.xml");
    const paths = names.map((name) => join(folder, name));
    const outfile = `--reporter-outfile=${report}`;
    const child = Bun.spawn(
      [
        process.execPath,
        "test",
        `--timeout=${TEST_TIMEOUT_MS}`,
        "--only-failures",
        "--reporter=junit",
        outfile,
        ...paths,
      ],
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

interface Report {
  readonly tests: number;
  readonly failures: number;
  readonly skipped: number;
  readonly failed: readonly string[];
}

/** Totals and failed tests of a JUnit report; zeros where none was written. */
function readReport(path: string): Report {
  const text = existsSync(path) ? readFileSync(path, "utf8") : "";
  const root = /<testsuites\b[^>]*>/.exec(text)?.[0] ?? "";
  const count = (name: string): number => Number(new RegExp(`\\b${name}="(\\d+)"`).exec(root)?.[1] ?? 0);
  // The text is the message with its place; a test that took too long has the message alone.
  const failed = [...text.matchAll(/(<testcase\b[^>]*>)\s*(<failure\b[^>]*>)([^<]*)/g)].map(
    ([, test = "", failure = "", message = ""]) =>
      `${attribute(test, "file")}: ${attribute(test, "name")}\n${indent(plain(message).trim() || attribute(failure, "message"))}`,
  );
  return { tests: count("tests"), failures: count("failures"), skipped: count("skipped"), failed };
}

function attribute(tag: string, name: string): string {
  return plain(new RegExp(`\\b${name}="([^"]*)"`).exec(tag)?.[1] ?? "");
}

function plain(text: string): string {
  const entities: Readonly<Record<string, string>> = {
    lt: "<",
    gt: ">",
    quot: '"',
    apos: "'",
    amp: "&",
    "#10": "\n",
  };
  return text.replaceAll(/&([a-z]+|#10);/g, (whole, name: string) => entities[name] ?? whole);
}

/** The first lines of a message, moved to the right. */
function indent(message: string): string {
  const lines = message.split("\n").filter((line) => line.trim() !== "");
  const shown = lines.slice(0, FAILURE_LINES);
  if (lines.length > shown.length) shown.push(`(and ${lines.length - shown.length} more lines)`);
  return shown.map((line) => `    ${line}`).join("\n");
}

function judge(status: number, report: Report): Counts {
  const passed = report.tests - report.failures - report.skipped;
  if (passed === 0) console.log("No test passed: that counts as a failure");
  // A file that does not load, or a crash, fails no single test but shows in the status.
  const unseen = (status !== 0 || passed === 0) && report.failures === 0;
  const failures = unseen ? [`bun test ended with status ${status}, no single test failed`] : report.failed;
  return { passed, failed: report.failures + (unseen ? 1 : 0), skipped: report.skipped, failures };
}
