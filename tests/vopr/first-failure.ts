/** Runs seeds until one fails: the first and how many at most in, `{ seeds, seed, message }` out. */
import { drawOptions } from "./options.ts";
import { simulate } from "./simulate.ts";

const [first, most] = process.argv.slice(2).map(Number);
if (first === undefined || most === undefined) throw new Error("Give the first seed and how many to try");
let seeds = 0;
let message: string | null = null;
while (message === null && seeds < most) {
  const { violation } = simulate(first + seeds, drawOptions(first + seeds));
  seeds++;
  if (violation !== null) message = `${violation.name}: ${violation.message}`.split("\n")[0] ?? "";
}
const seed = message === null ? null : first + seeds - 1;
process.stdout.write(JSON.stringify({ seeds, seed, message }));
