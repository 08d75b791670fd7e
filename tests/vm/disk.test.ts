import { test } from "bun:test";
import { expectChecksInVm, mayRunInVm, VM_TEST_TIMEOUT_MS } from "./checks-in-vm.ts";

test.skipIf(!mayRunInVm())(
  "containers are held to their disk by project quotas of XFS",
  () =>
    expectChecksInVm("disk-guest.ts", 17, { disk: "xfs", modules: ["lib/libcrc32c.ko", "fs/xfs/xfs.ko"] }),
  VM_TEST_TIMEOUT_MS,
);
