import { test } from "bun:test";
import { expectChecksInVm, mayRunInVm, VM_TEST_TIMEOUT_MS } from "./checks-in-vm.ts";

test.skipIf(!mayRunInVm())(
  "containers in namespaces and cgroups on a pure cgroup v2 machine",
  () => expectChecksInVm("isolation-guest.ts", 20),
  VM_TEST_TIMEOUT_MS,
);
