/** One portion of a sweep in a process of its own: first seed and count in, what came of them as JSON out. */
import { sweepHere } from "./sweep.ts";

const [first, count] = process.argv.slice(2).map(Number);
if (first === undefined || count === undefined)
  throw new Error("Give the first seed and the number of seeds");
process.stdout.write(JSON.stringify(sweepHere(first, count)));
