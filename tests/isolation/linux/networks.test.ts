/** Containers on networks of their own, with the plugins of Debian and some that misbehave. */
import { test } from "bun:test";
import { join } from "node:path";
import { expectChecksInOwnNetwork, mayJoinNetworks } from "../../support/own-network.ts";

const TIMEOUT_MS = 90_000;

test.skipIf(!mayJoinNetworks())(
  "containers join networks, and give back what they had of them",
  () => expectChecksInOwnNetwork(join(import.meta.dir, "networks-guest.ts"), 36, TIMEOUT_MS),
  TIMEOUT_MS,
);
