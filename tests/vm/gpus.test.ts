import { test } from "bun:test";
import { expectChecksInVm, mayRunInVm, VM_TEST_TIMEOUT_MS } from "./checks-in-vm.ts";

test.skipIf(!mayRunInVm())(
  "GPUs are opened by those who hold them alone, across restarts of the agent",
  () => expectChecksInVm("gpus-guest.ts", 27, { modules: ["fs/overlayfs/overlay.ko"] }),
  VM_TEST_TIMEOUT_MS,
);
