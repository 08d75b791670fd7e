/**
 * What a program that a test runs elsewhere (in a network of its own, in a
 * virtual machine) finds: lines `check <ok|FAILED> <what>`, after a failed one
 * what it saw instead, and at last "checks done". A line `seed <number>` is
 * told with each failure.
 */

/** Lines of the output that a failure repeats when the program did not come to its end. */
const TAIL_LINES = 20;
const DONE = "checks done";

/** For guests. @param seen what is told if it does not hold; of an array each element on a line of its own */
export function check(holds: boolean, what: string, seen: unknown = ""): void {
  console.log(`check ${holds ? "ok" : "FAILED"} ${what}`);
  if (holds) return;
  const parts = Array.isArray(seen) ? seen : [seen];
  const texts = parts.map((part: unknown) => (typeof part === "string" ? part : JSON.stringify(part)));
  for (const line of texts.join("\n").split("\n").filter(Boolean)) console.log(`  seen: ${line}`);
}

/** For guests, as their last word. */
export function checksDone(): void {
  console.log(DONE);
}

/** The lines about what holds and what does not, without anything else the program or its machine said. */
export function checkLines(output: string): string[] {
  return [...output.matchAll(/^check (?:ok|FAILED) .*$/gm)].map(([line]) => line);
}

/**
 * Throws what failed, with what was seen and the seed. Fewer checks than
 * `checksMin` mean that the program did not do its work.
 */
export function expectChecks(output: string, checksMin: number): void {
  const checks = checkLines(output);
  const failures = [...output.matchAll(/^check FAILED .*(?:\n {2}seen: .*)*/gm)].map(([lines]) => lines);
  const problems = [...failures];
  if (!output.includes(DONE)) problems.push(`It did not come to its end:\n${tail(output)}`);
  else if (checks.length < checksMin) problems.push(`It did not check at least ${checksMin} things`);
  if (problems.length === 0) return;
  const seed = /^seed \d+$/m.exec(output)?.[0];
  const which = seed === undefined ? "" : ` (${seed})`;
  throw new Error(`${failures.length} of ${checks.length} checks failed${which}\n${problems.join("\n")}`);
}

function tail(output: string): string {
  const lines = output.split("\n").filter((line) => line.trim() !== "");
  return lines
    .slice(-TAIL_LINES)
    .map((line) => `  ${line}`)
    .join("\n");
}
