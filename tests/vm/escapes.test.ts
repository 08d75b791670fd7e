import { test } from "bun:test";
import { expectChecksInVm, mayRunInVm, VM_TEST_TIMEOUT_MS } from "./checks-in-vm.ts";
import { CALL_ATTEMPTS, SHELL_ATTEMPTS } from "./escape-attempts.ts";

test.skipIf(!mayRunInVm())(
  "known ways out of a container are closed to the tasks of a hardened agent",
  () => expectChecksInVm("escapes-guest.ts", SHELL_ATTEMPTS.length + CALL_ATTEMPTS.length, { disk: true }),
  VM_TEST_TIMEOUT_MS,
);
