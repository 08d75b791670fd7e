import { test } from "bun:test";
import { expectChecksInVm, mayRunInVm, VM_TEST_TIMEOUT_MS } from "./checks-in-vm.ts";

test.skipIf(!mayRunInVm())(
  "containers are held to their resources on a pure cgroup v2 machine",
  () => expectChecksInVm("limits-guest.ts", 33, { disk: true }),
  VM_TEST_TIMEOUT_MS,
);
