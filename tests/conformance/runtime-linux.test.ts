import { availableForms, LinuxMachine } from "../support/linux-machine.ts";
import { runtimeConformance } from "./runtime.ts";

for (const form of await availableForms()) {
  runtimeConformance(`real processes, ${form}`, () => new LinuxMachine(form));
}
