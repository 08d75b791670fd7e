import { test } from "bun:test";
import { expectChecksInVm, mayRunInVm, VM_TEST_TIMEOUT_MS } from "./checks-in-vm.ts";

test.skipIf(!mayRunInVm())(
  "containers in roots of their own, of layers by overlayfs",
  () => expectChecksInVm("images-guest.ts", 28, { modules: ["fs/overlayfs/overlay.ko"] }),
  VM_TEST_TIMEOUT_MS,
);
