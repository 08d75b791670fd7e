import { test } from "bun:test";
import { expectChecksInVm, mayRunInVm, VM_TEST_TIMEOUT_MS } from "./checks-in-vm.ts";

test.skipIf(!mayRunInVm())(
  "the tasks of a pod are held to their own limits, or to those of the pod",
  () => expectChecksInVm("pods-guest.ts", 17),
  VM_TEST_TIMEOUT_MS,
);
