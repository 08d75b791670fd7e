/**
 * An agent process that takes up the container argv[2] on the machine in argv[3] with the form in argv[4],
 * launches argv[5] as JSON, which ends while all descriptors are taken, and says which ends it heard of.
 */
import { closeSync, openSync } from "node:fs";
import { ok } from "../../../src/base/result.ts";
import type { ContainerSpec } from "../../../src/isolation/container.ts";
import { type Form, LinuxMachine } from "../../support/linux-machine.ts";

/** Ten looks at what was taken up. */
const EXHAUSTED_MS = 200;

const [, , id = "", directory = "", form = "posix", ending = ""] = process.argv;
const machine = new LinuxMachine(form as Form, directory);
const runtime = machine.open(async () => ok(undefined));
const spec = JSON.parse(ending) as ContainerSpec;
const exits: Record<string, unknown> = {};
runtime.onExit((containerId, exit) => {
  exits[containerId] = exit;
});
await runtime.recover([id]);
await runtime.launch(spec);
const taken: number[] = [];
function takeAll(): void {
  try {
    for (;;) taken.push(openSync("/dev/null", "r"));
  } catch {
    // There is none left.
  }
}
// What ends lets go of some.
for (const until = performance.now() + EXHAUSTED_MS; performance.now() < until; await Bun.sleep(1)) takeAll();
takeAll();
const state = await runtime.inspect(id).catch(() => "cannot be told");
const during = exits[id] ?? "nothing";
for (const file of taken) closeSync(file);
while (exits[spec.containerId] === undefined) await Bun.sleep(5);
const killed = await runtime.kill(id);
console.log(JSON.stringify({ state, during, exits, killed }));
process.exit(0);
