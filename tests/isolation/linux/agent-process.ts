/**
 * An agent process to be killed: launches the containers that argv[2] names as
 * JSON, on the machine in argv[3] with the form in argv[4], says so, and waits.
 */
import { fail, ok } from "../../../src/base/result.ts";
import type { ContainerSpec } from "../../../src/isolation/container.ts";
import { type Form, LinuxMachine } from "../../support/linux-machine.ts";

const [, , specs = "[]", directory = "", form = "posix"] = process.argv;
const machine = new LinuxMachine(form as Form, directory);
// A URI is never fetched to the end: that launch stays in the middle.
const runtime = machine.open(async (_uris, _sandbox, _owner, signal) => {
  console.log("fetching");
  await new Promise((resolve) => signal.addEventListener("abort", resolve));
  return signal.aborted ? fail("cancelled") : ok(undefined);
});
for (const spec of JSON.parse(specs) as ContainerSpec[]) {
  const launching = runtime.launch(spec);
  if (spec.uris.length > 0) continue;
  const launched = await launching;
  console.log(launched.ok ? `launched ${spec.containerId} ${launched.value.pid}` : launched.error.message);
}
setInterval(() => {}, 1_000);
